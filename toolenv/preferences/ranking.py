"""Pairs of whole attempts at one task, by how they ended or by what they scored.

Only attempts that were shown the same, in the same environment, are compared. The prompt is what
they share, so a pair begins where they part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from toolenv.checks import outcome_of
from toolenv.episodes import Branch
from toolenv.preferences.explored import Explored
from toolenv.preferences.pairs import Pair, Source, pair_of, prefix_of, shared_steps

__all__ = ["Value", "outcome_pairs", "score_pairs"]

Value = Callable[[Explored, Branch], float | None]
"""What an ended branch is worth; None where it must not be compared."""


class _Attempt(NamedTuple):
    explored: Explored
    branch: Branch
    worth: float


def outcome_pairs(together: Sequence[Explored]) -> Iterator[Pair]:
    """Attempts that carried out the task against those that did not.

    Args:
        together: The explored episodes of one task.
    """

    def passed(explored: Explored, branch: Branch) -> float | None:
        found = explored.success(branch)
        return None if found is None else float(found)

    yield from _ranked("outcome", "passed against failed", together, passed, 1.0)


def score_pairs(
    together: Sequence[Explored], score: Value, margin: float, reason: str = "higher score"
) -> Iterator[Pair]:
    """Attempts against those that scored less by at least a margin.

    Args:
        together: The explored episodes of one task.
        score: What a branch is worth.
        margin: The least difference, above 0.
        reason: What the pairs' reason is.
    """
    yield from _ranked("scores", reason, together, score, margin)


def _ranked(
    source: Source, reason: str, together: Sequence[Explored], worth: Value, margin: float
) -> Iterator[Pair]:
    """Each attempt against the best that shares most with it, where one is better enough."""
    attempts = [
        _Attempt(explored, branch, value)
        for explored in together
        for branch in explored.episode.branches()
        if branch.ended
        and outcome_of(branch) != "infrastructure_error"
        and (value := worth(explored, branch)) is not None
    ]
    for worse in attempts:
        better = [
            (shared_steps(one.branch, worse.branch), one.worth, -number)
            for number, one in enumerate(attempts)
            if one.worth - worse.worth >= margin and _alike(one.explored, worse.explored)
        ]
        if not better:
            continue
        shared, _, number = max(better, key=lambda found: (found[1], found[0], found[2]))
        best = attempts[-number]
        mine, theirs = best.branch.numbers(), worse.branch.numbers()
        if shared < min(len(mine), len(theirs)):
            yield pair_of(
                source,
                reason,
                best.worth - worse.worth,
                prefix_of(best.explored, mine[:shared]),
                mine[shared:],
                (worse.explored, theirs[shared:]),
            )


def _alike(one: Explored, other: Explored) -> bool:
    """Whether two episodes were shown the same and lived in the same environment."""
    return one is other or (
        one.opening == other.opening
        and one.functions == other.functions
        and one.episode.fingerprints.get("environment")
        == other.episode.fingerprints.get("environment")
    )
