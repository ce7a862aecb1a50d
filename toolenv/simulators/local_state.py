"""The state of a local world as JSON, so that a check can read it and a record can keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from math import isfinite

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from toolenv.jsontext import JsonValue, render_sorted

__all__ = ["shown_state"]

_DEEPEST = 100


def shown_state(state: object) -> JsonValue:
    """A copy of a state as JSON.

    Mappings, dataclasses, named tuples, pydantic models and plain objects become objects, whose
    keys are text; lists, tuples and sets become lists, sets in sorted order; dates, enumerations,
    decimals and the like become what pydantic makes of them.

    Args:
        state: Any Python object.

    Returns:
        None where the state is None, has no JSON form, or contains itself.

    Example:
        >>> from collections import namedtuple
        >>> shown_state({"cart": {"tea", "milk"}, "at": namedtuple("At", "x y")(1, 2)})
        {'cart': ['milk', 'tea'], 'at': {'x': 1, 'y': 2}}
    """
    try:
        return _shown(state, _DEEPEST)
    except (PydanticSerializationError, TypeError, ValueError, RecursionError):
        return None


def _shown(value: object, depth: int) -> JsonValue:
    if isinstance(value, float):
        return float(value) if isfinite(value) else None  # as JSON says it
    if value is None or type(value) in (str, bool, int):
        return value  # type: ignore[return-value]
    if not depth:
        raise ValueError("nested too deeply")
    members = _members(value)
    if members is not None:
        return {str(key): _shown(one, depth - 1) for key, one in members.items()}
    if isinstance(value, Set):
        return sorted((_shown(one, depth - 1) for one in value), key=render_sorted)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_shown(one, depth - 1) for one in value]
    try:
        plain: JsonValue = to_jsonable_python(value)
    except PydanticSerializationError:
        return {name: _shown(one, depth - 1) for name, one in vars(value).items()}
    return plain


def _members(value: object) -> Mapping[object, object] | None:
    """The named parts of a value; None where it has no names for them."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[object, object] = value._asdict()
        return named
    return None
