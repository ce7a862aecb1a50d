"""Tables of text, as ToolEval writes its results: one header, fields of any length."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from toolenv.errors import FormatError
from toolenv.formats.files import read_text, write_text

__all__ = ["read_table", "write_table"]

_LONGEST_FIELD: Final = 1 << 28


def read_table(
    path: Path, columns: Sequence[str], delimiter: str = "\t"
) -> list[tuple[str, dict[str, str]]]:
    """Read rows by column, each with its place in the file.

    Args:
        path: The file.
        columns: Columns that it must have.
        delimiter: What separates fields.

    Raises:
        FormatError: The table is malformed, or lacks a column.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise FormatError(f"The table cannot be read: {error}.", where=path.name) from None
    if not rows or any(column not in rows[0] for column in columns):
        raise FormatError(
            "The table lacks columns.",
            where=path.name,
            fix=f"It has the columns {', '.join(columns)}, separated by {delimiter!r}.",
        )
    found: list[tuple[str, dict[str, str]]] = []
    for number, row in enumerate(rows[1:]):
        where = f"{path.name}[{number}]"
        if len(row) != len(rows[0]):
            raise FormatError(f"{len(row)} of {len(rows[0])} columns are filled.", where=where)
        found.append((where, dict(zip(rows[0], row, strict=True))))
    return found


def write_table(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = "\t"
) -> None:
    """Write a header and rows."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows([columns, *rows])
    write_text(path, stream.getvalue())
