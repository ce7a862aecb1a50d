"""Figures with their intervals, in tables of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from toolenv.running.metrics_report import Ends

__all__ = ["figure", "new_table", "number"]


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
    if share:
        return number(ends, 100, 1, signed=signed)
    largest = max(abs(end or 0.0) for end in (ends.value, ends.low, ends.high))
    if largest >= 10_000:  # tokens
        return number(ends, 1e-3, 1, signed=signed) + "k"
    return number(ends, 1, 0 if largest >= 100 else 2, signed=signed)


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
