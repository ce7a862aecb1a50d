"""Arguments as text of a request, by OpenAPI's ``style`` and ``explode``.

The forms are those of RFC 6570, to which OpenAPI refers. A null is as nothing, and so is an empty
list. What the styles do not define (lists in lists) is written as JSON, and objects inside a
``deepObject`` with one more pair of brackets.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from toolenv.formats.openapi import Placement
from toolenv.jsontext import JsonValue, render

__all__ = ["CannotSendError", "cookie_pairs", "header_text", "path_text", "plain", "query_pairs"]

_UNESCAPED = ":/?@!$'()*,;="
"""Reserved characters that mean nothing inside a query's value: not ``&``, ``#``, ``+``, ``[``."""


class CannotSendError(ValueError):
    """Arguments cannot be written into a request; says why."""


def plain(value: JsonValue) -> str:
    """A single value as text.

    Example:
        >>> plain(True), plain(2.5), plain("a b")
        ('true', '2.5', 'a b')
    """
    return value if isinstance(value, str) else render(value)


def path_text(placement: Placement, value: JsonValue) -> str:
    """A value in a path: ``simple``, ``label`` or ``matrix``.

    Example:
        >>> path_text(Placement(place="path", name="id", style="matrix"), [1, 2])
        ';id=1,2'
    """
    name = _encoded(placement.name)
    if placement.content_type or not isinstance(value, dict | list):
        text = _encoded(render(value) if placement.content_type else plain(value))
        matrix = f";{name}={text}" if text else f";{name}"
        return {"label": f".{text}", "matrix": matrix}.get(placement.style, text)
    if isinstance(value, dict):
        pairs = [(_encoded(key), _encoded(plain(one))) for key, one in _members(value)]
        apart = [f"{key}={one}" for key, one in pairs]
        together = ",".join(part for pair in pairs for part in pair)
    else:
        apart = [_encoded(plain(one)) for one in value if one is not None]
        together = ",".join(apart)
        if placement.style == "matrix":
            apart = [f"{name}={one}" for one in apart]
    match placement.style:
        case "matrix":
            return (
                "".join(f";{one}" for one in apart) if placement.explode else f";{name}={together}"
            )
        case "label":
            return "".join(f".{one}" for one in apart) if placement.explode else f".{together}"
        case _:
            return ",".join(apart) if placement.explode else together


def query_pairs(placement: Placement, value: JsonValue) -> list[str]:
    """A value in a query or in a form: ``name=value``, each encoded.

    Example:
        >>> deep = Placement(place="query", name="f", style="deepObject", explode=True)
        >>> query_pairs(deep, {"a": 1, "b": [2, 3]})
        ['f%5Ba%5D=1', 'f%5Bb%5D=2', 'f%5Bb%5D=3']
    """
    name = _encoded(placement.name)
    safe = _UNESCAPED if placement.allow_reserved else ""
    if placement.content_type:
        return [f"{name}={_encoded(_as_content(placement.content_type, value), safe)}"]
    if value is None:
        return []
    if not isinstance(value, dict | list):
        return [f"{name}={_encoded(plain(value), safe)}"]
    if placement.style == "deepObject" and isinstance(value, dict):
        return [
            f"{_encoded(key)}={_encoded(text, safe)}" for key, text in _deep(placement.name, value)
        ]
    if placement.explode or placement.style == "deepObject":
        if isinstance(value, dict):
            pairs = [(_encoded(key), one) for key, one in _members(value)]
        else:
            pairs = [(name, one) for one in value if one is not None]
        return [f"{key}={_encoded(plain(one), safe)}" for key, one in pairs]
    if isinstance(value, dict):
        parts = [part for key, one in _members(value) for part in (key, plain(one))]
    else:
        parts = [plain(one) for one in value if one is not None]
    between = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(placement.style, ",")
    inside = safe.replace(",", "")
    joined = between.join(_encoded(part, inside) for part in parts)
    return [f"{name}={joined}"] if parts else []


def header_text(placement: Placement, value: JsonValue) -> str:
    """A value in a header: ``simple``, not encoded.

    Raises:
        CannotSendError: A header cannot hold it.
    """
    if placement.content_type:
        text = _as_content(placement.content_type, value)
    elif isinstance(value, dict):
        between = "=" if placement.explode else ","
        text = ",".join(f"{key}{between}{plain(one)}" for key, one in _members(value))
    elif isinstance(value, list):
        text = ",".join(plain(one) for one in value if one is not None)
    else:
        text = plain(value)
    if not text.isascii() or not text.isprintable():
        raise CannotSendError(
            f"{placement.name} goes into a header, which holds printable ASCII characters only"
        )
    return text


def cookie_pairs(placement: Placement, value: JsonValue) -> list[str]:
    """A value in cookies: ``name=value``, each encoded."""
    return query_pairs(placement, value)


def _as_content(content_type: str, value: JsonValue) -> str:
    """A value in a media type: JSON, unless it is text of another."""
    is_text = isinstance(value, str) and "json" not in content_type.lower()
    return str(value) if is_text else render(value)


def _members(value: dict[str, JsonValue]) -> Iterator[tuple[str, JsonValue]]:
    return ((key, one) for key, one in value.items() if one is not None)


def _deep(name: str, value: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for key, one in _members(value):
        inner = f"{name}[{key}]"
        if isinstance(one, dict):
            yield from _deep(inner, one)
        elif isinstance(one, list):
            yield from ((inner, plain(item)) for item in one if item is not None)
        else:
            yield inner, plain(one)


def _encoded(text: str, safe: str = "") -> str:
    return quote(text, safe=safe)
