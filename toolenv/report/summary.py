"""Results added up: what tables and pages show of many episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolenv.judging.clustered import rate_estimates
from toolenv.judging.intervals import wilson
from toolenv.running.results import Result

__all__ = [
    "Group",
    "calls_by_source",
    "count",
    "group_results",
    "percentages",
    "shares",
    "summarise",
]


@dataclass(frozen=True, slots=True)
class Group:
    """Some episodes, added up.

    The pass rate is that of the episodes with a decision. An episode that nothing has judged yet
    (``unsure``) and one that infrastructure broke are counted apart: neither is a failure.

    Args:
        episodes: How many there are.
        passed: How many passed.
        failed: How many failed.
        unsure: How many nothing has decided on.
        infrastructure_errors: How many infrastructure broke.
        mean_steps: Steps explored per episode.
        mean_policy_calls: Policy calls per episode.
        mean_api_calls: API calls per episode.
        mean_tokens: Input and output tokens per episode.
        mean_money: Money per episode; 0 without a price table.
        interval: The pass rate's 95 % interval over tasks: Wilson's, and where a task has several
            episodes with as many trials as these are worth.
        missed: How many episodes have a call that no simulator answered.
        decided_missed: How many of the decided ones have.
        passed_missed: How many of the passed ones have.
    """

    episodes: int
    passed: int
    failed: int
    unsure: int
    infrastructure_errors: int
    mean_steps: float
    mean_policy_calls: float
    mean_api_calls: float
    mean_tokens: float = 0.0
    mean_money: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)
    missed: int = 0
    decided_missed: int = 0
    passed_missed: int = 0

    @property
    def decided(self) -> int:
        """How many episodes the pass rate is of."""
        return self.passed + self.failed

    @property
    def rate(self) -> float | None:
        """The pass rate; None where nothing is decided."""
        return self.passed / self.decided if self.decided else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The pass rate if all episodes with a miss fail, and if all of them pass.

        A miss says nothing of the policy: it is censored, and the truth lies between the two. None
        where nothing is decided.
        """
        if not self.decided:
            return None
        surely = self.passed - self.passed_missed
        return surely / self.decided, (surely + self.decided_missed) / self.decided

    @property
    def without_miss(self) -> float:
        """The share of episodes without a miss; 1 for no episode."""
        return 1 - self.missed / self.episodes if self.episodes else 1.0


def summarise(results: Sequence[Result]) -> Group:
    """Add results up."""
    outcomes = Counter(result.outcome for result in results)
    number = len(results) or 1
    missed = Counter(result.outcome for result in results if result.misses)
    return Group(
        len(results),
        outcomes["passed"],
        outcomes["failed"],
        outcomes["unsure"],
        outcomes["infrastructure_error"],
        sum(result.steps for result in results) / number,
        sum(result.cost.policy_calls for result in results) / number,
        sum(result.cost.api_calls for result in results) / number,
        sum(result.cost.input_tokens + result.cost.output_tokens for result in results) / number,
        sum(result.cost.money for result in results) / number,
        _interval(results),
        missed.total(),
        missed["passed"] + missed["failed"],
        missed["passed"],
    )


def _interval(results: Sequence[Result]) -> tuple[float, float]:
    by_task: dict[str, list[bool]] = {}
    for result in results:
        if result.outcome in ("passed", "failed"):
            by_task.setdefault(result.task, []).append(result.outcome == "passed")
    if all(len(passes) == 1 for passes in by_task.values()):
        return wilson(sum(passes[0] for passes in by_task.values()), len(by_task))
    parts, wholes = ([[float(count(own))] for own in by_task.values()] for count in (sum, len))
    (found,) = rate_estimates(np.array(parts), np.array(wholes))
    return found.low, found.high


def group_results(
    results: Iterable[Result], by: Callable[[Result], tuple[str, ...]]
) -> dict[tuple[str, ...], Group]:
    """Add results up by what ``by`` says of each, in the order of the groups' names."""
    grouped: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        grouped.setdefault(by(result), []).append(result)
    return {name: summarise(grouped[name]) for name in sorted(grouped)}


def count(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts up, largest first, equal ones by name."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def calls_by_source(results: Iterable[Result]) -> dict[str, int]:
    """How many calls each source answered, misses told apart from what reaches no API."""
    return count(_by_source(result) for result in results)


def _by_source(result: Result) -> dict[str, int]:
    found = dict(result.calls_by_source)
    if result.misses:
        found["miss"] = result.misses
        found["environment"] = found.get("environment", 0) - result.misses
    return {name: number for name, number in found.items() if number > 0}


def shares(results: Sequence[Result]) -> str:
    """Who answered the calls that reach an API, and what first produced the answers, in a line.

    Example:
        >>> shares([Result("1", "react", "p", 0, calls_by_source={"snapshot": 3, "environment": 2},
        ...     calls_by_origin={"live": 3, "environment": 2}, misses=1)])
        'calls: snapshot 75 %, miss 25 %; origins: live 100 %'
    """
    sources, origins = calls_by_source(results), count(one.calls_by_origin for one in results)
    for counts in (sources, origins):
        counts.pop("environment", None)
    if not sources:
        return "calls: none reached an API"
    text = f"calls: {percentages(sources)}"
    return f"{text}; origins: {percentages(origins)}" if origins else text


def percentages(counts: Mapping[str, int]) -> str:
    """The share of each count, in a line.

    Example:
        >>> percentages({"snapshot": 2, "live": 1})
        'snapshot 67 %, live 33 %'
    """
    total = sum(counts.values())
    return ", ".join(f"{name} {_percentage(number / total)}" for name, number in counts.items())


def _percentage(share: float) -> str:
    """In whole percents, and never 0 or 100 for what is neither."""
    percents = round(100 * share)
    if percents == 0 and share:
        return "< 1 %"
    return "> 99 %" if percents == 100 and share < 1 else f"{percents} %"
