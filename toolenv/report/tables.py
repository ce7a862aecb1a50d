"""Tables as data, and as Markdown and CSV in which no cell does anything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.report.visible import visible
from toolenv.running.atomic import write_atomically

__all__ = [
    "Cell",
    "Column",
    "Kind",
    "Mean",
    "Rate",
    "Share",
    "Table",
    "cell_text",
    "csv_text",
    "markdown",
    "write_tables",
]


class Rate(NamedTuple):
    """A share with its interval, or bounds alone.

    Args:
        value: The share, 0 to 1; None where it is of nothing, and for bounds.
        low: The lower end of its interval, or of its bounds.
        high: The upper end.
        of: Of how many.
    """

    value: float | None
    low: float
    high: float
    of: int


class Share(NamedTuple):
    """A part of a whole."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.part / self.whole if self.whole else 0.0


class Mean(NamedTuple):
    """A mean per episode, and how many decimals it is told with."""

    value: float
    decimals: int = 1


Cell: TypeAlias = str | int | Rate | Share | Mean | None

Kind: TypeAlias = Literal["text", "number", "rate", "bounds", "share"]


class Column(NamedTuple):
    """A column's heading, and what its cells are."""

    heading: str
    kind: Kind = "text"


class Table(NamedTuple):
    """A table.

    Args:
        name: What its files are called.
        title: What stands above it.
        columns: Its columns.
        rows: Its rows, each with a cell for each column.
        note: What has to be said of it.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


def markdown(table: Table) -> str:
    r"""A table in GitHub's Markdown; what is in a cell is text and nothing else.

    Example:
        >>> print(markdown(Table("t", "T", [Column("a|b")], [["<b>*x*</b>"]])))
        ## T
        <BLANKLINE>
        | a\|b |
        |---|
        | \<b\>\*x\*\</b\> |
        <BLANKLINE>
    """
    marks = {"text": "---", "number": "--:", "rate": "--:", "bounds": "--:", "share": "--:"}
    lines = [
        f"## {_plain(table.title)}\n",
        _line(_plain(column.heading) for column in table.columns),
        f"|{'|'.join(marks[column.kind] for column in table.columns)}|",
        *(_line(_plain(cell_text(cell)) for cell in row) for row in table.rows),
    ]
    if table.note:
        lines.append(f"\n{_plain(table.note)}")
    return "\n".join(lines) + "\n"


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~&$@:]")


def _plain(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(visible(text).split()))


def cell_text(cell: Cell) -> str:
    """A cell as people read it; a dash where there is nothing."""
    match cell:
        case None:
            return "–"
        case Rate(value=None):
            return f"{100 * cell.low:.1f}–{100 * cell.high:.1f} %" if cell.of else "–"
        case Rate(value=value):
            return f"{100 * (value or 0):.1f} % ({100 * cell.low:.1f}–{100 * cell.high:.1f})"
        case Share():
            return f"{100 * cell.value:.1f} %" if cell.whole else "–"
        case Mean():
            return f"{cell.value:,.{cell.decimals}f}"
        case int():
            return f"{cell:,}"
    return cell


_PARTS: Final = {"rate": ("", " low", " high"), "bounds": (" low", " high")}
"""The columns of a file that one of these is."""


def csv_text(table: Table) -> str:
    """A table as CSV with all digits; a rate is three columns, bounds are two.

    A text that a spreadsheet would take for a formula begins with an apostrophe.

    Example:
        >>> print(csv_text(Table("t", "T", [Column("a")], [["=1+1"]])), end="")
        a
        '=1+1
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heading: list[str] = []
    for column in table.columns:
        name = _harmless(column.heading)
        heading += [f"{name}{part}" for part in _PARTS.get(column.kind, ("",))]
    writer.writerow(heading)
    for row in table.rows:
        cells: list[str | int | float] = []
        for column, cell in zip(table.columns, row, strict=True):
            cells += _values(column, cell)
        writer.writerow(cells)
    return out.getvalue()


def _values(column: Column, cell: Cell) -> list[str | int | float]:
    if column.kind in _PARTS:
        parts = _PARTS[column.kind]
        if not isinstance(cell, Rate) or not cell.of:
            return [""] * len(parts)
        ends: list[str | int | float] = [cell.value or 0.0, cell.low, cell.high]
        return ends[-len(parts) :]
    match cell:
        case str():
            return [_harmless(cell)]
        case Share() | Mean():
            return [cell.value]
        case int():
            return [cell]
    return [""]


_FORMULA: Final = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")


def _harmless(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def write_tables(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write each table as Markdown and as CSV.

    Args:
        tables: The tables.
        folder: Where to; made where absent.

    Returns:
        The files.

    Raises:
        JournalError: A file cannot be written.
    """
    written = []
    for table in tables:
        for suffix, text in ((".md", markdown(table)), (".csv", csv_text(table))):
            written.append(folder / f"{table.name}{suffix}")
            write_atomically(written[-1], [text.encode()])
    return written
