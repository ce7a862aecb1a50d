"""Seeds are derived, not carried.

Every random choice draws from a seed that is a digest of where it is made: the run's seed, the
task, the ranks of the steps along the path. Nothing is shared between branches or episodes, so
concurrency, order and resumption cannot change a draw.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import index

__all__ = ["derive"]


def derive(*parts: int | str) -> int:
    """A seed of 63 bits from any number of integers and strings.

    Args:
        parts: What the seed depends on; order and types matter, so ``1`` and ``"1"`` differ.

    Returns:
        An integer from 0 to 2**63 - 1, the same on every machine.

    Example:
        >>> derive(7, "task-1") == derive(7, "task-1") != derive(7, "task-2")
        True
    """
    digest = _EMPTY.copy()
    for part in parts:
        if type(part) is int:  # by far the most frequent: two of them at every step
            raw = b"i%d" % part
        elif isinstance(part, str):
            raw = f"s{part}".encode("utf-8", "surrogatepass")
        else:
            raw = b"i%d" % index(part)  # floats are no integers
        digest.update(_SIZES[len(raw)] if len(raw) < 64 else len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return _whole(digest.digest(), "big") >> 1


_EMPTY = blake2b(digest_size=8)  # copying it takes a third of making one
_whole = int.from_bytes
_SIZES = tuple(size.to_bytes(8, "big") for size in range(64))
"""Lengths as they are written, since this is done at every step."""
