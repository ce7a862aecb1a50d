"""``toolenv retrieve``: indexes of APIs, searches, and how well they find what tasks need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.retrieve_api_sets import api_sets
from toolenv.cli.retrieve_evaluate import evaluate

if TYPE_CHECKING:
    from toolenv.apis import API
    from toolenv.formats import ReadReport
    from toolenv.jsontext import JsonValue
    from toolenv.retrieval import Corpus

__all__ = ["app"]

app = typer.Typer(
    help="Find APIs: index them, search, measure.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("index")
def build(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders of tools, instruction or task files, OpenAPI descriptions, corpus.tsv, "
            "module:function that makes tasks, or mcp:COMMAND."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    model: Annotated[
        str | None, typer.Option(help="An encoder: a folder or a name. Default: all-MiniLM-L6-v2.")
    ] = None,
    words_only: Annotated[
        bool, typer.Option("--words-only", help="No vectors: bm25 alone can be opened.")
    ] = False,
    document: Annotated[
        str, typer.Option(help="The documents' text: toolenv, or toolbench as its retriever's.")
    ] = "toolenv",
    requests: Annotated[
        list[Path] | None,
        typer.Option(help="Tasks whose requests APIs served, for tool2vec; repeatable."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on after what is malformed, and count it.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Index APIs, each once.

    Examples:

      toolenv retrieve index toolenv.mini:mini_tasks --words-only --out mini.index

      toolenv retrieve index tools --out tools.index

      toolenv retrieve index G1_instruction.json G2_instruction.json --out stb.index

      toolenv retrieve index openapi.yaml "mcp:python my_server.py" --words-only --out mine.index
    """
    with friendly_errors():
        from toolenv.cli.options import choices
        from toolenv.cli.progress import counted
        from toolenv.formats import ReadReport
        from toolenv.retrieval import DOCUMENT_FORMATS, MINILM, SentenceEncoder, build_index

        (form,) = choices([document], DOCUMENT_FORMATS, "--document")
        encoder = None if words_only else SentenceEncoder(model or MINILM)
        report = ReadReport()
        corpus = _read(sources, report, skip_bad=skip_bad)
        with counted("texts", quiet=as_json) as told:
            index = build_index(
                corpus,
                out,
                encoder=encoder,
                form=form,
                requests=_served(corpus, requests or []),
                report=told,
            )
        facts: dict[str, JsonValue] = {
            "index": str(out),
            "apis": len(corpus),
            "listed": corpus.listed,
            "equal texts": len(corpus.equal_texts),
            "corpus": corpus.digest,
            "encoder": index.manifest.encoder,
            "bytes": sum(index.manifest.files.values()),
            "skipped": [{"where": one.where, "why": one.why} for one in report.skipped],
        }
        if as_json:
            print_json(facts)
            return
        console.print(f"{len(corpus):,} APIs of {corpus.listed:,} listed", highlight=False)
        if corpus.equal_texts:
            console.print(f"{len(corpus.equal_texts):,} texts that several APIs share")
        for one in report.skipped:
            console.print(plain(f"left out: {one.where}: {one.why}"), soft_wrap=True)
        console.print(plain(f"index: {out}"), soft_wrap=True)


@app.command()
def search(
    retriever: Annotated[
        str, typer.Argument(help="bm25:FOLDER, dense:…, hybrid:…, tool2vec:…, trained:…")
    ],
    query: Annotated[str, typer.Argument(help="What is wanted.")],
    k: Annotated[int, typer.Option("-k", help="How many APIs.")] = 5,
    as_json: _Json = False,
) -> None:
    """Find APIs for a request.

    Examples:

      toolenv retrieve search hybrid:tools.index "Will it rain in Paris tomorrow?"

      toolenv retrieve search "bm25:tools.index|rewrite?model=gpt-4o-mini" "Plan my trip" -k 10
    """
    with friendly_errors():
        from contextlib import closing

        from rich.table import Column, Table

        from toolenv.retrieval import open_retriever

        with closing(open_retriever(retriever)) as opened:
            found = opened.search(query, k)
            names = opened.corpus.functions
        if as_json:
            print_json(
                [
                    {
                        "function": names[one.place],
                        "category": one.api.category,
                        "tool": one.api.tool,
                        "api": one.api.name,
                        "description": one.api.description,
                        "score": round(one.score, 6),
                    }
                    for one in found
                ]
            )
            return
        table = Table("score", Column("function", overflow="fold"), "what it does", box=None)
        for one in found:
            about = " ".join(one.api.description.split())[:120]
            table.add_row(f"{one.score:.3f}", plain(names[one.place]), plain(about))
        console.print(table if found else "nothing was found")


@app.command()
def export(
    tasks: Annotated[list[Path], typer.Argument(help="Tasks that say what is relevant.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    split: Annotated[str, typer.Option(help="What to call the queries: train, test, …")] = "train",
) -> None:
    """Write tasks as ToolBench's retriever reads them: corpus.tsv, queries, qrels.

    The corpus is what the tasks list.

    Example:

      toolenv retrieve export G1_instruction.json --split test --out retrieval
    """
    with friendly_errors():
        from toolenv.formats import read_tasks
        from toolenv.formats.toolbench.retrieval import write_retrieval_files
        from toolenv.retrieval import read_corpus

        corpus = read_corpus(tasks)
        asked = [task for path in tasks for task in read_tasks(path)]
        known = {task.id: places for task in asked if (places := corpus.relevant(task))}
        queries = {task.id: task.instruction for task in asked if task.id in known}
        write_retrieval_files(out, corpus.apis, {split: queries}, {split: known})
        left_out = len(asked) - len(queries)
        if left_out:
            console.print(f"left out: {left_out} tasks that name no relevant API, or an id again")
        console.print(f"{len(queries):,} queries, {len(corpus):,} APIs", highlight=False)
        console.print(plain(f"files: {out}"), soft_wrap=True)


@app.command()
def duplicates(
    index: Annotated[Path, typer.Argument(help="An index with vectors.")],
    least: Annotated[
        float, typer.Option(min=0, max=1, help="The cosine from which two documents are near.")
    ] = 0.95,
    as_json: _Json = False,
) -> None:
    """List APIs whose documents say nearly the same.

    Example:

      toolenv retrieve duplicates tools.index --least 0.9
    """
    with friendly_errors():
        from toolenv.retrieval import RetrievalIndex

        opened = RetrievalIndex(index)
        names = opened.corpus.functions
        found = opened.dense().index.near_duplicates(least)
        if as_json:
            print_json([[names[one], names[other]] for one, other in found])
            return
        for one, other in found:
            console.print(plain(f"{names[one]}  {names[other]}"), soft_wrap=True)
        console.print(f"{len(found):,} pairs of {len(names):,} APIs", highlight=False)


app.command()(evaluate)
app.command("api-sets")(api_sets)


def _read(sources: list[str], report: ReadReport, *, skip_bad: bool) -> Corpus:
    """The corpus of files, folders, functions that make tasks, and MCP servers."""
    from toolenv.cli.tools import apis_of_mcp
    from toolenv.env_settings import load_tasks
    from toolenv.retrieval import read_corpus

    files: list[str] = []
    more: list[API] = []
    for source in sources:
        if source.startswith("mcp:"):
            more += apis_of_mcp(source, "", None)
        elif ":" in source and "://" not in source and not Path(source).exists():
            more += [api for task in load_tasks(source, None) for api in task.apis]
        else:
            files.append(source)
    return read_corpus(files, more, skip_bad=skip_bad, report=report)


def _served(corpus: Corpus, files: list[Path]) -> dict[int, list[str]]:
    """The requests of task files, by the APIs that they need."""
    from toolenv.formats import read_tasks

    served: dict[int, list[str]] = {}
    for path in files:
        for task in read_tasks(path):
            for place in corpus.relevant(task):
                served.setdefault(place, []).append(task.instruction)
    return served
