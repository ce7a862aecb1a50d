"""Intervals for rates: what a pass rate over so many episodes can be worth."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

__all__ = ["wilson"]


def wilson(passed: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a rate; sensible for few episodes and for rates of 0 and 1.

    Args:
        passed: How many passed.
        total: Out of how many; of none nothing is known, and the interval is 0 to 1.
        confidence: How often such an interval holds the true rate, between 0 and 1.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: ``passed`` is not between 0 and ``total``, or ``confidence`` not between 0
            and 1.

    Example:
        >>> [round(end, 3) for end in wilson(8, 10)]
        [0.49, 0.943]
    """
    if not 0 <= passed <= total:
        raise ValueError(f"{passed} of {total} cannot have passed")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence is between 0 and 1, not {confidence}")
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = passed / total
    middle = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    low = 0.0 if passed == 0 else max(0.0, middle - half)
    high = 1.0 if passed == total else min(1.0, middle + half)
    return low, high
