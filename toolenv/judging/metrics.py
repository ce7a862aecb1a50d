"""Metrics without a judge: what the record of an episode tells of it, and of a run.

A metric of an episode is a part of a whole (three of four calls succeeded), or it cannot be
computed, and the reason is said: that is never a zero. Over a run there are two averages. The
*macro* average is the mean over tasks of the mean over a task's episodes of part by whole: each
task counts alike. The *micro* average is all parts by all wholes: each call counts alike. Intervals
are over tasks, each with all its episodes, or over tools, where a task that needs several tools
belongs to each with an equal share (``toolenv.judging.shared_tools``): those of shares are Wilson's
(``toolenv.judging.clustered`` says why), those of counts bootstrap intervals over tasks and
Student's over tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from toolenv.episodes import ROOT, Branch, Episode
from toolenv.formats.gold import Gold
from toolenv.judging.bootstrap import Estimate, Numbers, bootstrap_sums, ratio_estimates
from toolenv.judging.clustered import (
    count_estimates,
    difference_estimates,
    influences,
    rate_estimates,
)
from toolenv.judging.sign_flips import sign_flips
from toolenv.seeds import derive
from toolenv.tasks import Task

__all__ = [
    "Absent",
    "Clusters",
    "Difference",
    "Figure",
    "Kind",
    "Measure",
    "Measured",
    "Metric",
    "Unit",
    "compare_metrics",
    "judged_branch",
    "summarise_metrics",
    "tools_of",
]

Kind: TypeAlias = Literal["share", "count"]
"""``share``: from 0 to 1; ``count``: steps, calls, tokens."""

Clusters: TypeAlias = Literal["task", "tool"]
"""What is drawn again with everything that belongs to it."""


class Measured(NamedTuple):
    """A part of a whole.

    Args:
        part: How much of it, such as calls that succeeded.
        whole: Of how much, above 0; 1 where the part is a value of its own.
    """

    part: float
    whole: float = 1.0


class Absent(NamedTuple):
    """A metric that cannot be computed for an episode.

    Args:
        reason: Why, in a few words; equal reasons are counted together.
    """

    reason: str


Measure: TypeAlias = Callable[[Episode, Gold | None], Measured | Absent]


class Metric(NamedTuple):
    """One metric.

    Args:
        name: Its name in JSON.
        label: Its name in tables, at most 26 characters.
        measure: Computes it for an episode.
        kind: What its values are.
        better: Whether more is better, or less; neither where it depends.
    """

    name: str
    label: str
    measure: Measure
    kind: Kind = "share"
    better: Literal["more", "less", "neither"] = "more"


class Unit(NamedTuple):
    """One episode's part in the figures.

    Args:
        task: The task's id.
        tools: The tools that it counts to where tools are drawn.
        values: By metric, in the metrics' order.
    """

    task: str
    tools: tuple[str, ...]
    values: tuple[Measured | Absent, ...]

    @classmethod
    def of(cls, episode: Episode, metrics: Sequence[Metric], gold: Gold | None = None) -> Unit:
        """Measure an episode.

        Args:
            episode: The episode; one that infrastructure broke is measured in nothing.
            metrics: The metrics.
            gold: What is known of the task's solution; where None, what the task itself carries.
        """
        known = gold if gold is not None else Gold.of(episode.task)
        if episode.outcome == "infrastructure_error":
            broken: tuple[Measured | Absent, ...] = (Absent("infrastructure error"),) * len(metrics)
            return cls(episode.task.id, tools_of(episode.task), broken)
        values = tuple(metric.measure(episode, known) for metric in metrics)
        return cls(episode.task.id, tools_of(episode.task), values)


class Figure(NamedTuple):
    """A metric over a run.

    Args:
        metric: The metric's name.
        macro: The mean over tasks, with its 95 % interval; NaN where no episode tells.
        micro: All parts by all wholes, with its 95 % interval.
        episodes: How many episodes there are.
        computable: For how many it can be computed.
        tasks: Over how many tasks the averages are.
        clusters: How many tasks or tools were drawn from.
        reasons: Why it cannot be computed, and for how many episodes.
    """

    metric: str
    macro: Estimate
    micro: Estimate
    episodes: int
    computable: int
    tasks: int
    clusters: int
    reasons: Mapping[str, int]


class Difference(NamedTuple):
    """How much more the second of two runs has, over the tasks that tell in both.

    Args:
        metric: The metric's name.
        macro: The mean over tasks of the paired difference, with its 95 % interval.
        micro: The difference of the micro averages, tasks drawn in pairs.
        tasks: How many tasks are compared.
        p: The chance of a macro difference at least as large if each task's difference were as
            likely to go the other way (paired sign-flip test); NaN for fewer than two tasks.
    """

    metric: str
    macro: Estimate
    micro: Estimate
    tasks: int
    p: float


def judged_branch(episode: Episode) -> Branch:
    """The branch that stands for the episode: the chosen one, else the first."""
    if episode.chosen == ROOT and episode.steps:
        return episode.branches()[0]
    return episode.branch


def tools_of(task: Task) -> tuple[str, ...]:
    """The tools that a task needs, sorted: those called relevant, else those offered.

    An API without a tool's name stands for itself.
    """
    if task.relevant:
        return tuple(sorted({tool for tool, _ in task.relevant}))
    return tuple(sorted({api.tool or api.name for api in task.apis}))


def summarise_metrics(
    units: Sequence[Unit],
    metrics: Sequence[Metric],
    seed: int,
    *,
    clusters: Clusters = "task",
    samples: int = 2_000,
) -> list[Figure]:
    """Add up what was measured, with 95 % intervals.

    Args:
        units: The episodes of one policy and agent; several of one task belong together.
        metrics: The metrics that the units hold, in that order.
        seed: What the draws derive from.
        clusters: What is drawn: tasks, or tools.
        samples: How often is drawn.

    Returns:
        A figure for each metric, in order.
    """
    tasks, parts, wholes, shares = _by_task(units, len(metrics))
    members = _members(units, tasks) if clusters == "tool" else None
    above = np.hstack([shares, parts])
    below = np.hstack([(wholes > 0).astype(float), wholes])
    estimates = _estimates(above, below, metrics, members, derive("metrics", seed), samples)
    drawn = below[:, : len(metrics)] if members is None else members.T @ below[:, : len(metrics)]
    figures = []
    for number, metric in enumerate(metrics):
        values = [unit.values[number] for unit in units]
        reasons = Counter(value.reason for value in values if isinstance(value, Absent))
        figures.append(
            Figure(
                metric.name,
                estimates[number],
                estimates[len(metrics) + number],
                len(units),
                len(units) - reasons.total(),
                int((wholes[:, number] > 0).sum()),
                int((drawn[:, number] > 0).sum()),
                dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
            )
        )
    return figures


def compare_metrics(
    ones: Sequence[Unit],
    others: Sequence[Unit],
    metrics: Sequence[Metric],
    seed: int,
    *,
    clusters: Clusters = "task",
    samples: int = 2_000,
) -> list[Difference]:
    """How much more the others have, task by task, over the tasks that tell on both sides.

    Args:
        ones: The episodes of one policy and agent.
        others: Those of another, on the same tasks.
        metrics: The metrics that the units hold, in that order.
        seed: What the draws derive from.
        clusters: What is drawn: tasks, or tools.
        samples: How often is drawn.

    Raises:
        ValueError: The tasks of the two sides are not the same.
    """
    apart = {unit.task for unit in ones} ^ {unit.task for unit in others}
    if apart:
        raise ValueError(f"only one side has {len(apart)} tasks, such as {min(apart)!r}")
    tasks, *one = _by_task(ones, len(metrics))
    _, *other = _by_task(others, len(metrics))
    both = (one[1] > 0) & (other[1] > 0)
    moved = np.where(both, other[2] - one[2], 0.0)
    members = _members(ones, tasks) if clusters == "tool" else None
    sums = [np.where(both, array, 0.0) for array in (*one[:2], *other[:2])]
    key = derive("compared metrics", seed)
    found = _differences(moved, both.astype(float), sums, metrics, members, key, samples)
    return [
        Difference(
            metric.name,
            found[number],
            found[len(metrics) + number],
            int(both[:, number].sum()),
            sign_flips(moved[both[:, number], number], derive("signs", seed, metric.name)),
        )
        for number, metric in enumerate(metrics)
    ]


def _estimates(
    above: Numbers,
    below: Numbers,
    metrics: Sequence[Metric],
    members: Numbers | None,
    seed: int,
    samples: int,
) -> list[Estimate]:
    """Averages of either kind: of shares with Wilson's intervals, of counts with others."""
    shares = rate_estimates(above, below, members=members)
    if members is None:
        counts = ratio_estimates(above, below, seed, samples=samples, widened=True) or shares
    else:
        means = _divided(above.sum(axis=0), below.sum(axis=0))
        counts = count_estimates(means, influences(above, below), below, members)
    kinds = [metric.kind for metric in metrics] * 2
    return [
        share if kind == "share" else count
        for kind, share, count in zip(kinds, shares, counts, strict=True)
    ]


def _differences(
    change: Numbers,
    told: Numbers,
    sums: Sequence[Numbers],
    metrics: Sequence[Metric],
    members: Numbers | None,
    seed: int,
    samples: int,
) -> list[Estimate]:
    """The macro differences, then the micro ones."""
    rates = [
        _divided(sums[2 * side].sum(axis=0), sums[2 * side + 1].sum(axis=0)) for side in (0, 1)
    ]
    moves = [influences(sums[2 * side], sums[2 * side + 1]) for side in (0, 1)]
    values = np.concatenate([_divided(change.sum(axis=0), told.sum(axis=0)), rates[1] - rates[0]])
    moved = np.hstack([influences(change, told), moves[1] - moves[0]])
    twice = np.hstack([told, told])
    shares = difference_estimates(np.nan_to_num(values) + moved, twice, members=members)

    def figures(drawn: Numbers) -> Numbers:
        first, whole_1, second, whole_2, changes, tells = np.hsplit(drawn, 6)
        apart = _divided(second, whole_2) - _divided(first, whole_1)
        return np.hstack([_divided(changes, tells), apart])

    if members is not None:
        counts = count_estimates(values, moved, twice, members)
    elif len(change):
        sizes = [int(number) for number in twice.sum(axis=0)]
        rows = np.hstack([*sums, change, told])
        counts = bootstrap_sums(figures, rows, seed, samples=samples, widened=sizes)
    else:
        counts = shares
    kinds = [metric.kind for metric in metrics] * 2
    return [
        share if kind == "share" else count
        for kind, share, count in zip(kinds, shares, counts, strict=True)
    ]


def _by_task(units: Sequence[Unit], metrics: int) -> tuple[list[str], Numbers, Numbers, Numbers]:
    """The tasks, and by task and metric: parts, wholes, and the mean of part by whole."""
    tasks = sorted({unit.task for unit in units})
    rows = {task: row for row, task in enumerate(tasks)}
    parts, wholes, shares, counts = np.zeros((4, len(tasks), metrics))
    for unit in units:
        row = rows[unit.task]
        for column, value in enumerate(unit.values):
            if isinstance(value, Measured):
                parts[row, column] += value.part
                wholes[row, column] += value.whole
                shares[row, column] += value.part / value.whole
                counts[row, column] += 1
    return tasks, parts, wholes, np.divide(shares, counts, out=shares, where=counts > 0)


def _members(units: Sequence[Unit], tasks: Sequence[str]) -> Numbers:
    """By task and tool: how much of the task belongs to the tool."""
    tools = {unit.task: unit.tools or ("no tool",) for unit in units}
    names = {name: n for n, name in enumerate(sorted({t for one in tools.values() for t in one}))}
    members = np.zeros((len(tasks), len(names)))
    for row, task in enumerate(tasks):
        for tool in tools[task]:
            members[row, names[tool]] = 1 / len(tools[task])
    return members


def _divided(above: Numbers, below: Numbers) -> Numbers:
    quotients: Numbers = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return quotients
