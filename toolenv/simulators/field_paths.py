"""The fields of a JSON value, by their paths."""

from __future__ import annotations

from collections.abc import Iterator

from toolenv.jsontext import JsonValue

__all__ = ["ITEMS", "field_path", "field_paths"]

ITEMS = "/[]"
"""What stands for any item of a list in a path."""


def field_path(above: str, key: str) -> str:
    """The path of a key below another path; a slash in the key is doubled."""
    return f"{above}/{key.replace('/', '//')}"


def field_paths(value: JsonValue, above: str = "") -> Iterator[str]:
    """The paths of all fields, each before those below it; items of a list share theirs.

    Args:
        value: The value.
        above: The path of the value itself.

    Example:
        >>> list(field_paths({"a": [{"b": 1}, {"b": 2}]}))
        ['/a', '/a/[]/b', '/a/[]/b']
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            path = field_path(above, key)
            yield path
            yield from field_paths(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from field_paths(inner, f"{above}{ITEMS}")
