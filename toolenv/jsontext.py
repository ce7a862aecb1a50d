"""JSON text in and out, with one stated behaviour where JSON libraries differ.

Reading: integers are exact at any size up to Python's limit for text (4,300 digits), of equal keys
the last wins, ``NaN`` and the infinities are read as floats, and lone surrogates are kept.
Writing: compact, not ASCII-escaped; ``NaN`` and the infinities become ``null``, because JSON has
no word for them; a lone surrogate is written as its escape.
"""

from __future__ import annotations

import json
import math

import orjson
from pydantic import JsonValue
from pydantic_core import from_json

__all__ = ["JsonValue", "nested_deeper", "parse", "render", "render_sorted"]

_MAX_DEPTH = 200


def parse(text: str | bytes, *, strict: bool = True) -> JsonValue:
    r"""Read one JSON value.

    Args:
        text: JSON text, or its UTF-8 bytes.
        strict: Whether raw control characters inside strings, such as line breaks, are refused.

    Raises:
        ValueError: The text is not JSON, is nested deeper than 200 levels, or holds an integer of
            more than 4,300 digits.

    Example:
        >>> parse('{"n": 123456789012345678901}')
        {'n': 123456789012345678901}
        >>> parse('"\\ud800"')
        '\ud800'
    """
    try:
        value: JsonValue = from_json(text)
        return value
    except (TypeError, ValueError):
        pass  # a lone surrogate is the one thing the standard library reads and that parser not
    try:
        value = json.loads(text, strict=strict)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if nested_deeper(value, _MAX_DEPTH):
        raise ValueError(f"JSON is nested deeper than {_MAX_DEPTH} levels")
    return value


def render(value: object) -> str:
    """Write a JSON value compactly: ``{"a":1}``.

    Args:
        value: What ``JsonValue`` admits, and tuples, dataclasses, dates and the like, as orjson
            writes them.

    Raises:
        TypeError: The value has no JSON form.

    Example:
        >>> render({"city": "Zürich", "n": 2**70})
        '{"city":"Zürich","n":1180591620717411303424}'
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _render_plainly(value, sort_keys=False)


def render_sorted(value: object) -> str:
    """Write a JSON value as ``render`` does, with the keys of objects in code-point order."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return _render_plainly(value, sort_keys=True)


def _render_plainly(value: object, *, sort_keys: bool) -> str:
    """Write what orjson cannot: integers over 64 bits, lone surrogates, deep nesting."""
    try:
        text = json.dumps(
            _without_nan(value), ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys
        )
    except (RecursionError, ValueError) as error:
        raise TypeError(f"value has no JSON form: {error}") from None
    # A lone surrogate cannot be encoded as UTF-8: write its escape, as JSON allows.
    return text.encode("utf-8", "backslashreplace").decode() if not _encodable(text) else text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def nested_deeper(value: object, limit: int) -> bool:
    """Whether a value is nested deeper than so many levels, its scalars being one; never recurses.

    Example:
        >>> nested_deeper([[1]], 2), nested_deeper([[1]], 3)
        (True, False)
    """
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True
