"""What a response of an API must look like: by its documents, or by what it was recorded to be.

Documents have a JSON Schema (OpenAPI, MCP), or ToolBench's sketch of one response: an object whose
leaves are words for types (``str``, ``int``, ``list of str with length 3``), with ``_list_length``
beside the keys of objects in a list. A sketch is of one response, so its keys are required, its
null may be anything, and whole numbers and others are one type.

Without either, what all recorded successes of the API have in common takes its place: a key is
required that each of them has at that place, and a value is of the types that were seen there.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from jsonschema_rs import Validator

from toolenv.json_schemas import compile_schema
from toolenv.jsontext import JsonValue

__all__ = ["ResponseSchema", "Shape", "documented_schema", "kind_of"]

_WORDS: Final = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "NoneType": "",
    "empty list": "array",
}
_LIST: Final = re.compile(r"list of (?P<kind>\w+) with length \d+")
_LENGTH: Final = "_list_length"


class ResponseSchema:
    """A JSON Schema that bodies of responses are checked against; none that refers to others.

    Args:
        schema: The schema.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, schema: dict[str, JsonValue]) -> None:
        self.schema = schema
        self._validator: Validator = compile_schema(schema)

    def fits(self, body: JsonValue) -> bool:
        """Whether a body is valid; not where it cannot be checked at all."""
        try:
            return self._validator.is_valid(body)
        except (ValueError, RecursionError):  # lone surrogates, extreme nesting
            return False


def documented_schema(document: JsonValue) -> ResponseSchema | None:
    """The schema that an API's document states; None where it states none, or none that is one.

    Example:
        >>> documented_schema({"rows": ["list of int with length 3"]}).fits({"rows": [1.5]})
        True
        >>> documented_schema({"type": "object", "required": ["a"]}).fits({})
        False
    """
    if not isinstance(document, dict) or not document:
        return None
    try:
        return ResponseSchema(_of_sketch(document) if _is_sketch(document) else document)
    except ValueError:
        return None


def _is_sketch(value: JsonValue) -> bool:
    """Whether all that a document says are a sketch's words."""
    if isinstance(value, dict):
        return all(key == _LENGTH or _is_sketch(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_sketch, value))
    return isinstance(value, str) and (value in _WORDS or bool(_LIST.fullmatch(value)))


def _of_sketch(value: JsonValue) -> dict[str, JsonValue]:
    if isinstance(value, dict):
        names = [name for name in value if name != _LENGTH]
        return {
            "type": "object",
            "properties": {name: _of_sketch(value[name]) for name in names},
            "required": list[JsonValue](names),
        }
    if isinstance(value, list):
        return {"type": "array", "items": _of_item(value[0]) if value else {}}
    kind = _WORDS.get(value, "array") if isinstance(value, str) else ""
    return {"type": kind} if kind else {}


def _of_item(value: JsonValue) -> dict[str, JsonValue]:
    found = _LIST.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return {} if value == "empty list" else _of_sketch(value)
    kind = _WORDS.get(found["kind"], "")
    return {"type": kind} if kind else {}


def kind_of(value: JsonValue) -> str:
    """JSON's word for the type of a value; whole numbers are numbers.

    Example:
        >>> [kind_of(one) for one in (1, 1.5, True, None, "", [], {})]
        ['number', 'number', 'boolean', 'null', 'string', 'array', 'object']
    """
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "null"


@dataclass
class Shape:
    """What the values at one place of the recorded responses have in common.

    Args:
        kinds: The types that were seen.
        objects: How many objects were seen whole.
        counts: How many of these have each key.
        members: The shapes of what is under each key.
        items: The shape of what lists hold; None where there was nothing in them.
    """

    kinds: set[str] = field(default_factory=set)
    objects: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    members: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None

    def add(self, value: JsonValue, *, whole: bool = True) -> None:
        """Take a value in.

        Args:
            value: The value.
            whole: Whether it was recorded whole: what was cut cannot tell which keys are missing.
        """
        self.kinds.add(kind_of(value))
        if isinstance(value, dict):
            self.objects += whole
            for name, inner in value.items():
                self.counts[name] += whole
                self.members.setdefault(name, Shape()).add(inner, whole=whole)
        elif isinstance(value, list):
            for inner in value:
                self.items = self.items or Shape()
                self.items.add(inner, whole=whole)

    def as_schema(self) -> dict[str, Any]:
        """The JSON Schema that says so; further keys are allowed."""
        schema: dict[str, Any] = {"type": sorted(self.kinds)}
        if self.members:
            schema["properties"] = {n: inner.as_schema() for n, inner in self.members.items()}
            always = [n for n in self.members if self.objects and self.counts[n] == self.objects]
            schema["required"] = always
        if self.items is not None:
            schema["items"] = self.items.as_schema()
        return schema
