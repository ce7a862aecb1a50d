"""The paired sign-flip test: what is as likely to go one way as the other."""

from __future__ import annotations

import numpy as np

from toolenv.judging.bootstrap import Numbers

__all__ = ["sign_flips"]

_FLIPS = 9_999


def sign_flips(moved: Numbers, seed: int) -> float:
    """How often differences that may go either way would be as far from 0 in sum.

    Args:
        moved: The difference of each pair, or each cluster's sum of differences.
        seed: What the draws derive from.

    Returns:
        The share of draws, what was seen counted in: never 0. NaN for fewer than two.

    Example:
        >>> sign_flips(np.ones(12), 0) < 0.01 < sign_flips(np.array([1.0, -1.0]), 0)
        True
    """
    if len(moved) < 2:
        return float("nan")
    seen = abs(float(moved.sum())) - 1e-9
    if seen <= 0:
        return 1.0
    generator = np.random.Generator(np.random.PCG64(seed))
    beyond = 1
    for first in range(0, _FLIPS, 1_000):  # in parts, to keep them small
        flips = min(1_000, _FLIPS - first)
        signs = generator.integers(0, 2, size=(flips, len(moved))) * 2.0 - 1
        beyond += int((np.abs(signs @ moved) >= seen).sum())
    return beyond / (_FLIPS + 1)
