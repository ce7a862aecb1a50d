"""Figures with their intervals, in tables of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from toolenv.running.metrics_report import Ends

__all__ = ["figure", "mean", "new_table", "number"]


def new_table(first: str, *columns: str) -> Table:
    """A table without lines: a first column of names, then figures to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def figure(ends: Ends, share: bool, *, signed: bool = False) -> str:
    """A figure with its interval: a share in percent, large numbers in thousands.

    Args:
        ends: The figure.
        share: Whether it is a share.
        signed: Whether it is a difference, which shows its sign.
    """
    scale, places, unit = _scale((ends.value, ends.low, ends.high), share)
    return number(ends, scale, places, signed=signed) + unit


def mean(value: float | None, share: bool) -> str:
    """A figure alone, scaled as ``figure`` does; a dash where it is not defined."""
    scale, places, unit = _scale((value,), share)
    return "–" if value is None else f"{round(scale * value, places) + 0.0:.{places}f}{unit}"


def _scale(ends: Sequence[float | None], share: bool) -> tuple[float, int, str]:
    """What figures are multiplied by, their decimals, and the unit."""
    largest = max(abs(end or 0.0) for end in ends)
    if share:
        return 100, 1, ""
    if largest >= 10_000:  # tokens
        return 1e-3, 1, "k"
    return 1, 0 if largest >= 100 else 2, ""


def number(ends: Ends, scale: float, places: int, *, signed: bool = False) -> str:
    """A figure with its interval, scaled; a dash where it is not defined.

    Args:
        ends: The figure.
        scale: What it is multiplied by; 100 for percent, whose ends are then whole numbers.
        places: Its decimals.
        signed: Whether it is a difference, which shows its sign.
    """
    if ends.value is None:
        return "–"
    sign = "+" if signed else ""

    def shown(value: float, places: int) -> str:
        return f"{round(scale * value, places) + 0.0:{sign}.{places}f}"

    if ends.low is None or ends.high is None:
        return f"{shown(ends.value, places)} (–)"
    between = " to " if signed or ends.low < 0 else "–"
    inner = 0 if scale == 100 else places
    return (
        f"{shown(ends.value, places)} ({shown(ends.low, inner)}{between}{shown(ends.high, inner)})"
    )
