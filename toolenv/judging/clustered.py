"""Intervals of shares, and of differences of shares, over clusters: tasks, or tools.

A bootstrap cannot draw what was not seen: where ten of ten tasks pass it says that nothing else can
happen, and near 0 and 1 its intervals hold the truth too seldom. So the interval of a share is
Wilson's with as many trials as the spread between the clusters is worth, and Student's t for the
normal quantile (Korn and Graubard, Survey Methodology 24, 1998; Dean and Pagano, Journal of Survey
Statistics and Methodology 3, 2015). A paired difference gets Student's interval with two more pairs
that differ by a half of what is possible in either direction (Agresti and Min, Statistics in
Medicine 24, 2005). ``benchmarks/intervals.py`` measures how often they hold the truth.
"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

from toolenv.judging.bootstrap import Estimate, Numbers
from toolenv.judging.intervals import student
from toolenv.judging.shared_tools import Sharing, shared_tools

__all__ = ["count_estimates", "difference_estimates", "influences", "rate_estimates"]


def rate_estimates(
    parts: Numbers,
    wholes: Numbers,
    *,
    members: Numbers | None = None,
    confidence: float = 0.95,
) -> list[Estimate]:
    """Shares with their intervals, column by column: sums of parts by sums of wholes.

    Args:
        parts: By cluster and column; between 0 and the whole.
        wholes: The same shape; 0 where the cluster tells nothing of the column.
        members: By cluster and tool: how much of it belongs to the tool, where clusters are tasks
            and the interval is to be over tools (``toolenv.judging.shared_tools``).
        confidence: How often such an interval holds the true share.

    Returns:
        An estimate for each column. Of no cluster it is not a number; of one alone the ends are
        0 and 1.

    Example:
        >>> import numpy as np
        >>> [round(end, 2) for end in rate_estimates(np.ones((10, 1)), np.ones((10, 1)))[0]]
        [1.0, 0.66, 1.0]
    """
    moved = influences(parts, wholes)
    found = []
    for column, sharing in enumerate(_sharing(moved, wholes, members)):
        count = int((wholes[:, column] > 0).sum())
        if not count:
            found.append(Estimate(nan, nan, nan))
            continue
        rate = min(1.0, max(0.0, float(parts[:, column].sum() / wholes[:, column].sum())))
        if sharing.tools == 1:
            found.append(Estimate(rate, 0.0, 1.0))
            continue
        spread = sharing.effect * float((moved[:, column] ** 2).sum()) / (count * (count - 1))
        trials = rate * (1 - rate) / spread if spread > 1e-15 and 0 < rate < 1 else float(count)
        t = student((1 - confidence) / 2, sharing.tools - 1)
        middle = (rate + t * t / (2 * trials)) / (1 + t * t / trials)
        half = t / (1 + t * t / trials) * sqrt(rate * (1 - rate) / trials + (t / (2 * trials)) ** 2)
        low = 0.0 if rate == 0 else max(0.0, middle - half)
        found.append(Estimate(rate, low, 1.0 if rate == 1 else min(1.0, middle + half)))
    return found


def difference_estimates(
    differences: Numbers,
    told: Numbers,
    *,
    members: Numbers | None = None,
    confidence: float = 0.95,
) -> list[Estimate]:
    """Mean paired differences of shares with their intervals, column by column.

    Args:
        differences: By cluster and column, from -1 to 1; what is not told is not read.
        told: The same shape: 1 where both of a pair are known, else 0.
        members: As for ``rate_estimates``.
        confidence: How often such an interval holds the true difference.

    Returns:
        An estimate for each column. Of no pair it is not a number; of one alone the ends are -1
        and 1.
    """
    found = []
    moved = influences(np.where(told > 0, differences, 0.0), told)
    for column, sharing in enumerate(_sharing(moved, told, members)):
        values = differences[told[:, column] > 0, column]
        count = len(values)
        if not count:
            found.append(Estimate(nan, nan, nan))
            continue
        value = float(values.mean())
        if sharing.tools == 1:
            found.append(Estimate(value, -1.0, 1.0))
            continue
        pairs = count + 2
        middle = float(values.sum()) / pairs
        spread = (float((values**2).sum()) + 1) / pairs - middle**2
        t = student((1 - confidence) / 2, sharing.tools - 1)
        half = t * sqrt(sharing.effect * max(spread, 0.0) / pairs)
        low, high = max(-1.0, middle - half), min(1.0, middle + half)
        found.append(Estimate(value, min(low, value), max(high, value)))
    return found


def count_estimates(
    values: Numbers, moved: Numbers, weights: Numbers, members: Numbers, *, confidence: float = 0.95
) -> list[Estimate]:
    """Means of counts with Student's intervals over tools, column by column.

    Args:
        values: The means.
        moved: By task and column: how much the task moves the mean (``influences``).
        weights: The same shape: how much the task counts; 0 where it tells nothing.
        members: As for ``rate_estimates``.
        confidence: How often such an interval holds the true mean.

    Returns:
        An estimate for each column; of one tool alone an interval has no ends.
    """
    found = []
    for column, sharing in enumerate(_sharing(moved, weights, members)):
        value, count = float(values[column]), int((weights[:, column] > 0).sum())
        if sharing.tools < 2 or count < 2:
            found.append(Estimate(value, nan, nan))
            continue
        spread = sharing.effect * float((moved[:, column] ** 2).sum()) / (count * (count - 1))
        half = student((1 - confidence) / 2, sharing.tools - 1) * sqrt(spread)
        found.append(Estimate(value, value - half, value + half))
    return found


def _sharing(moved: Numbers, weights: Numbers, members: Numbers | None) -> list[Sharing]:
    """What tools do to each column; where clusters are on their own, nothing."""
    if members is not None:
        return shared_tools(moved, weights, members)
    return [Sharing(1.0, int(count)) for count in (weights > 0).sum(axis=0)]


def influences(parts: Numbers, wholes: Numbers) -> Numbers:
    """How much each cluster moves a share, times how many clusters tell; they add up to 0."""
    sums = wholes.sum(axis=0)
    counts = (wholes > 0).sum(axis=0)
    rates = np.divide(parts.sum(axis=0), sums, out=np.zeros(sums.shape), where=sums > 0)
    scale = np.divide(counts, sums, out=np.zeros(sums.shape), where=sums > 0)
    found: Numbers = (parts - rates * wholes) * scale
    return found
