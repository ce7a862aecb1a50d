"""``toolenv retrieve evaluate``: measures of retrievers and of runs, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.jsontext import JsonValue
    from toolenv.judging.bootstrap import Estimate
    from toolenv.running.retrieval_evaluation import Compared, Evaluation
    from toolenv.tasks import Task

__all__ = ["evaluate"]

_SHOWN = ("ndcg@1", "ndcg@3", "ndcg@5", "recall@5", "sufficiency@5")


def evaluate(
    what: Annotated[
        list[str],
        typer.Argument(help="Retrievers (bm25:FOLDER, hybrid:FOLDER, …) and run folders."),
    ],
    tasks: Annotated[
        list[Path] | None,
        typer.Option(help="Tasks that say what is relevant; repeatable. For runs: their own."),
    ] = None,
    seen: Annotated[
        Path | None, typer.Option(help="Tasks of the training: seen and unseen tools apart.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the intervals' draws derive from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, all measures.")] = False,
) -> None:
    """Measure how well APIs are found: NDCG, recall, and whether all that is needed was found.

    Intervals are over tools. Several retrievers are compared with the first, in pairs.

    Examples:

      toolenv retrieve evaluate bm25:stb.index hybrid:stb.index --tasks G1_instruction.json

      toolenv retrieve evaluate trained:new.index hybrid:stb.index --tasks test.json
          --seen train.json

      toolenv retrieve evaluate runs/open
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats import read_tasks
        from toolenv.running.retrieval_evaluation import compare_evaluations

        asked = [task for path in tasks or [] for task in read_tasks(path)]
        known = None if seen is None else _tools(read_tasks(seen))
        evaluations = [_evaluated(one, asked, as_json) for one in what]
        first, *others = evaluations
        compared = []
        for other in others:
            if len(other.tasks) != len(first.tasks):
                raise ConfigurationError(
                    f"{first.name} and {other.name} were not asked the same requests.",
                    fix="Evaluate them apart, or on the same tasks.",
                )
            compared.append((other.name, compare_evaluations(other, first, known, seed=seed)))
        if as_json:
            print_json(_as_json(evaluations, compared, first.name, known, seed))
            return
        for evaluation in evaluations:
            _tell(evaluation, known, seed)
        for name, groups in compared:
            _tell_compared(name, first.name, groups)


def _evaluated(what: str, tasks: list[Task], quiet: bool) -> Evaluation:
    """A retriever's or a run's measures."""
    from contextlib import closing

    from toolenv.cli.progress import counted
    from toolenv.errors import ConfigurationError
    from toolenv.retrieval import open_retriever
    from toolenv.running.folder import RunFolder
    from toolenv.running.retrieval_evaluation import evaluate_episodes, evaluate_retriever

    if (Path(what) / "manifest.json").exists():
        with RunFolder.open(what) as folder:
            specification = folder.manifest.configuration.get("retriever")
            if not isinstance(specification, str):
                raise ConfigurationError(
                    "The run retrieved nothing.", where=what, fix="Run it with --retriever."
                )
            with closing(open_retriever(specification)) as opened:
                return evaluate_episodes(folder.episodes(), opened.corpus, what)
    if not tasks:
        raise ConfigurationError(
            "No tasks are given.", where="--tasks", fix="Name a file that says what is relevant."
        )
    with closing(open_retriever(what)) as opened, counted("requests", quiet=quiet) as told:
        return evaluate_retriever(opened, tasks, what, report=told)


def _tools(tasks: list[Task]) -> set[str]:
    return {tool for task in tasks for tool, _ in task.relevant or ()}


def _tell(evaluation: Evaluation, seen: set[str] | None, seed: int) -> None:
    console.print(plain(evaluation.name))
    table = _table()
    for one in evaluation.measured(seen, seed=seed):
        table.add_row(plain(one.group), str(one.requests), *_shown(one.estimates))
    console.print(table)
    if evaluation.left_out:
        console.print(f"left out: {evaluation.left_out}, which name no relevant API of the corpus")
    console.print()


def _tell_compared(name: str, first: str, groups: list[Compared]) -> None:
    from toolenv.retrieval.measures import MEASURES

    console.print(plain(f"{name} less {first}, request by request"))
    table = _table("p of ndcg@5")
    at = MEASURES.index("ndcg@5")
    for one in groups:
        chance = "" if one.chances[at] != one.chances[at] else f"{one.chances[at]:.4f}"
        shown = _shown(one.estimates, signed=True)
        table.add_row(plain(one.group), str(one.requests), *shown, chance)
    console.print(table)
    console.print()


def _table(*more: str) -> Any:
    from rich.table import Table

    return Table("", "requests", *_SHOWN, *more, box=None)


def _shown(estimates: list[Estimate], *, signed: bool = False) -> list[str]:
    from toolenv.retrieval.measures import MEASURES

    known = dict(zip(MEASURES, estimates, strict=True))
    sign = "+" if signed else ""
    return [
        f"{100 * value:{sign}.1f} ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})"
        for value, low, high in (known[name] for name in _SHOWN)
    ]


def _as_json(
    evaluations: list[Evaluation],
    compared: list[tuple[str, list[Compared]]],
    first: str,
    seen: set[str] | None,
    seed: int,
) -> JsonValue:
    return {
        "evaluations": [
            {
                "of": evaluation.name,
                "left out": evaluation.left_out,
                "groups": [
                    {"group": one.group, "requests": one.requests, **_named(one.estimates)}
                    for one in evaluation.measured(seen, seed=seed)
                ],
            }
            for evaluation in evaluations
        ],
        "differences": [
            {
                "of": name,
                "less": first,
                "groups": [
                    {
                        "group": one.group,
                        "requests": one.requests,
                        "clusters": one.clusters,
                        **_named(one.estimates, one.chances),
                    }
                    for one in groups
                ],
            }
            for name, groups in compared
        ],
    }


def _named(estimates: list[Estimate], chances: list[float] | None = None) -> dict[str, Any]:
    from toolenv.retrieval.measures import MEASURES

    named: dict[str, Any] = {
        name: dict(one._asdict()) for name, one in zip(MEASURES, estimates, strict=True)
    }
    for name, chance in zip(MEASURES, chances or [], strict=chances is not None):
        named[name]["p"] = chance
    return named
