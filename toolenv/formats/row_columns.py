"""The columns of a table of rows: declared, never inferred.

What is inferred from the first rows does not fit the later ones, and objects of different keys
would be merged into one that has them all. What has no fixed form, as the arguments of calls, is a
``json`` column, or a ``string`` that holds JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from toolenv.errors import FormatError

__all__ = ["Columns", "Kind", "Scalar", "row_fitter"]

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


Fit: TypeAlias = Callable[[Any], Any]
"""Gives a value as its kind says, or refuses it."""


def row_fitter(
    columns: Columns, store: Callable[[Any, Scalar], object] | None = None
) -> Callable[[Mapping[str, object]], dict[str, object]]:
    """What gives rows all their columns, in order, and refuses what does not fit.

    Args:
        columns: The columns.
        store: What becomes of a scalar of a kind; None for what is given.

    Returns:
        A function of a row, values by column; one that is lacking is None. It raises
        ``FormatError`` if the row has another column, or a value of another kind.

    Example:
        >>> row_fitter({"name": "string", "n": "int64"})({"n": 1})
        {'name': None, 'n': 1}
    """
    fits = {name: _fitter(kind, name, store) for name, kind in columns.items()}

    def fit(row: Mapping[str, object]) -> dict[str, object]:
        if not row.keys() <= fits.keys():
            raise _unknown(row, fits, "row")
        return {name: fit_value(row.get(name)) for name, fit_value in fits.items()}

    return fit


def _fitter(kind: Kind, where: str, store: Callable[[Any, Scalar], object] | None) -> Fit:
    if isinstance(kind, list):
        return _list_fitter(_fitter(kind[0], f"{where}[]", store), where)
    if isinstance(kind, Mapping):
        inner = {name: _fitter(part, f"{where}.{name}", store) for name, part in kind.items()}
        return _object_fitter(inner, where)
    return _scalar_fitter(kind, where, store)


def _list_fitter(fit_value: Fit, where: str) -> Fit:
    def fit(value: Any) -> list[object] | None:
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            raise FormatError(f"Is a {type(value).__name__}, not a list.", where=where)
        return [fit_value(one) for one in value]

    return fit


def _object_fitter(fits: Mapping[str, Fit], where: str) -> Fit:
    def fit(value: Any) -> dict[str, object] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise FormatError(f"Is a {type(value).__name__}, not an object.", where=where)
        if not value.keys() <= fits.keys():  # Arrow would drop it in silence
            raise _unknown(value, fits, where)
        return {name: fits[name](inner) for name, inner in value.items()}

    return fit


def _scalar_fitter(kind: Scalar, where: str, store: Callable[[Any, Scalar], object] | None) -> Fit:
    types, numbers = _TYPES.get(kind), _RANGES.get(kind)

    def fit(value: Any) -> object:
        if value is None:
            return None
        if types is not None and type(value) not in types:
            raise FormatError(f"Is a {type(value).__name__}, not a {kind}.", where=where)
        if numbers is not None and value not in numbers:
            raise FormatError(f"{value} is no {kind}.", where=where)
        return value if store is None else store(value, kind)

    return fit


def _unknown(row: Mapping[str, object], known: Mapping[str, object], where: str) -> FormatError:
    name = next(name for name in row if name not in known)
    return FormatError(f"{name!r} is no column of the table.", where=where)
