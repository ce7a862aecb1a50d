"""Bradley-Terry strengths of many players from comparisons of two at a time.

``P(one beats other) = 1 / (1 + exp(other's strength - one's))``. A tie is half a win for each. The
fit is Newton's method on the log likelihood, with a small ridge that keeps the strength of a player
finite who won or lost every comparison; strengths add up to zero. Intervals are over whole tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolenv.judging.bootstrap import Drawn, Estimate, Numbers, bootstrap

__all__ = ["Comparison", "Strength", "bradley_terry", "is_connected"]

_RIDGE = 1e-3
_ROUNDS = 100


class Comparison(NamedTuple):
    """One comparison of two players on one task.

    Args:
        task: The task.
        one: A player.
        other: Another player.
        score: 1 where the one won, 0 where the other did, one half for a tie.
    """

    task: str
    one: str
    other: str
    score: float


class Strength(NamedTuple):
    """A player's strength in log odds, and how often it would beat the mean of all players.

    Args:
        player: The player.
        strength: Its strength, with its interval; the mean of all is 0.
        beats_mean: The chance to beat a player of strength 0, with its interval.
        comparisons: How many it was in.
    """

    player: str
    strength: Estimate
    beats_mean: Estimate
    comparisons: int


def bradley_terry(
    comparisons: Sequence[Comparison], seed: int, *, samples: int = 1_000
) -> list[Strength]:
    """Fit strengths, strongest first.

    Args:
        comparisons: All comparisons; those whose outcome is unsure are left out by the caller.
        seed: What the bootstrap draws from.
        samples: How often is drawn.

    Raises:
        ValueError: A player is compared with itself, or a score is not between 0 and 1.

    Example:
        >>> found = bradley_terry([Comparison("1", "a", "b", 1.0), Comparison("2", "a", "b", 1.0),
        ...                        Comparison("3", "a", "b", 0.0)], 0, samples=20)
        >>> [(one.player, round(one.strength.value, 2)) for one in found]
        [('a', 0.35), ('b', -0.35)]
    """
    for one in comparisons:
        if one.one == one.other or not 0 <= one.score <= 1:
            raise ValueError(f"not a comparison: {one}")
    players = sorted({name for c in comparisons for name in (c.one, c.other)})
    if not players:
        return []
    number = {name: index for index, name in enumerate(players)}
    tasks = {name: index for index, name in enumerate(dict.fromkeys(c.task for c in comparisons))}
    wins = np.zeros((len(tasks), len(players), len(players)))
    for c in comparisons:
        wins[tasks[c.task], number[c.one], number[c.other]] += c.score
        wins[tasks[c.task], number[c.other], number[c.one]] += 1 - c.score

    def fitted(drawn: Drawn) -> Numbers:
        times = np.bincount(drawn, minlength=len(tasks)).astype(float)
        return _fit(np.tensordot(times, wins, axes=1))

    widened = [len(tasks)] * len(players)
    estimates = bootstrap(fitted, len(tasks), seed, samples=samples, widened=widened)
    counts = (wins + wins.transpose(0, 2, 1)).sum(axis=(0, 2))
    found = [
        Strength(name, e, Estimate(*(_chance(value) for value in e)), round(float(n)))
        for name, e, n in zip(players, estimates, counts, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.strength.value, one.player))


def is_connected(comparisons: Sequence[Comparison]) -> bool:
    """Whether all players are linked by comparisons; else their strengths cannot be compared."""
    groups: list[set[str]] = []
    for c in comparisons:
        joined = {c.one, c.other}
        apart = []
        for group in groups:
            if group & joined:
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return len(groups) <= 1


def _fit(wins: npt.NDArray[np.float64]) -> Numbers:
    size = len(wins)
    games = wins + wins.T
    strengths = np.zeros(size)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        slope = (wins - games * chance).sum(axis=1) - _RIDGE * strengths
        weight = games * chance * (1 - chance)
        curve = np.diag(weight.sum(axis=1)) - weight + _RIDGE * np.eye(size)
        step = np.clip(np.linalg.solve(curve, slope), -2, 2)
        strengths = strengths + step
        if np.abs(step).max() < 1e-10:
            break
    centred: Numbers = strengths - strengths.mean()
    return centred


def _chance(strength: float) -> float:
    return float(1 / (1 + np.exp(-strength)))
