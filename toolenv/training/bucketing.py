"""Batches of rows that are alike in length, so that little of them is padding."""

from __future__ import annotations

import random
from collections.abc import Sequence

from toolenv.seeds import derive

__all__ = ["bucketed"]


def bucketed(lengths: Sequence[int], batch_size: int, batches: int, seed: int) -> list[int]:
    """An order of rows in which the rows of a batch are nearly as long as each other.

    Rows are shuffled and dealt into buckets of so many batches. A bucket's rows are sorted by their
    length and cut into batches, which come in a random order: long and short ones alternate. The
    rows that fill no batch come last.

    Args:
        lengths: The length of each row.
        batch_size: Rows of a batch.
        batches: Batches of a bucket.
        seed: What the order derives from.

    Returns:
        The rows' numbers.

    Example:
        >>> order = bucketed([9, 1, 8, 2], batch_size=2, batches=2, seed=0)
        >>> {*order[:2]} in ({0, 2}, {1, 3}), sorted(order)
        (True, [0, 1, 2, 3])
    """
    draw = random.Random(derive("buckets", seed))
    rows = list(range(len(lengths)))
    draw.shuffle(rows)
    whole = len(rows) - len(rows) % batch_size
    order: list[int] = []
    for begin in range(0, whole, batch_size * batches):
        bucket = rows[begin : min(begin + batch_size * batches, whole)]
        bucket.sort(key=lambda row: lengths[row])
        cut = [bucket[at : at + batch_size] for at in range(0, len(bucket), batch_size)]
        draw.shuffle(cut)
        order += [row for batch in cut for row in batch]
    return order + rows[whole:]
