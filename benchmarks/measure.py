"""Timing: interleaved repeats, medians, and the spread that says how far to trust them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Timing", "interleaved", "table"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Microseconds of one call, over repeats."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} µs ({self.low:.2f}–{self.high:.2f})"


def interleaved(
    works: Mapping[str, Callable[[], object]], *, calls: int, repeats: int = 15
) -> dict[str, Timing]:
    """Time several pieces of work in turn, so that a drifting machine drifts for all.

    Args:
        works: What is timed, by name; each is called ``calls`` times per repeat.
        calls: Calls in one repeat.
        repeats: Repeats that count, after one that does not.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.disable()
    try:
        for repeat in range(repeats + 1):
            for name, work in works.items():
                began = time.perf_counter()
                for _ in range(calls):
                    work()
                spent = (time.perf_counter() - began) / calls * 1e6
                if repeat:
                    found[name].append(spent)
            gc.collect()
    finally:
        gc.enable()
    return {
        name: Timing(statistics.median(times), min(times), max(times))
        for name, times in found.items()
    }


def table(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print rows of figure, asked, measured."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    print(f"\n{title}")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "  ".join(cells).rstrip())
