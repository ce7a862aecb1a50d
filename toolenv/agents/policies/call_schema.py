"""The JSON Schema of a call of one of the offered functions: what a server holds a message to."""

from __future__ import annotations

from collections.abc import Sequence

from jsonschema_rs import meta

from toolenv.apis import FINISH
from toolenv.json_schemas import compile_schema
from toolenv.jsontext import JsonValue

__all__ = ["FINISH_ARGUMENTS", "call_schema"]

_ANSWER: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"return_type": {"const": "give_answer"}, "final_answer": {"type": "string"}},
    "required": ["return_type", "final_answer"],
    "additionalProperties": False,
}
_GIVE_UP: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"return_type": {"const": "give_up_and_restart"}},
    "required": ["return_type"],
    "additionalProperties": False,
}

FINISH_ARGUMENTS: dict[str, JsonValue] = {"anyOf": [_ANSWER, _GIVE_UP]}
"""What ``Finish`` takes: an answer, which one of its two uses needs, or nothing more."""


def call_schema(functions: Sequence[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """The schema of ``{"name": …, "arguments": {…}}``, one branch for each function.

    Arguments are what the function's own schema allows, and no others unless it says so. Where
    that schema is none, or refers to something that is not in it, any object is allowed with the
    names it lists. ``Finish`` takes an answer, or gives up without one.

    Args:
        functions: What may be called, in OpenAI's form; at least one.

    Example:
        >>> finish = {"type": "function", "function": {"name": "Finish"}}
        >>> [one["properties"]["name"] for one in call_schema([finish])["anyOf"]]
        [{'const': 'Finish'}]
    """
    branches: list[JsonValue] = []
    for number, function in enumerate(functions):
        inner = function.get("function", function)
        described = inner if isinstance(inner, dict) else {}
        name = described.get("name")
        arguments: dict[str, JsonValue]
        if name == FINISH:
            arguments = FINISH_ARGUMENTS
        else:
            place = f"#/anyOf/{number}/properties/arguments"
            arguments = _arguments(described.get("parameters"), place)
        branches.append(
            {
                "type": "object",
                "properties": {"name": {"const": name}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    return {"anyOf": branches}


def _arguments(parameters: JsonValue, place: str) -> dict[str, JsonValue]:
    """The schema of a function's arguments at its place in the whole."""
    schema: dict[str, JsonValue] = dict(parameters) if isinstance(parameters, dict) else {}
    if not _is_schema(schema):
        named, required = schema.get("properties"), schema.get("required")
        names = named if isinstance(named, dict) else {}
        needed = required if isinstance(required, list) else []
        return {
            "type": "object",
            "properties": {name: {} for name in names},
            "required": [name for name in names if name in needed],
            "additionalProperties": False,
        }
    schema = {**schema, "type": "object"}
    for name in ("$schema", "$id"):  # of a document, which this is no more
        schema.pop(name, None)
    if not _OPENING.intersection(schema):
        schema.setdefault("properties", {})
        schema["additionalProperties"] = False
    moved = _moved(schema, place)
    assert isinstance(moved, dict)  # as what was moved
    return moved


_OPENING = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependentSchemas",
        "if",
        "oneOf",
        "patternProperties",
        "unevaluatedProperties",
    }
)
"""Members of a schema beside which ``properties`` does not list all that is allowed."""


def _is_schema(schema: dict[str, JsonValue]) -> bool:
    try:
        if not meta.is_valid(schema):
            return False
        compile_schema(schema)
    except (ValueError, TypeError, RecursionError):  # references to nowhere, lone surrogates
        return False
    return True


def _moved(value: JsonValue, place: str) -> JsonValue:
    """A schema whose references into itself are such from its place in the whole."""
    if isinstance(value, list):
        return [_moved(item, place) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _moved(item, place) for name, item in value.items()}
    target = found.get("$ref")
    if isinstance(target, str) and (target == "#" or target.startswith("#/")):
        found["$ref"] = f"{place}{target[1:]}"
    return found
