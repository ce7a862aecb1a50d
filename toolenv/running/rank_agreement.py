"""Rank agreement: whether a simulated environment ranks policies as the recorded one does.

The same policies are run in both. What is compared is the pass rate of each, the mean over tasks of
the mean over seeds, and the order that the pass rates put the policies in. Intervals are drawn over
tasks, each with the results of all policies in both environments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolenv.errors import ConfigurationError
from toolenv.judging.bootstrap import Estimate
from toolenv.judging.rank_correlation import compare_rates
from toolenv.running.comparison import refuse_different
from toolenv.running.folder import RunFolder
from toolenv.seeds import derive

__all__ = ["LEAST_POLICIES", "RankAgreement", "Ranked", "RatedPolicy", "rank_agreement"]

LEAST_POLICIES: Final = 8
"""Of fewer policies a rank correlation says next to nothing."""


class Ranked(BaseModel):
    """A figure with its 95 % interval; None where it is not defined, as of an order of equals.

    Args:
        value: The figure.
        low: The lower end.
        high: The upper end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> Ranked:
        """From an estimate, rounded, with ends that such figures can have."""
        value, low, high = (
            None if isnan(end) else min(1.0, max(-1.0, round(end, 6) + 0.0)) for end in estimate
        )
        return cls(value=value, low=low, high=high)


class RatedPolicy(BaseModel):
    """One policy in both environments.

    Args:
        policy: The policy.
        agent: What drove it.
        episodes: Pairs of episodes with a decision in both environments.
        undecided: Pairs without one in either; left out.
        recorded: The pass rate in the recorded environment.
        simulated: The pass rate in the simulated one.
        difference: The second less the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    agent: str
    episodes: int
    undecided: int
    recorded: float
    simulated: float
    difference: Ranked


class RankAgreement(BaseModel):
    """How alike two environments rate and rank policies.

    Args:
        policies: Each policy and agent, in order of the names.
        tasks: Over how many tasks.
        difference: The mean over policies of simulated less recorded pass rates.
        apart: The mean of how far they are apart, whatever the direction. Chance alone keeps it
            above 0.
        kendall: Kendall's tau-b of the two orders.
        spearman: Spearman's rho.
        meaningful: Whether there are enough policies for the intervals of the correlations to mean
            anything.
        differing: In what the runs differ although they should not; empty unless forced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: tuple[RatedPolicy, ...]
    tasks: int
    difference: Ranked
    apart: float
    kendall: Ranked
    spearman: Ranked
    meaningful: bool
    differing: tuple[str, ...] = ()


class _Who(NamedTuple):
    """A policy and what drives it."""

    policy: str
    agent: str

    def __str__(self) -> str:
        return f"{self.policy} with {self.agent}"


class _Side(NamedTuple):
    """One environment's results: by policy, task and seed; None where undecided."""

    name: str
    outcomes: Mapping[_Who, Mapping[tuple[str, int], bool | None]]
    runs: Mapping[_Who, Sequence[RunFolder]]


def rank_agreement(
    recorded: Iterable[RunFolder],
    simulated: Iterable[RunFolder],
    *,
    seed: int = 0,
    samples: int = 2_000,
    force: bool = False,
) -> RankAgreement:
    """Compare the pass rates of policies in a recorded and in a simulated environment.

    Args:
        recorded: Runs in the recorded environment; one run may hold several policies.
        simulated: The same policies, agents, tasks and seeds in the simulated one.
        seed: What the bootstrap draws from.
        samples: How often it draws.
        force: Compare also fewer than eight policies, and environments that differ in more than
            the simulator.

    Raises:
        ConfigurationError: The runs do not pair, their environments differ, the policies did not
            do the same tasks, or there are fewer than eight policies.
        JournalError: A run cannot be read.
    """
    one, other = _side("recorded", recorded), _side("simulated", simulated)
    whos = _paired(one, other)
    differing = _differing(one, other, whos, force)
    policies = len({who.policy for who in whos})
    if policies < LEAST_POLICIES and not force:
        raise ConfigurationError(
            f"A rank correlation of {policies} policies says next to nothing.",
            fix=f"Run at least {LEAST_POLICIES} policies in both environments, or force it.",
        )
    decided = {
        who: {
            place: (now, later)
            for place, now in one.outcomes[who].items()
            if now is not None and (later := other.outcomes[who][place]) is not None
        }
        for who in whos
    }
    tasks = sorted({task for pairs in decided.values() for task, _ in pairs})
    empty = [str(who) for who, pairs in decided.items() if not pairs]
    if empty:
        raise ConfigurationError(
            f"No episode has a decision in both environments, of {_listed(empty)}.",
            fix="Resume the runs, or leave the policy out.",
        )
    # [task, side, policy]: the task's pass rate; nothing where no pair of episodes has a decision
    rates = np.full((len(tasks), 2, len(whos)), np.nan)
    rows = {task: row for row, task in enumerate(tasks)}
    for column, who in enumerate(whos):
        by_task: dict[str, list[tuple[bool, bool]]] = {}
        for (task, _), pair in decided[who].items():
            by_task.setdefault(task, []).append(pair)
        for task, pairs in by_task.items():
            rates[rows[task], :, column] = np.mean(pairs, axis=0)

    found = compare_rates(rates, derive("rank agreement", seed), samples=samples)
    passed = np.nanmean(rates, axis=0)
    return RankAgreement(
        policies=tuple(
            RatedPolicy(
                policy=who.policy,
                agent=who.agent,
                episodes=len(decided[who]),
                undecided=len(one.outcomes[who]) - len(decided[who]),
                recorded=round(float(passed[0, number]), 6),
                simulated=round(float(passed[1, number]), 6),
                difference=Ranked.of(found.moves[number]),
            )
            for number, who in enumerate(whos)
        ),
        tasks=len(tasks),
        difference=Ranked.of(found.difference),
        apart=round(float(np.abs(passed[1] - passed[0]).mean()), 6),
        kendall=Ranked.of(found.kendall),
        spearman=Ranked.of(found.spearman),
        meaningful=policies >= LEAST_POLICIES,
        differing=differing,
    )


def _side(name: str, runs: Iterable[RunFolder]) -> _Side:
    outcomes: dict[_Who, dict[tuple[str, int], bool | None]] = {}
    folders: dict[_Who, list[RunFolder]] = {}
    for run in runs:
        for result in run.results():
            who = _Who(result.policy, result.agent)
            place = (result.task, result.seed)
            if place in outcomes.setdefault(who, {}):
                raise ConfigurationError(
                    f"Two {name} runs hold {who} on task {result.task}, seed {result.seed}.",
                    where=str(run.path),
                    fix="Name each run once.",
                )
            passed = {"passed": True, "failed": False}.get(result.outcome)
            outcomes[who][place] = passed
            if run not in folders.setdefault(who, []):
                folders[who].append(run)
    return _Side(name, outcomes, folders)


def _paired(one: _Side, other: _Side) -> list[_Who]:
    """The policies of both sides.

    Raises:
        ConfigurationError: One side lacks something; it is named.
    """
    problems = [
        f"in the {has.name} runs alone: {_listed(list(map(str, sorted(alone))))}"
        for has, lacks in ((one, other), (other, one))
        if (alone := has.outcomes.keys() - lacks.outcomes.keys())
    ]
    whos = sorted(one.outcomes.keys() & other.outcomes.keys())
    for who in whos:
        for has, lacks in ((one, other), (other, one)):
            places = sorted(has.outcomes[who].keys() - lacks.outcomes[who].keys())
            if places:
                problems.append(f"{who} did {_named(places)} in the {has.name} runs alone")
    if not problems and whos:
        first, every = whos[0], one.outcomes[whos[0]].keys()
        for who in whos[1:]:
            places = sorted(one.outcomes[who].keys() ^ every)
            if places:
                problems.append(f"of {first} and {who} only one did {_named(places)}")
    if not whos and not problems:
        problems.append("they hold no episode")
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ConfigurationError(
            f"The runs do not pair: {'; '.join(problems[:5])}{more}.",
            fix="Run the same policies, agents, tasks and seeds in both environments.",
        )
    return whos


def _named(places: Sequence[tuple[str, int]]) -> str:
    return _listed([f"task {task!r} seed {seed}" for task, seed in places])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _differing(one: _Side, other: _Side, whos: Sequence[_Who], force: bool) -> tuple[str, ...]:
    """What differs that should not: within a side anything, between the sides not the simulator."""
    found: set[str] = set()
    firsts = [side.runs[whos[0]][0] for side in (one, other)]
    for side, first in zip((one, other), firsts, strict=True):
        for who in whos:
            for run in side.runs[who]:
                found.update(refuse_different(first.manifest, run.manifest, force=force))
    found.update(
        refuse_different(
            firsts[0].manifest, firsts[1].manifest, apart_from={"simulator"}, force=force
        )
    )
    return tuple(sorted(found))
