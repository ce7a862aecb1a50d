"""``toolenv train retriever``: a retriever from requests whose APIs are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.retrieval import RetrievalIndex
    from toolenv.tasks import Task

__all__ = ["train_retriever"]


def train_retriever(
    out: Annotated[Path, typer.Option(help="The folder to write: an index, for trained:FOLDER.")],
    index: Annotated[
        Path | None, typer.Option(help="An index with vectors, to begin from.")
    ] = None,
    tasks: Annotated[
        list[Path] | None, typer.Option(help="Tasks that say what is relevant; repeatable.")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="ToolBench's corpus.tsv, train.query.txt, qrels.train.tsv, in a folder."),
    ] = None,
    split: Annotated[str, typer.Option(help="Of --files: whose queries.")] = "train",
    epochs: Annotated[
        int,
        typer.Option(min=0, help="Passes of the encoder over the examples; 0: the ranking alone."),
    ] = 0,
    batch_size: Annotated[int, typer.Option(min=2, help="Examples of a step.")] = 16,
    learning_rate: Annotated[
        float, typer.Option(min=1e-9, help="The highest learning rate.")
    ] = 5e-5,
    upper_layers: Annotated[int, typer.Option(min=1, help="How many of its layers learn.")] = 3,
    negatives: Annotated[int, typer.Option(min=0, help="Mined negatives of an example.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="What all randomness derives from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train the ranking of a retriever, and with --epochs its encoder, on known requests.

    Examples:

      toolenv train retriever --index tools.index --tasks G1_instruction.json --out trained.index

      toolenv train retriever --files retrieval/G1 --epochs 2 --out trained.index
    """
    with friendly_errors():
        import tempfile

        from toolenv.cli.progress import counted
        from toolenv.training.retriever import RetrieverTraining, train_retriever

        training = RetrieverTraining(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            upper_layers=upper_layers,
            negatives=negatives,
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as scratch:
            begun, known = _given(index, tasks or [], files, split, Path(scratch))
            with counted("steps", quiet=as_json) as told:
                trained = train_retriever(begun, known, out, training=training, report=told)
        if as_json:
            print_json({"index": str(out), "apis": len(trained.corpus), "tasks": len(known)})
            return
        console.print(plain(f"index: {out}"), soft_wrap=True)


def _given(
    index: Path | None, tasks: list[Path], files: Path | None, split: str, scratch: Path
) -> tuple[RetrievalIndex, list[Task]]:
    """The index to begin from and the tasks: as named, or made of ToolBench's files."""
    from toolenv.errors import ConfigurationError
    from toolenv.formats import read_tasks
    from toolenv.formats.toolbench.retrieval import read_retrieval_files
    from toolenv.retrieval import Corpus, RetrievalIndex, SentenceEncoder, build_index

    known = [task for path in tasks for task in read_tasks(path)]
    if files is not None:
        read = read_retrieval_files(files)
        known += read.tasks(split)
        if index is None:
            corpus = Corpus(read.apis.values())
            return build_index(corpus, scratch / "index", encoder=SentenceEncoder()), known
    if index is None or not known:
        raise ConfigurationError(
            "An index is missing." if index is None else "Tasks are missing.",
            where="--index" if index is None else "--tasks",
            fix="Give --index and --tasks, or --files.",
        )
    return RetrievalIndex(index), known
