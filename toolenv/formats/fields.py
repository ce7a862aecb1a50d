"""Typed access to the fields of a JSON object; an error names the file, the row and the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolenv.errors import FormatError
from toolenv.jsontext import JsonValue

__all__ = ["json_list", "json_object", "kind_of", "text_field"]

_KINDS: Final = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    return _KINDS.get(type(value), "null")


def json_object(value: JsonValue, where: str) -> dict[str, JsonValue]:
    """The value, which must be an object.

    Raises:
        FormatError: It is something else.
    """
    if not isinstance(value, dict):
        raise FormatError(f"Expected an object, found {kind_of(value)}.", where=where)
    return value


def json_list(value: JsonValue, where: str, *, fix: str = "") -> list[JsonValue]:
    """The value, which must be a list.

    Raises:
        FormatError: It is something else.
    """
    if not isinstance(value, list):
        raise FormatError(f"Expected a list, found {kind_of(value)}.", where=where, fix=fix)
    return value


def text_field(
    entry: Mapping[str, JsonValue],
    key: str,
    where: str,
    *,
    default: str | None = None,
    filled: bool = False,
) -> str:
    """The text under a key.

    Args:
        entry: The object.
        key: The key.
        where: Where the object was found.
        default: Taken where the key is missing or null; None demands the key.
        filled: Whether blank text is refused.

    Raises:
        FormatError: The key is missing, not text, or blank where it must not be.
    """
    place = f"{where}.{key}"
    value = entry.get(key)
    if value is None:
        if default is None:
            raise FormatError(
                "The key is missing." if key not in entry else "Expected text, found null.",
                where=place,
            )
        return default
    if not isinstance(value, str):
        raise FormatError(f"Expected text, found {kind_of(value)}.", where=place)
    if filled and not value.strip():
        raise FormatError("The text is empty.", where=place)
    return value
