"""Comparing runs: paired differences with intervals, the tasks that flipped, per split.

What is compared is a task at a time: the mean over its episodes on either side, and the difference
of the two. Nothing says that a side is better than another without the interval of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isnan
from typing import Final, NamedTuple

from toolenv.errors import ConfigurationError
from toolenv.judging.metrics import (
    Absent,
    Clusters,
    Kind,
    Measured,
    Metric,
    Unit,
    compare_metrics,
    summarise_metrics,
    tools_of,
)
from toolenv.running.comparison import (
    refuse_different,
    refuse_different_judges,
    refuse_different_tasks,
)
from toolenv.running.metrics_report import Ends
from toolenv.running.results import Result, result_of
from toolenv.running.run_comparison_report import (
    Flip,
    Passes,
    QuantityDifference,
    RunComparison,
    SideComparison,
    SideFigures,
    SplitDifferences,
)
from toolenv.running.sides import Side, read_sides

__all__ = ["QUANTITIES", "compare_runs"]

Taken = Callable[[Result], Measured | Absent]


def _passed(row: Result) -> Measured | Absent:
    if row.outcome not in ("passed", "failed"):
        return Absent("nothing has decided")
    return Measured(float(row.outcome == "passed"))


def _counted(take: Callable[[Result], float]) -> Taken:
    """A number that is 0 where nothing counted it."""

    def taken(row: Result) -> Measured | Absent:
        value = take(row)
        return Measured(value) if value else Absent("not counted")

    return taken


_TAKEN: Final[Mapping[str, tuple[str, Kind, Taken]]] = {
    "passed": ("passed", "share", _passed),
    "answered": ("answered", "share", lambda row: Measured(float(row.answer is not None))),
    "steps": ("steps", "count", lambda row: Measured(row.steps)),
    "policy_calls": ("policy calls", "count", lambda row: Measured(row.cost.policy_calls)),
    "api_calls": ("API calls", "count", lambda row: Measured(row.cost.api_calls)),
    "misses": ("calls nothing answered", "count", lambda row: Measured(row.misses)),
    "input_tokens": ("input tokens", "count", _counted(lambda row: row.cost.input_tokens)),
    "output_tokens": ("output tokens", "count", _counted(lambda row: row.cost.output_tokens)),
    "money": ("money", "count", _counted(lambda row: row.cost.money)),
}


def _metric(name: str) -> Metric:
    label, kind, take = _TAKEN[name]
    return Metric(
        name,
        label,
        lambda episode, gold: take(result_of(episode)),
        kind,
        "more" if kind == "share" else "less",
    )


QUANTITIES: Final[tuple[Metric, ...]] = tuple(map(_metric, _TAKEN))
"""What is compared, in the order that tables show it; steps and costs are those of whole trees."""


class _Row(NamedTuple):
    """A finished episode, and what is measured of it."""

    result: Result
    unit: Unit


def compare_runs(
    sides: Sequence[str],
    *,
    reference: str | None = None,
    verdicts: str = "",
    clusters: Clusters = "task",
    force: bool = False,
    seed: int = 0,
    samples: int = 2_000,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> RunComparison:
    """Compare agents, policies and runs with one of them.

    Args:
        sides: Runs, or agents and policies in them; see ``read_sides``.
        reference: What the others are compared with, written in the same way; the first by default.
        verdicts: The set of pass verdicts, beside each run, that says how episodes went.
        clusters: What intervals are over.
        force: Compare also what depends on different things, was judged differently, or is not of
            the same tasks; the difference is then named.
        seed: What the draws of intervals derive from.
        samples: How often is drawn.
        report: Told how many sides and differences are done, and of how many.

    Raises:
        ConfigurationError: There is one side only, or two that cannot be compared.
        JournalError: A run or its verdicts cannot be read.
    """
    opened = read_sides([reference, *sides] if reference is not None else sides, verdicts)
    if reference is not None and len(read_sides([reference])) != 1:
        raise ConfigurationError(
            "The reference is more than one agent and policy.",
            where=reference,
            fix="Name one of them: RUN:AGENT:POLICY.",
        )
    if len(opened) < 2:
        raise ConfigurationError(
            f"There is nothing to compare {opened[0].name} with.",
            fix="Name another run, or one with several agents or policies.",
        )
    first = opened[0]
    done, total = 0, 2 * len(opened) - 1
    report(done, total)
    measured = [_rows(side) for side in opened]
    compared = []
    for other, rows in zip(opened[1:], measured[1:], strict=True):
        differing = refuse_different(first.run.manifest, other.run.manifest, force=force)
        if first.judge is not None and other.judge is not None:
            differing += refuse_different_judges(first.judge, other.judge, force=force)
        apart = refuse_different_tasks(
            first.name, _tasks(first.rows), other.name, _tasks(other.rows), force=force
        )
        splits, flips = _differences(measured[0], rows, clusters, seed, samples)
        compared.append(
            SideComparison(
                reference=first.name,
                side=other.name,
                splits=splits,
                gained=tuple(flip for flip in flips if flip.change > 0),
                lost=tuple(flip for flip in flips if flip.change < 0),
                differing=tuple(differing),
                left_out=tuple(apart),
            )
        )
        done += 1
        report(done, total)
    sides_figures = []
    for side, rows in zip(opened, measured, strict=True):
        sides_figures.append(_figures(side, rows, clusters, seed, samples))
        done += 1
        report(done, total)
    return RunComparison(
        clusters=clusters,
        verdicts=verdicts,
        sides=tuple(sides_figures),
        comparisons=tuple(compared),
    )


def _figures(
    side: Side, measured: Sequence[_Row], clusters: Clusters, seed: int, samples: int
) -> SideFigures:
    outcomes = [row.outcome for row in side.rows]
    return SideFigures(
        name=side.name,
        run=str(side.run.path),
        agent=side.agent,
        policy=side.policy,
        episodes=len(side.rows),
        tasks=len(_tasks(side.rows)),
        missing=len(side.run.tasks) - len(_tasks(side.rows)),
        undecided=outcomes.count("unsure"),
        broken=outcomes.count("infrastructure_error"),
        figures={
            split: {
                one.metric: Ends.of(one.macro)
                for one in summarise_metrics(
                    [row.unit for row in rows], QUANTITIES, seed, clusters=clusters, samples=samples
                )
                if one.tasks
            }
            for split, rows in _by_split(measured).items()
        },
    )


def _by_split(rows: Sequence[_Row]) -> dict[str, Sequence[_Row]]:
    """All rows under the empty name, and those of each split where there are several."""
    splits: dict[str, list[_Row]] = {}
    for row in rows:
        splits.setdefault(row.result.split, []).append(row)
    return {"": rows, **(dict(sorted(splits.items())) if len(splits) > 1 else {})}


def _differences(
    first: Sequence[_Row], other: Sequence[_Row], clusters: Clusters, seed: int, samples: int
) -> tuple[tuple[SplitDifferences, ...], list[Flip]]:
    """What differs over the tasks of both sides, by split, and which of these flipped."""
    shared = {row.unit.task for row in first} & {row.unit.task for row in other}
    ones, others = (
        _by_split([row for row in side if row.unit.task in shared]) for side in (first, other)
    )
    splits = tuple(
        SplitDifferences(
            split=split,
            tasks=len({row.unit.task for row in ones[split]}),
            differences=tuple(
                QuantityDifference(
                    quantity=one.metric,
                    difference=Ends.of(one.macro),
                    tasks=one.tasks,
                    p=None if isnan(one.p) else round(one.p, 6),
                )
                for one in compare_metrics(
                    [row.unit for row in ones[split]],
                    [row.unit for row in others[split]],
                    QUANTITIES,
                    seed,
                    clusters=clusters,
                    samples=samples,
                )
                if one.tasks
            ),
        )
        for split in ones
    )
    return splits, _flips(*([row.result for row in side[""]] for side in (ones, others)))


def _flips(ones: Sequence[Result], others: Sequence[Result]) -> list[Flip]:
    """Tasks that pass more or less often, the largest changes first."""
    passes = [_passes(rows) for rows in (ones, others)]
    splits = {row.task: row.split for row in ones}
    found = [
        Flip(task=task, split=splits[task], reference=passes[0][task], side=passes[1][task])
        for task in sorted(passes[0].keys() & passes[1].keys())
    ]
    return sorted(found, key=lambda flip: -abs(flip.change))


def _passes(rows: Iterable[Result]) -> dict[str, Passes]:
    found: dict[str, Passes] = {}
    for row in rows:
        if row.outcome in ("passed", "failed"):
            before = found.get(row.task, Passes(passed=(), failed=()))
            name = "passed" if row.outcome == "passed" else "failed"
            seeds = (*getattr(before, name), row.seed)
            found[row.task] = before.model_copy(update={name: seeds})
    return found


def _rows(side: Side) -> list[_Row]:
    broken: tuple[Measured | Absent, ...] = (Absent("infrastructure error"),) * len(QUANTITIES)
    return [
        _Row(
            row,
            Unit(
                row.task,
                tools_of(side.run.tasks[row.task]),
                broken
                if row.outcome == "infrastructure_error"
                else tuple(take(row) for _, _, take in _TAKEN.values()),
            ),
        )
        for row in side.rows
    ]


def _tasks(rows: Iterable[Result]) -> set[str]:
    return {row.task for row in rows}
