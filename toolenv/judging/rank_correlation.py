"""Rank correlation: whether two environments put policies in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from toolenv.judging.bootstrap import Estimate, bootstrap

__all__ = ["ComparedRates", "compare_rates", "kendall", "spearman"]


class ComparedRates(NamedTuple):
    """How alike two environments rate the same policies.

    Args:
        difference: The mean over policies of the second environment's rate less the first's.
        kendall: Kendall's tau-b of the two orders.
        spearman: Spearman's rho of the two.
        moves: Each policy's difference.
    """

    difference: Estimate
    kendall: Estimate
    spearman: Estimate
    moves: list[Estimate]


def compare_rates(rates: np.ndarray, seed: int, *, samples: int = 2_000) -> ComparedRates:
    """Compare pass rates and their order, with intervals over tasks.

    A task is drawn with all that was measured on it. Chance in either environment draws a
    correlation towards zero, in what was measured and once more in what is drawn, so the intervals
    of the correlations reach as far to the other side; they may go beyond 1.

    Args:
        rates: By task, environment (two of them) and policy: from 0 to 1, or NaN where unknown.
        seed: What the draws derive from.
        samples: How often is drawn.
    """

    def figures(drawn: np.ndarray) -> np.ndarray:
        known = ~np.isnan(rates[drawn])
        sums, counts = np.where(known, rates[drawn], 0.0).sum(axis=0), known.sum(axis=0)
        means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        means = means.round(12)  # equal rates are equal, in whatever order they were added up
        moved = means[1] - means[0]
        seen = ~np.isnan(moved)  # a draw may hold no known task of a policy
        first, second = list(means[0][seen]), list(means[1][seen])
        overall = moved[seen].mean() if seen.any() else np.nan
        return np.array([overall, kendall(first, second), spearman(first, second), *moved])

    tasks, _, policies = rates.shape
    widened = [tasks] * (3 + policies)
    difference, tau, rho, *moves = bootstrap(
        figures, tasks, seed, samples=samples, widened=widened, reflected=(1, 2)
    )
    return ComparedRates(difference, tau, rho, moves)


def kendall(ones: Sequence[float], others: Sequence[float]) -> float:
    """Kendall's tau-b: pairs in the same order less pairs in the opposite one, ties allowed for.

    Args:
        ones: A value for each policy.
        others: Another value for each, in the same order of policies.

    Returns:
        From -1 to 1; NaN for fewer than two values, and where all of either side are equal.

    Raises:
        ValueError: There are not as many values on both sides.

    Example:
        >>> kendall([1, 2, 3, 4], [1, 2, 4, 3])
        0.6666666666666666
    """
    one, other = _sides(ones, others)
    upper = np.triu_indices(len(one), 1)
    first = np.sign(one[:, None] - one[None, :])[upper]
    second = np.sign(other[:, None] - other[None, :])[upper]
    apart = int(np.count_nonzero(first)), int(np.count_nonzero(second))
    if not apart[0] or not apart[1]:
        return float("nan")
    return _bounded(float((first * second).sum()) / sqrt(apart[0] * apart[1]))


def spearman(ones: Sequence[float], others: Sequence[float]) -> float:
    """Spearman's rho: the correlation of the ranks, equal values sharing the mean of theirs.

    Args:
        ones: A value for each policy.
        others: Another value for each, in the same order of policies.

    Returns:
        From -1 to 1; NaN for fewer than two values, and where all of either side are equal.

    Raises:
        ValueError: There are not as many values on both sides.

    Example:
        >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
        0.8
    """
    one, other = (_ranks(side) for side in _sides(ones, others))
    one, other = (
        one - one.mean() if len(one) else one,
        other - other.mean() if len(other) else other,
    )
    spread = sqrt(float((one * one).sum()) * float((other * other).sum()))
    return _bounded(float((one * other).sum()) / spread) if spread else float("nan")


def _sides(ones: Sequence[float], others: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    if len(ones) != len(others):
        raise ValueError(f"{len(ones)} values cannot be paired with {len(others)}")
    return np.asarray(ones, dtype=float), np.asarray(others, dtype=float)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks: np.ndarray = (last - (counts - 1) / 2)[places]
    return ranks


def _bounded(value: float) -> float:
    return min(1.0, max(-1.0, value))
