"""Bootstrap intervals: how far a figure would move if other tasks, or other APIs, had been drawn.

What is drawn with replacement are whole clusters (the tasks of a run, the APIs of a snapshot),
each with everything that belongs to it: what is measured within one is alike, and counting it as
so many independent measurements makes intervals too narrow. Intervals are percentile intervals.
With few clusters these are too short; ``widened`` ones take percentiles farther out, as many as
make up for it where the figure is a mean of normal values (Hesterberg, "What Teachers Should Know
About the Bootstrap", The American Statistician 69, 2015, section 3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from toolenv.judging.intervals import student

__all__ = [
    "Estimate",
    "bootstrap",
    "bootstrap_sums",
    "mean_estimates",
    "median_estimate",
    "ratio_estimates",
]

Numbers: TypeAlias = npt.NDArray[np.float64]
Drawn: TypeAlias = npt.NDArray[np.int64]

_AT_ONCE = 1_000_000
"""Numbers of clusters that are drawn at once, to keep memory small."""


class Estimate(NamedTuple):
    """A figure and the ends of its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


def bootstrap(
    statistic: Callable[[Drawn], Numbers],
    clusters: int,
    seed: int,
    *,
    samples: int = 2_000,
    confidence: float = 0.95,
    widened: Sequence[int] | None = None,
    reflected: Collection[int] = (),
) -> list[Estimate]:
    """Any figures of some clusters, with percentile intervals over clusters drawn again.

    Args:
        statistic: Computes the figures from the numbers of the clusters that were drawn, some of
            them several times; NaN where one is not defined, which leaves the draw out for it.
        clusters: How many there are.
        seed: What the draws derive from; see ``toolenv.seeds.derive``.
        samples: How often is drawn.
        confidence: The share of draws inside the interval.
        widened: How many clusters each figure depends on, to make up for few of them; of one alone
            an interval has no ends then. None for plain percentiles.
        reflected: The numbers of the figures whose intervals reach as far beyond the figure as
            before it. That is for what noise draws to one side, as it draws a correlation to zero:
            the figure itself errs to the side that the draws err to.
    """
    values = statistic(np.arange(clusters))
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = np.empty((samples, len(values)))
    for number in range(samples):
        drawn[number] = statistic(generator.integers(clusters, size=clusters))
    return _estimates(values, drawn, confidence, widened, reflected)


def bootstrap_sums(
    figures: Callable[[Numbers], Numbers],
    rows: Numbers,
    seed: int,
    *,
    samples: int = 2_000,
    confidence: float = 0.95,
    widened: Sequence[int] | None = None,
) -> list[Estimate]:
    """What ``bootstrap`` gives, of the same draws, for figures of sums: many draws at once.

    Args:
        figures: Computes the figures from sums, a row for each draw and a column for each of
            ``rows``; a row for each draw.
        rows: What is summed, a row for each cluster.
        seed: As for ``bootstrap``, and so are the following.
        samples: How often is drawn.
        confidence: The share of draws inside the interval.
        widened: How many clusters each figure depends on.

    Example:
        >>> rows = np.array([[1.0, 2.0], [3.0, 2.0]])  # parts and wholes
        >>> bootstrap_sums(lambda sums: sums[:, :1] / sums[:, 1:], rows, 0)
        [Estimate(value=1.0, low=0.5, high=1.5)]
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    finite = bool(np.isfinite(rows).all())
    sums = np.empty((samples, rows.shape[1]))
    clusters = len(rows)
    step = max(1, _AT_ONCE // clusters)
    for first in range(0, samples, step):
        count = min(step, samples - first)
        drawn = generator.integers(clusters, size=(count, clusters))
        if finite:
            places = drawn + clusters * np.arange(count)[:, None]
            times = np.bincount(places.ravel(), minlength=count * clusters)
            sums[first : first + count] = times.reshape(count, clusters) @ rows
        else:  # nought times what is no number is no number either
            sums[first : first + count] = [rows[one].sum(axis=0) for one in drawn]
    values = figures(rows.sum(axis=0)[None])[0]
    return _estimates(values, figures(sums), confidence, widened)


def _estimates(
    values: Numbers,
    drawn: Numbers,
    confidence: float,
    widened: Sequence[int] | None,
    reflected: Collection[int] = (),
) -> list[Estimate]:
    """The figures with percentiles of what was drawn of each, by draw and figure."""
    tail = (1 - confidence) / 2
    tails = [tail] * len(values) if widened is None else [_widened(tail, n) for n in widened]
    ends = []
    for column, tail in zip(drawn.T, tails, strict=True):
        defined = column[~np.isnan(column)]
        known = len(defined) > 0 and tail == tail
        ends.append(np.quantile(defined, [tail, 1 - tail]) if known else np.full(2, np.nan))
    for number in reflected:
        (low, high), twice = ends[number], 2 * values[number]
        ends[number] = np.array([min(low, twice - high), max(high, twice - low)])
    return [
        Estimate(float(value), float(low), float(high))
        for value, (low, high) in zip(values, ends, strict=True)
    ]


def ratio_estimates(
    parts: Sequence[Any] | Numbers,
    wholes: Sequence[Any] | Numbers,
    seed: int,
    *,
    samples: int = 2_000,
    widened: bool = False,
) -> list[Estimate]:
    """Sums divided by sums, column by column: means over what clusters of unequal size hold.

    Args:
        parts: A row for each cluster: the sum of what it measured, by column.
        wholes: The same shape: how many measurements that is.
        seed: What the draws derive from.
        samples: How often is drawn.
        widened: Whether intervals make up for few clusters.

    Example:
        >>> ratio_estimates([[2.0], [0.0]], [[2.0], [2.0]], 0)[0]
        Estimate(value=0.5, low=0.0, high=1.0)
    """
    above, below = np.asarray(parts, dtype=float), np.asarray(wholes, dtype=float)

    def ratios(sums_and_counts: Numbers) -> Numbers:
        sums, counts = np.hsplit(sums_and_counts, 2)
        found: Numbers = np.divide(
            sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0
        )
        return found

    if not len(above):
        return []
    sizes = [int(count) for count in (below > 0).sum(axis=0)] if widened else None
    rows = np.hstack([above, below])
    return bootstrap_sums(ratios, rows, seed, samples=samples, widened=sizes)


def mean_estimates(
    rows: Sequence[Any] | Numbers, seed: int, *, samples: int = 2_000
) -> list[Estimate]:
    """The mean of each column over the rows, each row a cluster of its own."""
    values = np.asarray(rows, dtype=float)
    return ratio_estimates(values, np.ones_like(values), seed, samples=samples)


def median_estimate(
    clusters: Sequence[Sequence[float]],
    seed: int,
    *,
    samples: int = 2_000,
    widened: bool = False,
) -> Estimate:
    """The median of what all clusters hold; of an even number the mean of the middle two.

    Example:
        >>> median_estimate([[1.0, 2.0], [3.0]], 0).value
        2.0
    """
    filled = [cluster for cluster in clusters if len(cluster)]
    if not filled:
        return Estimate(float("nan"), float("nan"), float("nan"))
    values = np.concatenate([np.asarray(cluster, dtype=float) for cluster in filled])
    owners = np.repeat(np.arange(len(filled)), [len(cluster) for cluster in filled])
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]

    def median(drawn: Drawn) -> Numbers:
        times = np.bincount(drawn, minlength=len(filled))[owners].cumsum()
        middle = [(times[-1] - 1) // 2, times[-1] // 2]
        return np.array([values[np.searchsorted(times, middle, side="right")].mean()])

    sizes = [len(filled)] if widened else None
    return bootstrap(median, len(filled), seed, samples=samples, widened=sizes)[0]


def _widened(tail: float, clusters: int) -> float:
    """The normal tail that reaches as far as Student's t, times the root of n over n - 1."""
    if clusters < 2:
        return float("nan")
    freedom = clusters - 1
    return NormalDist().cdf(-sqrt(clusters / freedom) * student(tail, freedom))
