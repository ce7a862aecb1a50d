"""Rank correlation: whether two environments put policies in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

__all__ = ["kendall", "spearman"]


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
