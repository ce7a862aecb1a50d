"""Intervals for rates: what a pass rate over so many episodes can be worth."""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt
from statistics import NormalDist

__all__ = ["student", "wilson"]


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


@lru_cache(maxsize=1_024)
def student(tail: float, freedom: int) -> float:
    """What Student's t exceeds with a given chance.

    Args:
        tail: The chance, between 0 and a half.
        freedom: The degrees of freedom, 1 or more.

    Example:
        >>> round(student(0.025, 10), 3)
        2.228
    """
    low, high = 0.0, pi / 2  # of the angle whose tangent is t by the root of the freedom
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beyond(middle, freedom) > tail else (low, middle)
    return sqrt(freedom) * sin(low) / cos(low)


def _beyond(angle: float, freedom: int) -> float:
    """The upper tail of Student's t (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    term, inside = 1.0, 0.0
    if freedom % 2:
        term = cos(angle)
        for factor in range(2, freedom, 2):
            inside += term
            term *= cos(angle) ** 2 * factor / (factor + 1)
        inside = (angle + sin(angle) * inside) * 2 / pi
    else:
        for factor in range(1, freedom, 2):
            inside += term
            term *= cos(angle) ** 2 * factor / (factor + 1)
        inside *= sin(angle)
    return (1 - inside) / 2
