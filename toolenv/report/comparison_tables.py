"""A comparison of runs as tables for papers and spreadsheets: differences, and flipped tasks."""

from __future__ import annotations

from collections.abc import Iterator

from toolenv.report.tables import Cell, Column, Mean, Table
from toolenv.running.metrics_report import Ends
from toolenv.running.run_comparison import QUANTITIES
from toolenv.running.run_comparison_report import RunComparison

__all__ = ["comparison_tables"]

_DECIMALS = 4
_FIGURES = ("", " low", " high")


def comparison_tables(found: RunComparison) -> list[Table]:
    """The tables ``differences`` and ``flips``; shares are from 0 to 1."""
    names = ("reference mean", "side mean", "difference")
    numbers = [Column(f"{name}{end}", "number") for name in names for end in _FIGURES]
    return [
        Table(
            "differences",
            "Differences",
            [
                *(Column(name) for name in ("side", "reference", "split", "quantity")),
                *numbers,
                Column("p", "number"),
                Column("tasks", "number"),
            ],
            list(_differences(found)),
            f"Means over tasks with 95 % intervals over {found.clusters}s; p is not corrected for "
            "how many are looked at.",
        ),
        Table(
            "flips",
            "Tasks that pass more or less often",
            [
                *(Column(name) for name in ("side", "reference", "split", "task")),
                *(
                    Column(f"{side} {what}", "number")
                    for side in ("reference", "side")
                    for what in ("passed", "failed")
                ),
            ],
            [
                (
                    *(compared.side, compared.reference, flip.split, flip.task),
                    *(len(flip.reference.passed), len(flip.reference.failed)),
                    *(len(flip.side.passed), len(flip.side.failed)),
                )
                for compared in found.comparisons
                for flip in (*compared.gained, *compared.lost)
            ],
        ),
    ]


def _differences(found: RunComparison) -> Iterator[tuple[Cell, ...]]:
    labels = {metric.name: metric.label for metric in QUANTITIES}
    figures = {side.name: side.figures for side in found.sides}
    for compared in found.comparisons:
        for part in compared.splits:
            for one in part.differences:
                sides = (
                    figures[name].get(part.split, {}).get(one.quantity)
                    for name in (compared.reference, compared.side)
                )
                yield (
                    *(compared.side, compared.reference, part.split, labels[one.quantity]),
                    *(cell for ends in (*sides, one.difference) for cell in _cells(ends)),
                    None if one.p is None else Mean(one.p, _DECIMALS),
                    one.tasks,
                )


def _cells(ends: Ends | None) -> Iterator[Cell]:
    for end in (None,) * 3 if ends is None else (ends.value, ends.low, ends.high):
        yield None if end is None else Mean(end, _DECIMALS)
