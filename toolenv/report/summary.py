"""Results added up: what tables and pages show of many episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolenv.judging.intervals import wilson
from toolenv.running.results import Result

__all__ = ["Group", "count", "group_results", "summarise"]


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
    """

    episodes: int
    passed: int
    failed: int
    unsure: int
    infrastructure_errors: int
    mean_steps: float
    mean_policy_calls: float
    mean_api_calls: float

    @property
    def decided(self) -> int:
        """How many episodes the pass rate is of."""
        return self.passed + self.failed

    @property
    def rate(self) -> float | None:
        """The pass rate; None where nothing is decided."""
        return self.passed / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the pass rate."""
        return wilson(self.passed, self.decided)


def summarise(results: Sequence[Result]) -> Group:
    """Add results up."""
    outcomes = Counter(result.outcome for result in results)
    number = len(results) or 1
    return Group(
        len(results),
        outcomes["passed"],
        outcomes["failed"],
        outcomes["unsure"],
        outcomes["infrastructure_error"],
        sum(result.steps for result in results) / number,
        sum(result.cost.policy_calls for result in results) / number,
        sum(result.cost.api_calls for result in results) / number,
    )


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
