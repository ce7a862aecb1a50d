"""The columns of a table of rows: declared, never inferred.

What is inferred from the first rows does not fit the later ones, and objects of different keys
would be merged into one that has them all. What has no fixed form, as the arguments of calls, is a
``json`` column, or a ``string`` that holds JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from toolenv.errors import FormatError

__all__ = ["Columns", "Kind", "Scalar", "fitted_row"]

Scalar: TypeAlias = Literal["string", "bool", "int16", "int64", "uint64", "float64", "json"]

Kind: TypeAlias = "Scalar | list[Kind] | Mapping[str, Kind]"
"""What a column holds: a scalar, a list of one kind (``["string"]``) or an object of known keys
(``{"role": "string", "content": "string"}``). ``json`` is any JSON value. All may be None."""

Columns: TypeAlias = Mapping[str, Kind]
"""The columns by name, in order."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "bool": (bool,),
    "int16": (int,),
    "int64": (int,),
    "uint64": (int,),
    "float64": (float, int),
}

_RANGES: Final[Mapping[str, range]] = {
    "int16": range(-(1 << 15), 1 << 15),
    "int64": range(-(1 << 63), 1 << 63),
    "uint64": range(1 << 64),
}


def fitted_row(
    row: Mapping[str, object],
    columns: Columns,
    store: Callable[[object, Scalar], object] = lambda value, kind: value,
) -> dict[str, object]:
    """A row with all columns, in order.

    Args:
        row: Values by column; one that is lacking is None.
        columns: The columns.
        store: What becomes of a scalar of a kind.

    Raises:
        FormatError: The row has another column, or a value of another kind.

    Example:
        >>> fitted_row({"n": 1}, {"name": "string", "n": "int64"})
        {'name': None, 'n': 1}
    """
    _refuse_unknown(row, columns, "row")
    return {name: _fitted(row.get(name), kind, name, store) for name, kind in columns.items()}


def _fitted(
    value: Any, kind: Kind, where: str, store: Callable[[object, Scalar], object]
) -> object:
    if value is None:
        return None
    if isinstance(kind, list):
        if not isinstance(value, list | tuple):
            raise FormatError(f"Is a {type(value).__name__}, not a list.", where=where)
        return [_fitted(inner, kind[0], f"{where}[]", store) for inner in value]
    if isinstance(kind, Mapping):
        if not isinstance(value, Mapping):
            raise FormatError(f"Is a {type(value).__name__}, not an object.", where=where)
        _refuse_unknown(value, kind, where)  # Arrow would drop it in silence
        return {
            name: _fitted(inner, kind[name], f"{where}.{name}", store)
            for name, inner in value.items()
        }
    if kind != "json" and type(value) not in _TYPES[kind]:
        raise FormatError(f"Is a {type(value).__name__}, not a {kind}.", where=where)
    if kind in _RANGES and value not in _RANGES[kind]:
        raise FormatError(f"{value} is no {kind}.", where=where)
    return store(value, kind)


def _refuse_unknown(row: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    if unknown := [name for name in row if name not in known]:
        raise FormatError(f"{unknown[0]!r} is no column of the table.", where=where)
