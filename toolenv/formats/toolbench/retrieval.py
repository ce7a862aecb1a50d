"""ToolBench's files for its API retriever: a corpus, queries, and which documents answer them.

``corpus.tsv`` has the header ``docid<TAB>document_content`` and one API per line as JSON;
``<split>.query.txt`` has ``qid<TAB>text`` and ``qrels.<split>.tsv`` ``qid<TAB>0<TAB>docid<TAB>1``,
both without a header. A tab or line break inside a query becomes a space, as no reader of these
files could tell it from theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.files import read_text, write_text
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.api_entries import IN_INSTRUCTIONS, read_api, write_api
from toolenv.jsontext import JsonValue, parse, render
from toolenv.tasks import Task

__all__ = [
    "RetrievalFiles",
    "read_retrieval_files",
    "read_retriever_corpus",
    "toolbench_document",
    "write_retrieval_files",
]

_HEADER: Final = "docid\tdocument_content"


class RetrievalFiles(NamedTuple):
    """What the files of one folder hold.

    Args:
        apis: The corpus, by document id.
        queries: Query id to text, by split.
        relevant: Query id to the ids of the documents that answer it, by split.
    """

    apis: dict[str, API]
    queries: dict[str, dict[str, str]]
    relevant: dict[str, dict[str, list[str]]]

    def tasks(self, split: str) -> list[Task]:
        """The queries of a split as tasks that list and name what is relevant.

        Raises:
            FormatError: There is no such split.
        """
        if split not in self.queries:
            raise FormatError(
                f"There are no queries of the split {split!r}.",
                where=f"{split}.query.txt",
                fix=f"The splits are {', '.join(sorted(self.queries)) or 'none'}.",
            )
        found = []
        for identifier, text in self.queries[split].items():
            apis = [self.apis[one] for one in self.relevant[split].get(identifier, ())]
            relevant = tuple((api.tool, api.name) for api in apis)
            found.append(
                Task(
                    id=identifier,
                    instruction=text,
                    apis=tuple(apis),
                    relevant=relevant,
                    split=split,
                )
            )
        return found


def toolbench_document(api: API) -> str:
    """The text that ToolBench's retriever encodes for an API.

    Example:
        >>> toolbench_document(API(category="Data", tool="SEO", name="rank"))
        'Data, SEO, rank, , required_params: [], optional_params: [], return_schema: ""'
    """
    entry = write_api(api, IN_INSTRUCTIONS)
    sketch = entry.get("template_response", "")
    return (
        f"{api.category}, {api.tool}, {api.name}, {api.description}, "
        f"required_params: {render(entry['required_parameters'])}, "
        f"optional_params: {render(entry['optional_parameters'])}, "
        f"return_schema: {render(sketch)}"
    )


def read_retriever_corpus(
    path: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> dict[str, API]:
    """Read a ``corpus.tsv``.

    Args:
        path: The file.
        skip_bad: Leave malformed lines out, each recorded in the report.
        report: Where lines read and skipped are counted.

    Returns:
        Document id to API, in the file's order.

    Raises:
        FormatError: It is no such file, or (without ``skip_bad``) a line is malformed.
    """
    path = Path(path)
    report = ReadReport() if report is None else report
    head, *lines = _lines(path)
    if head.strip() != _HEADER:
        raise FormatError(
            "This is no corpus of ToolBench's retriever.",
            where=path.name,
            fix="Its first line is docid, a tab, and document_content.",
        )
    apis: dict[str, API] = {}
    for number, line in _numbered(lines):
        where = f"{path.name}:{number}"
        try:
            identifier, tab, content = line.partition("\t")
            if not tab:
                raise FormatError("The line has no tab.", where=where)
            if identifier in apis:
                raise FormatError(f"The document id {identifier} is given twice.", where=where)
            apis[identifier] = read_api(_unquoted(content, where), where, IN_INSTRUCTIONS, report)
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        report.read += 1
    return apis


def read_retrieval_files(
    folder: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> RetrievalFiles:
    """Read a folder of ``corpus.tsv``, ``<split>.query.txt`` and ``qrels.<split>.tsv``.

    Raises:
        FormatError: A file is absent or malformed, or names a document that the corpus lacks.
    """
    folder = Path(folder)
    apis = read_retriever_corpus(folder / "corpus.tsv", skip_bad=skip_bad, report=report)
    queries: dict[str, dict[str, str]] = {}
    relevant: dict[str, dict[str, list[str]]] = {}
    for path in sorted(folder.glob("*.query.txt")):
        split = path.name.removesuffix(".query.txt")
        queries[split] = {}
        for number, line in _numbered(_lines(path), start=1):
            identifier, tab, text = line.partition("\t")
            if not tab:
                raise FormatError("The line has no tab.", where=f"{path.name}:{number}")
            queries[split][identifier] = text
        relevant[split] = _read_relevant(folder / f"qrels.{split}.tsv", apis)
    return RetrievalFiles(apis, queries, relevant)


def write_retrieval_files(
    folder: str | PathLike[str],
    apis: Sequence[API],
    queries: Mapping[str, Mapping[str, str]],
    relevant: Mapping[str, Mapping[str, Sequence[int]]],
) -> list[Path]:
    """Write a corpus and its queries as ToolBench's retriever reads them.

    Args:
        folder: The folder.
        apis: The corpus; an API's document id is its place, from 1.
        queries: Query id to text, by split.
        relevant: Query id to the places of its APIs in the corpus, from 0, by split.

    Returns:
        The files written.

    Raises:
        FormatError: A file cannot be written.
    """
    folder = Path(folder)
    rows = [
        f"{place}\t{render(write_api(api, IN_INSTRUCTIONS))}" for place, api in enumerate(apis, 1)
    ]
    written = {folder / "corpus.tsv": [_HEADER, *rows]}
    for split, texts in queries.items():
        written[folder / f"{split}.query.txt"] = [
            f"{identifier}\t{' '.join(text.split())}" for identifier, text in texts.items()
        ]
        written[folder / f"qrels.{split}.tsv"] = [
            f"{identifier}\t0\t{place + 1}\t1"
            for identifier in texts
            for place in relevant.get(split, {}).get(identifier, ())
        ]
    for path, lines in written.items():
        write_text(path, "".join(f"{line}\n" for line in lines))
    return list(written)


def _numbered(lines: Sequence[str], start: int = 2) -> list[tuple[int, str]]:
    """Lines that hold something, with their numbers in the file."""
    return [(number, line) for number, line in enumerate(lines, start) if line.strip()]


def _read_relevant(path: Path, apis: Mapping[str, API]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number, line in _numbered(_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) != 4 or cells[2] not in apis:
            raise FormatError(
                "The line is not a query id, 0, a document id of the corpus, and 1.",
                where=f"{path.name}:{number}",
            )
        if cells[3].strip() != "0":
            found.setdefault(cells[0], []).append(cells[2])
    return found


def _unquoted(content: str, where: str) -> JsonValue:
    """A document's JSON, plain or quoted as a cell of a table (which is how pandas writes it)."""
    text = content.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        text = text[1:-1].replace('""', '"')
    try:
        return parse(text)
    except ValueError as error:
        raise FormatError(f"The document is no JSON: {error}.", where=where) from None


def _lines(path: Path) -> list[str]:
    return read_text(path).split("\n")
