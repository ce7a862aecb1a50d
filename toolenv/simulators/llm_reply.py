"""Reading what a model that plays a server replies.

A reply must be one JSON object ``{"error": text, "response": anything}``. Read all the same, and
said, is what has only one reading: an object in a code fence or amid other text, one without one
of the two fields, one with further fields, a null error. Everything else is a problem that the
model can be told.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from jsonschema_rs import Validator

from toolenv.json_schemas import compile_schema
from toolenv.jsontext import JsonValue, parse

__all__ = ["Envelope", "ResponseCheck", "read_cut_envelope", "read_envelope"]

_FIELDS = ("error", "response")
_MOST_CANDIDATES = 200
_LONGEST = 1 << 20
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_CUT = re.compile(
    r'"response"\s*:\s*"(?P<inside>(?:[^"\\]|\\(?:[^u]|u[0-9a-fA-F]{4}))*)'
    r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z",
    re.DOTALL,
)
"""A text that ends in mid-string, perhaps in mid-escape."""
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(?P<inside>.*?)\n?\s*```\s*\Z", re.DOTALL)


class Envelope(NamedTuple):
    """A server's reply.

    Args:
        error: The error; empty where there is none.
        response: The body.
        repaired: What had to be overlooked to read it; empty for nothing.
        is_whole: Whether the reply was read to its end.
    """

    error: str
    response: JsonValue
    repaired: tuple[str, ...] = ()
    is_whole: bool = True


def read_envelope(text: str) -> Envelope:
    """Read a model's reply.

    Raises:
        ValueError: It has no reading, or several; the message is for the model.

    Example:
        >>> read_envelope('Sure! {"error": "", "response": [1]}')
        Envelope(error='', response=[1], repaired=('text around the object',), is_whole=True)
    """
    if not text.strip():
        raise ValueError("the reply is empty")
    repaired: list[str] = []
    if found := _THOUGHT.match(text):
        text = text[found.end() :]
        repaired.append("thinking before the object")
    if found := _FENCE.match(text):
        text = found["inside"]
        repaired.append("a code fence")
    try:
        value = parse(text.strip())
    except ValueError as error:
        candidates = _objects_within(text)
        if len(candidates) != 1:
            several = "holds several JSON objects" if candidates else f"is not JSON: {error}"
            raise ValueError(f"the reply {several}") from None
        value = candidates[0]
        repaired.append("text around the object")
    return _checked(value, repaired)


def read_cut_envelope(text: str) -> Envelope:
    r"""Read the beginning of a reply whose ``response`` is a text that was cut.

    Raises:
        ValueError: It is not that.

    Example:
        >>> read_cut_envelope('{"error": "", "response": "a long st').response
        'a long st'
    """
    found = _CUT.search(text)
    if found is None:
        raise ValueError("the reply was cut before its response")
    before = f"{text[: found.start()].rstrip().removesuffix(',')}}}"
    start = before.find("{")
    head = parse(before[start:]) if start >= 0 else None
    if not isinstance(head, dict):
        raise ValueError("the reply was cut, and its beginning is not JSON")
    inside = str(parse(f'"{found["inside"]}"', strict=False))
    if "\ud800" <= inside[-1:] <= "\udbff":  # half a character
        inside = inside[:-1]
    head["response"] = inside
    read = _checked(head, ["cut off"])
    return read._replace(is_whole=False)


def _checked(value: JsonValue, repaired: list[str]) -> Envelope:
    if not isinstance(value, dict):
        raise ValueError("the reply is not a JSON object")
    if "error" not in value and "response" not in value:
        raise ValueError('the object has neither "error" nor "response"')
    for name in _FIELDS:
        if name not in value:
            repaired.append(f"no {name}")
    if any(name not in _FIELDS for name in value):
        repaired.append("further fields")
    error = value.get("error", "")
    if error is None:
        repaired.append("a null error")
        error = ""
    if not isinstance(error, str):
        raise ValueError('"error" is not a text')
    return Envelope(error, value.get("response", ""), tuple(repaired))


def _objects_within(text: str) -> list[JsonValue]:
    """The replies amid other text: objects that have one of the fields, outermost ones."""
    found: list[JsonValue] = []
    decoder = json.JSONDecoder()
    start, text = -1, text[:_LONGEST]
    for _ in range(_MOST_CANDIDATES):
        start = text.find("{", start + 1)
        if start < 0:
            break
        try:
            _, end = decoder.raw_decode(text, start)
            value = parse(text[start:end])
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and not value.keys().isdisjoint(_FIELDS):
            found.append(value)
        start = end - 1
    return found


class ResponseCheck:
    """Checks bodies against the response schema that an API's documentation gives.

    Only a JSON Schema (OpenAPI, MCP) is checked. ToolBench's sketches come from one recorded
    response each, often one that was cut, and are shown to the model, and not held against it.
    References to other documents are not followed, and a schema that has them checks nothing.

    Args:
        schema: The documentation's response schema.
    """

    def __init__(self, schema: JsonValue) -> None:
        self._validator: Validator | None = None
        if isinstance(schema, dict) and _is_json_schema(schema):
            try:
                self._validator = compile_schema(schema)
            except ValueError:  # what is documented is no schema
                self._validator = None

    def problem(self, body: JsonValue) -> str:
        """What is wrong with a body; empty for nothing."""
        if self._validator is None:
            return ""
        try:
            error = next(iter(self._validator.iter_errors(body)), None)
        except (ValueError, RecursionError) as failure:
            return f'"response" cannot be checked: {failure}'
        if error is None:
            return ""
        where = "/".join(map(str, ("response", *error.instance_path)))
        return f"{where} does not fit the response schema: {error.message[:300]}"


_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def _is_json_schema(schema: dict[str, Any]) -> bool:
    """Whether it is a schema and no sketch, whose words for types are Python's."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return bool(kind) and all(one in _TYPES for one in kind)
    if isinstance(kind, str):
        return kind in _TYPES
    return isinstance(schema.get("$ref", schema.get("$schema")), str) or any(
        isinstance(schema.get(word), list) for word in ("anyOf", "oneOf", "allOf", "enum")
    )
