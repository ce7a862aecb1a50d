"""Intervals of metrics: how often they hold the truth in made-up studies, and how wide they are.

Each design is studied 2,000 times with the functions that print the intervals, and 2,000 bootstrap
draws where these are bootstrap intervals. The width is given as a multiple of the ideal one: that
of someone who knows how much the figure varies from study to study (2 x 1.96 standard deviations).
Of 2,000 studies the share that holds strays by about a point (two standard errors).

    python -m benchmarks.intervals [studies]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.measure import table
from toolenv.judging.agreement import Pair, agree, kappa_estimate
from toolenv.judging.bootstrap import Estimate, Numbers, ratio_estimates
from toolenv.judging.clustered import difference_estimates, influences, rate_estimates
from toolenv.judging.judge_variance import gains_of_votes, variance_parts
from toolenv.judging.metrics import Measured, Metric, Unit, compare_metrics, summarise_metrics
from toolenv.seeds import derive

__all__ = ["Design", "designs", "main"]

Study = Callable[[np.random.Generator], list[tuple[Estimate, float]]]


class Design(NamedTuple):
    """What is studied.

    Args:
        name: In words.
        figures: What is estimated.
        study: Makes a study up; gives estimates with the true values.
    """

    name: str
    figures: tuple[str, ...]
    study: Study


def passing(tasks: int, mean: float, seeds: int) -> Study:
    """A pass rate: tasks of unequal difficulty, each tried with so many seeds."""

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = generator.beta(2 * mean, 2 * (1 - mean), size=tasks)
        shares = generator.binomial(seeds, rates)[:, None] / seeds
        return [(rate_estimates(shares, np.ones_like(shares))[0], mean)]

    return study


def calling(tasks: int, mean: float) -> Study:
    """API-call success, micro: tasks of unequal success with 1 to 10 calls."""

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = generator.beta(2 * mean, 2 * (1 - mean), size=tasks)
        calls = generator.integers(1, 11, size=tasks)
        parts = generator.binomial(calls, rates)[:, None].astype(float)
        return [(rate_estimates(parts, calls[:, None].astype(float))[0], mean)]

    return study


def counting(tasks: int) -> Study:
    """Steps of an episode: skewed counts around a mean of each task."""

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        means = generator.gamma(2.0, 1.5, size=(tasks, 1))
        steps: Numbers = 1.0 + generator.poisson(means).astype(float)
        seed = int(generator.integers(2**62))
        return [(ratio_estimates(steps, np.ones_like(steps), seed, widened=True)[0], 4.0)]

    return study


def differing(tasks: int, mean: float, by: float, seeds: int) -> Study:
    """A paired difference of pass rates; the better run is better on every task alike."""

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = (1 - by) * generator.beta(2 * mean, 2 * (1 - mean), size=tasks)
        ones = generator.binomial(seeds, rates) / seeds
        others = generator.binomial(seeds, rates + by) / seeds
        moved = (others - ones)[:, None]
        return [(difference_estimates(moved, np.ones_like(moved))[0], by)]

    return study


def differing_calls(tasks: int) -> Study:
    """A paired difference of micro averages, calls of unequal number."""

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = 0.9 * generator.beta(1.2, 0.8, size=tasks)
        sides = []
        for extra in (0.0, 0.1):
            calls = generator.integers(1, 11, size=tasks)
            parts = generator.binomial(calls, rates + extra).astype(float)
            sides.append((parts[:, None], calls[:, None].astype(float)))
        (one, all_one), (two, all_two) = sides
        value = two.sum() / all_two.sum() - one.sum() / all_one.sum()
        moved = value + influences(two, all_two) - influences(one, all_one)
        return [(difference_estimates(moved, np.ones_like(moved))[0], 0.1)]

    return study


def by_tool(tasks: int, tools: int, each: int, alike: float = 6.0) -> Study:
    """A pass rate over tools drawn from many: each task needs some, and passes as they allow.

    The more ``alike``, the less tools differ: the share of what a single tool's tasks have in
    common is 1 / (alike + 1).
    """
    metric = Metric("passed", "passed", lambda episode, gold: Measured(0.0))

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = generator.beta(alike * 0.6, alike * 0.4, size=tools)
        units = []
        for number in range(tasks):
            needed = generator.choice(tools, size=each, replace=False)
            passed = float(generator.random() < rates[needed].mean())
            names = tuple(f"tool {tool}" for tool in sorted(needed))
            units.append(Unit(f"task {number}", names, (Measured(passed),)))
        (figure,) = summarise_metrics(units, [metric], 0, clusters="tool", samples=2)
        return [(figure.macro, 0.6)]

    return study


def agreeing(tasks: int, passed: float, false_pass: float, false_fail: float) -> Study:
    """A judge of known confusion beside people: kappa, leniency, false passes."""
    both, missed = passed * (1 - false_fail), passed * false_fail
    kinder, neither = (1 - passed) * false_pass, (1 - passed) * (1 - false_pass)
    judge = both + kinder
    chance = judge * passed + (1 - judge) * (1 - passed)
    kappa = (both + neither - chance) / (1 - chance)

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        kinds = generator.choice(4, size=tasks, p=[both, kinder, missed, neither])
        cells = np.zeros((tasks, 2, 2))
        cells[np.arange(tasks), kinds // 2, kinds % 2] = 1.0
        pairs = [
            Pair(str(n), "passed" if kind < 2 else "failed", "failed" if kind % 2 else "passed")
            for n, kind in enumerate(kinds)
        ]
        found = agree(pairs, samples=2)  # its kappa is estimated below, with all draws
        seed = int(generator.integers(2**62))
        return [
            (kappa_estimate(cells, seed), kappa),
            (found.leniency, judge - passed),
            (found.accuracy, both + neither),
            (found.false_passes, false_pass),
        ]

    return study


def varying(tasks: int, agents: int, judges: int) -> Study:
    """Scores whose components of variance are known."""
    parts = (0.09, 0.04, 0.01, 0.02)

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        task, agent, judge, both = (float(np.sqrt(part)) for part in parts)
        scores = (
            generator.normal(0, task, (tasks, 1, 1))
            + generator.normal(0, agent, (tasks, agents, 1))
            + generator.normal(0, judge, (tasks, 1, judges))
            + generator.normal(0, both, (tasks, agents, judges))
        )
        found = variance_parts(scores, int(generator.integers(2**62)))
        return list(zip(found[:4], parts, strict=True))

    return study


def voting(tasks: int, votes: int) -> Study:
    """A judge that is sure of most tasks: the deviation by its chance, and other majorities."""
    levels = np.array([0.02, 0.2, 0.5, 0.8, 0.98])
    weights = np.array([0.3, 0.1, 0.1, 0.1, 0.4])
    deviation = float(np.sqrt((weights * levels * (1 - levels)).sum() / tasks))
    changed = float((weights * 2 * levels * (1 - levels)).sum())

    def study(generator: np.random.Generator) -> list[tuple[Estimate, float]]:
        rates = generator.choice(levels, size=tasks, p=weights)
        cast = (generator.random((tasks, votes)) < rates[:, None]).astype(float)
        found = gains_of_votes([[list(row)] for row in cast], (1,), int(generator.integers(2**62)))
        return [(found[0].deviation, deviation), (found[0].changed, changed)]

    return study


def designs() -> Iterator[Design]:
    """All designs, quick ones first."""
    for tasks in (30, 100, 300):
        for mean in (0.5, 0.8, 0.95):
            yield Design(f"{tasks} tasks, {mean:.0%} pass", ("pass rate",), passing(tasks, mean, 1))
    for tasks, mean in ((30, 0.8), (100, 0.8), (100, 0.95)):
        yield Design(
            f"{tasks} tasks x 3 seeds", (f"pass rate {mean:.0%}",), passing(tasks, mean, 3)
        )
    for tasks in (30, 100):
        yield Design(f"{tasks} tasks, 1-10 calls", ("API success, micro",), calling(tasks, 0.8))
    for tasks, mean, by, seeds in ((30, 0.6, 0.1, 1), (100, 0.6, 0.1, 1), (100, 0.9, 0.03, 1)):
        name = f"{tasks} tasks, {mean:.0%}"
        yield Design(name, (f"paired difference {by:.0%}",), differing(tasks, mean, by, seeds))
    yield Design("100 tasks x 3 seeds", ("paired difference 10%",), differing(100, 0.6, 0.1, 3))
    yield Design("100 tasks, 1-10 calls", ("paired difference, micro",), differing_calls(100))
    yield Design("61 tasks, 7 tools, 1 each", ("pass rate by tool",), by_tool(61, 7, 1))
    yield Design("61 tasks, 7 tools, 2 each", ("pass rate by tool",), by_tool(61, 7, 2))
    yield Design("100 tasks, 40 tools, 2 each", ("pass rate by tool",), by_tool(100, 40, 2))
    for alike in (2.0, 20.0):
        name = f"61 tasks, 7 tools, 2 each, alike {alike:g}"
        yield Design(name, ("pass rate by tool",), by_tool(61, 7, 2, alike))
    for tasks in (30, 100):
        yield Design(f"{tasks} tasks", ("steps",), counting(tasks))
    judged = ("kappa", "leniency", "accuracy", "false passes")
    yield Design("judge, 100 labels", judged, agreeing(100, 0.6, 0.25, 0.1))
    yield Design("judge, 300 labels", judged, agreeing(300, 0.6, 0.25, 0.1))
    names = ("variance by task", "by agent", "by judge", "by both")
    yield Design("100 tasks x 3 agents x 4 judges", names, varying(100, 3, 4))
    yield Design("100 tasks, 4 votes", ("deviation by judge", "other majority"), voting(100, 4))


def studied(design: Design, studies: int) -> list[tuple[str, str, str]]:
    """How often the intervals of a design hold the truth, and their widths."""
    found: list[list[tuple[Estimate, float]]] = []
    for number in range(studies):
        seed = derive("interval study", design.name, *design.figures, number)
        found.append(design.study(np.random.Generator(np.random.PCG64(seed))))
    rows = []
    for name, column in zip(design.figures, zip(*found, strict=True), strict=True):
        rows.append((f"{design.name}: {name}", "94-96 %, <= 1.2", _told(column)))
    return rows


def _told(column: Sequence[tuple[Estimate, float]]) -> str:
    told = [(estimate, truth) for estimate, truth in column if estimate.low == estimate.low]
    held = np.mean([estimate.low <= truth <= estimate.high for estimate, truth in told])
    width = np.mean([estimate.high - estimate.low for estimate, _ in told])
    ideal = 2 * 1.96 * np.std([estimate.value for estimate, _ in told])
    misses = "" if 0.94 <= held <= 0.96 and width <= 1.2 * ideal else "  misses"
    return f"{100 * held:.1f} %, {width / ideal:.2f}{misses}"


def level(studies: int) -> tuple[str, str, str]:
    """How often the paired test says that two equal policies differ, at 5 %."""
    metric = Metric("passed", "passed", lambda episode, gold: Measured(0.0))
    rejected = 0
    for number in range(studies):
        generator = np.random.Generator(np.random.PCG64(derive("test study", number)))
        rates: Numbers = generator.beta(1.2, 0.8, size=60)
        sides = [
            [
                Unit(f"task {task}", (), (Measured(float(passed)),))
                for task, passed in enumerate(generator.random(60) < rates)
            ]
            for _ in range(2)
        ]
        (found,) = compare_metrics(sides[0], sides[1], [metric], number, samples=2)
        rejected += found.p < 0.05
    return "60 tasks, equal policies: paired test", "<= 5 %", f"{100 * rejected / studies:.1f} %"


def main() -> None:
    """Measure and print."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    rows = [("figure", "asked", "held, width by ideal")]
    for design in designs():
        rows += studied(design, studies)
    rows.append(level(max(1, studies // 4)))
    table(f"intervals of 95 % in {studies:,} made-up studies", rows)


if __name__ == "__main__":
    main()
