"""Published tables: whether their averages follow from their rows, and a judge beside people.

Figures are given as printed, since what "64.8" may stand for is known by its decimals: anything
from 64.75 to 64.85.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.formats.files import read_text

__all__ = [
    "PublishedTable",
    "TableLeniency",
    "TableRow",
    "WrongAverage",
    "read_table",
    "table_leniency",
    "wrong_averages",
]

_AVERAGE: Final = ("average", "avg", "avg.", "mean")


class TableRow(NamedTuple):
    """A row of a published table.

    Args:
        name: What it is of.
        cells: The figures, as printed.
        average: Their average, as printed; empty where none is.
    """

    name: str
    cells: tuple[str, ...]
    average: str = ""

    @property
    def mean(self) -> Decimal:
        """The mean of the cells as they are printed."""
        return sum(map(Decimal, self.cells), Decimal()) / len(self.cells)

    @property
    def tolerance(self) -> Decimal:
        """How far the printed average may be from the mean of the printed cells by rounding.

        Half a unit of the last decimal for the average, and as much for the mean of the cells. The
        finest figure of the row says which decimal that is: beside 5.5, a 6 is 6.0.
        """
        return 2 * min(_half_unit(figure) for figure in (*self.cells, self.average or "0"))


class PublishedTable(NamedTuple):
    """A table as published.

    Args:
        columns: What its figures are of, such as splits; the average apart.
        rows: Its rows.
    """

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    @property
    def cells(self) -> dict[str, tuple[str, ...]]:
        """The figures by row."""
        return {row.name: row.cells for row in self.rows}


class WrongAverage(NamedTuple):
    """A printed average that does not follow from its row.

    Args:
        name: The row.
        printed: The average as printed.
        mean: The mean of the row's cells, with as many decimals and two more.
        tolerance: How far rounding alone can put them apart.
    """

    name: str
    printed: str
    mean: Decimal
    tolerance: Decimal


class TableLeniency(NamedTuple):
    """A judge's printed rates less people's, in points: above 0 the judge is too kind.

    Args:
        by_split: Mean over rows, by column.
        by_row: Mean over columns, by row.
        overall: Mean over all cells.
        apart: Mean of how far cells are apart, whatever the direction.
        farthest: The largest of these.
    """

    by_split: dict[str, float]
    by_row: dict[str, float]
    overall: float
    apart: float
    farthest: float


def read_table(path: Path) -> PublishedTable:
    """Read a table from a CSV file.

    The first line names the columns: a row's name, then figures; one that is called ``average``,
    ``avg`` or ``mean`` is the rows' average. A deviation behind ``±`` and a percent sign are left
    out.

    Raises:
        FormatError: The file cannot be read, a row has another number of figures, its name stands
            twice, or a figure is no number.
    """
    reader = csv.reader(StringIO(read_text(path)))
    header = [name.strip() for name in next(reader, [])]
    if len(header) < 2:
        raise FormatError(
            "The first line names no figures.",
            where=f"{path}:1",
            fix="Write a header: a name for the rows, the columns, and average where there is one.",
        )
    places = [place for place, name in enumerate(header) if name.casefold() in _AVERAGE]
    average = places[-1] if places else None
    columns = tuple(name for place, name in enumerate(header) if place and place != average)
    rows: dict[str, TableRow] = {}
    for record in reader:
        where = f"{path}:{reader.line_num}"
        if not any(cell.strip() for cell in record):
            continue
        if len(record) != len(header):
            raise FormatError(
                f"Has {len(record)} cells under a header of {len(header)}.", where=where
            )
        name = record[0].strip()
        if name in rows:
            raise FormatError(f"The row {name!r} stands twice.", where=where)
        figures = {
            place: _figure(cell, f"{where}: {header[place]}")
            for place, cell in enumerate(record)
            if place and (cell.strip() or place != average)
        }
        mean = figures.pop(average, "") if average is not None else ""
        rows[name] = TableRow(name, tuple(figures.values()), mean)
    if not rows:
        raise FormatError("The table has no rows.", where=str(path))
    return PublishedTable(columns, tuple(rows.values()))


def _figure(cell: str, where: str) -> str:
    text = cell.partition("±")[0].strip().removesuffix("%").strip()
    try:
        finite = Decimal(text).is_finite()
    except InvalidOperation:
        finite = False
    if not finite:
        raise FormatError(f"{cell!r} is no figure.", where=where)
    return text


def wrong_averages(rows: Sequence[TableRow]) -> list[WrongAverage]:
    """Name the printed averages that no rounding can have made of their rows.

    Raises:
        ValueError: A row has no cells, or a figure is not a number.

    Example:
        >>> rows = [TableRow("one", ("1.0", "2.0"), "1.5"), TableRow("two", ("1.0", "2.0"), "1.9")]
        >>> [(wrong.name, str(wrong.mean)) for wrong in wrong_averages(rows)]
        [('two', '1.500')]
    """
    found = []
    for row in rows:
        if not row.cells:
            raise ValueError(f"row {row.name!r} has no cells")
        if row.average and abs(Decimal(row.average) - row.mean) > row.tolerance:
            shown = row.mean.quantize(row.tolerance / 100)
            found.append(WrongAverage(row.name, row.average, shown, row.tolerance))
    return found


def table_leniency(
    judge: Mapping[str, Sequence[str]],
    people: Mapping[str, Sequence[str]],
    splits: Sequence[str],
) -> TableLeniency:
    """How much kinder a judge's printed rates are than people's.

    Args:
        judge: By row, such as a model: the rates in the order of the splits, as printed.
        people: The same rows of people.
        splits: The columns' names.

    Raises:
        ValueError: The two are not of the same rows and columns.
    """
    if judge.keys() != people.keys() or not judge:
        raise ValueError(f"rows differ: {sorted(judge)} and {sorted(people)}")
    moved: dict[str, list[Decimal]] = {}
    for name, cells in judge.items():
        if len(cells) != len(splits) or len(people[name]) != len(splits):
            raise ValueError(f"row {name!r} does not have {len(splits)} columns on both sides")
        moved[name] = [
            Decimal(one) - Decimal(other) for one, other in zip(cells, people[name], strict=True)
        ]
    every = [one for cells in moved.values() for one in cells]
    return TableLeniency(
        {
            split: _mean([cells[column] for cells in moved.values()])
            for column, split in enumerate(splits)
        },
        {name: _mean(cells) for name, cells in moved.items()},
        _mean(every),
        _mean([abs(one) for one in every]),
        float(max(abs(one) for one in every)),
    )


def _half_unit(printed: str) -> Decimal:
    """Half of the last decimal's unit."""
    exponent = Decimal(printed).as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{printed!r} is not a number")
    return Decimal((0, (5,), min(exponent, 0) - 1))


def _mean(values: Sequence[Decimal]) -> float:
    return float(sum(values, Decimal()) / len(values))
