"""How good a ranking is, where it is known which APIs a request needs.

NDCG is that of Järvelin and Kekäläinen (TOIS 20, 2002) with gains of 0 and 1, as in ToolBench's
figures; sufficiency asks whether all that is needed was found, without which a task cannot be done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log2
from typing import TypeAlias

__all__ = ["DEPTHS", "MEASURES", "Relevance", "measures", "ndcg", "recall", "sufficiency"]

Relevance: TypeAlias = Collection[int]
"""Places of the APIs that a request needs."""

DEPTHS = (1, 3, 5)


def ndcg(ranked: Sequence[int], relevant: Relevance, k: int) -> float:
    """Discounted gains of the first so many, by those of the best order.

    Example:
        >>> round(ndcg([7, 2, 9], {2, 9}, 3), 3)
        0.693
    """
    gained = sum(1 / log2(rank + 2) for rank, at in enumerate(ranked[:k]) if at in relevant)
    best = sum(1 / log2(rank + 2) for rank in range(min(k, len(set(relevant)))))
    return gained / best if best else 0.0


def recall(ranked: Sequence[int], relevant: Relevance, k: int) -> float:
    """The share of what is needed among the first so many.

    Example:
        >>> recall([7, 2, 9], {2, 4}, 3)
        0.5
    """
    wanted = set(relevant)
    return len(wanted.intersection(ranked[:k])) / len(wanted) if wanted else 0.0


def sufficiency(ranked: Sequence[int], relevant: Relevance, k: int) -> float:
    """1 where all that is needed is among the first so many, else 0.

    Example:
        >>> sufficiency([7, 2, 9], {2, 9}, 3), sufficiency([7, 2, 9], {2, 9}, 2)
        (1.0, 0.0)
    """
    wanted = set(relevant)
    return float(bool(wanted) and wanted.issubset(ranked[:k]))


def measures(ranked: Sequence[int], relevant: Relevance) -> dict[str, float]:
    """All measures of one ranking, by name, in the order of ``MEASURES``."""
    found = {f"ndcg@{k}": ndcg(ranked, relevant, k) for k in DEPTHS}
    for k in (5, 10):
        found[f"recall@{k}"] = recall(ranked, relevant, k)
        found[f"sufficiency@{k}"] = sufficiency(ranked, relevant, k)
    return found


MEASURES = tuple(measures([], ()))
"""The names of the measures."""
