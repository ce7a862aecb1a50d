"""``toolenv compare``: runs, agents and policies side by side, task by task."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.figures import figure, mean, new_table
from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from toolenv.judging.metrics import Metric
    from toolenv.running.run_comparison_report import (
        Flip,
        RunComparison,
        SideComparison,
        SideFigures,
        SplitDifferences,
    )

__all__ = ["compare"]

_LISTED = 10


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(help="Run folders; RUN:AGENT, RUN:POLICY or RUN:AGENT:POLICY for a part."),
    ],
    reference: Annotated[
        str | None, typer.Option(help="What the others are compared with. Default: the first.")
    ] = None,
    verdicts: Annotated[
        str, typer.Option(help="The verdict set beside each run that says what passed.")
    ] = "",
    by: Annotated[str, typer.Option(help="What intervals are over: task or tool.")] = "task",
    force: Annotated[
        bool, typer.Option("--force", help="Compare what differs in more than what is compared.")
    ] = False,
    seed: Annotated[int, typer.Option(help="What intervals are drawn from.")] = 0,
    tables: Annotated[
        Path | None, typer.Option(help="A folder for each table as Markdown and CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare runs, or agents and policies within one: differences with intervals, flipped tasks.

    Each difference is a mean over tasks of what the two sides have of the same task, with its 95 %
    interval. Runs whose results depend on different things are refused, and the difference named.

    Examples:

      toolenv compare runs/before runs/after

      toolenv compare runs/g1:react runs/g1:dfsdt

      toolenv compare runs/a runs/b runs/c --reference runs/c --verdicts pass

      toolenv compare runs/before runs/after --tables paper/tables
    """
    with friendly_errors():
        from typing import get_args

        from toolenv.cli.options import choices
        from toolenv.cli.progress import counted
        from toolenv.judging.metrics import Clusters
        from toolenv.running.run_comparison import compare_runs

        (clusters,) = choices([by], get_args(Clusters), "--by")
        with counted("sides and differences", quiet=as_json) as report:
            found = compare_runs(
                sides,
                reference=reference,
                verdicts=verdicts,
                clusters=clusters,
                force=force,
                seed=seed,
                report=report,
            )
        if as_json:
            print_json(found.model_dump(mode="json"))
        else:
            _tell(found)
        if tables is not None:
            from toolenv.report.comparison_tables import comparison_tables
            from toolenv.report.tables import write_tables

            write_tables(comparison_tables(found), tables)
            if not as_json:
                console.print(plain(f"tables: {tables}"), soft_wrap=True)


def _tell(found: RunComparison) -> None:
    for side in found.sides:
        _tell_side(side)
    for compared in found.comparisons:
        _tell_comparison(found, compared)
    over = f"95 % intervals over {found.clusters}s"
    console.print(
        f"Means over tasks, shares in percent, in brackets {over}; of: tasks; p by signs drawn at "
        "random, not corrected for how many are looked at. A difference whose interval holds 0 "
        "shows no order.",
        highlight=False,
    )


def _tell_side(side: SideFigures) -> None:
    notes = [
        f"{count} {what}"
        for count, what in (
            (side.missing, "tasks without a finished episode"),
            (side.undecided, "undecided"),
            (side.broken, "broken by infrastructure"),
        )
        if count
    ]
    told = f"{side.name}: {side.episodes} episodes of {side.tasks} tasks"
    if (passed := side.figures[""].get("passed")) is not None:
        told += f", passed {figure(passed, share=True)}"
    console.print(plain("; ".join([told, *notes])), soft_wrap=True)


def _tell_comparison(found: RunComparison, compared: SideComparison) -> None:
    from toolenv.running.run_comparison import QUANTITIES

    first, other = found.sides[0], next(s for s in found.sides if s.name == compared.side)
    console.print(plain(f"\n{other.name} beside {first.name}:"), soft_wrap=True)
    if compared.differing:
        console.print(plain(f"They also differ in: {', '.join(compared.differing)}."))
    if compared.left_out:
        console.print(f"{len(compared.left_out)} tasks are of one side alone and left out.")
    table = new_table("", "reference", "side", "difference", "p", "of")
    (together, *splits) = compared.splits
    for quantity in QUANTITIES:
        _add_row(table, quantity, together, first, other)
        if quantity.name == "passed":
            for part in splits:
                _add_row(table, quantity, part, first, other)
    console.print(table)
    if not any(one.quantity == "passed" for one in compared.splits[0].differences):
        console.print("Nothing has decided what passed: see 'toolenv judge --help'.")
    for what, flips in (("more", compared.gained), ("less", compared.lost)):
        _tell_flips(what, flips)
    for flip in (*compared.gained[:1], *compared.lost[:1])[:1]:
        for side in (first, other):
            words = ["toolenv", "show", side.run, flip.task]
            words += ["--agent", side.agent, "--policy", side.policy]
            console.print(plain(f"  {shlex.join(words)}"), soft_wrap=True)


def _add_row(
    table: Table,
    quantity: Metric,
    part: SplitDifferences,
    first: SideFigures,
    other: SideFigures,
) -> None:
    ends = [side.figures.get(part.split, {}).get(quantity.name) for side in (first, other)]
    for one in part.differences:
        if one.quantity == quantity.name and any(end is not None and end.value for end in ends):
            share = quantity.kind == "share"
            table.add_row(
                plain(f"  {part.split}" if part.split else quantity.label),
                *(mean(end.value if end is not None else None, share) for end in ends),
                figure(one.difference, share, signed=True),
                "" if one.p is None else f"{one.p:.4f}",
                str(one.tasks),
            )


def _tell_flips(what: str, flips: Sequence[Flip]) -> None:
    listed = ", ".join(f"{flip.task} {flip.reference}→{flip.side}" for flip in flips[:_LISTED])
    rest = f" … {len(flips) - _LISTED} more" if len(flips) > _LISTED else ""
    console.print(plain(f"{len(flips)} tasks pass {what} often: {listed or 'none'}{rest}"))
