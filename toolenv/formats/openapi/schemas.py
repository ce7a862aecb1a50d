"""OpenAPI's schemas as JSON Schema 2020-12 that stands alone: no reference leads out of it.

A schema that contains itself is written out once; inside itself it is cut to its type and what it
says of itself. So is what would make it too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, kind_of
from toolenv.formats.openapi.documents import Documents, Located
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue, render

__all__ = ["Direction", "Schemas"]

Direction: TypeAlias = Literal["request", "response"]
"""Requests have no ``readOnly`` properties, and responses no ``writeOnly`` ones."""

_MOST_SCHEMAS: Final = 400
"""How many schemas one may be made of; references are followed less deeply where it is more."""

_DEPTHS: Final = (8, 4, 2, 1, 0)
"""How many references are followed inside each other, tried in turn."""

_ONE: Final = frozenset(
    {
        *("items", "contains", "not", "if", "then", "else", "propertyNames"),
        *("additionalProperties", "unevaluatedItems", "unevaluatedProperties"),
    }
)
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
_DROPPED: Final = frozenset(
    {
        *("$ref", "$schema", "$id", "$anchor", "$comment", "$defs", "definitions"),
        *("$dynamicRef", "$dynamicAnchor", "$vocabulary"),
        *("xml", "externalDocs", "discriminator", "nullable", "example"),
    }
)
_SAID: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
)
"""Keywords that say something and demand nothing."""


class _TooLarge(Exception):
    """References are to be followed less deeply."""


class Schemas:
    """Reads the schemas of a description.

    Args:
        documents: The description.
        old: Whether it is of version 3.0, whose schemas are not quite JSON Schema.
        report: Where what could be read only in part is counted.
    """

    def __init__(self, documents: Documents, *, old: bool, report: ReadReport) -> None:
        self._documents = documents
        self._old = old
        self._report = report
        self._known: dict[tuple[str, str, Direction], tuple[dict[str, JsonValue], list[str]]] = {}

    def read(self, found: Located, direction: Direction) -> dict[str, JsonValue]:
        """A schema with its references resolved.

        Args:
            found: The schema as the description has it.
            direction: What it describes.

        Raises:
            FormatError: It is no schema, or a reference in it leads nowhere.
        """
        key = (found.base, render(found.value), direction)  # most operations share their schemas
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._written_out(found, direction)
        for note in known[1]:
            self._report.note(note, found.where)
        return known[0]

    def _written_out(
        self, found: Located, direction: Direction
    ) -> tuple[dict[str, JsonValue], list[str]]:
        """The schema, and what is to be noted of it."""
        for depth in _DEPTHS:
            try:
                expansion = _Expansion(self._documents, self._old, direction, depth)
                schema = expansion.expand(found, ())
            except _TooLarge:
                continue
            except RecursionError:
                raise FormatError(
                    "With its references, the schema is nested too deeply.",
                    where=found.where,
                    fix="Nest it less.",
                ) from None
            notes: list[str] = []
            if depth < _DEPTHS[0]:
                notes.append("schema that is cut because it is large")
            elif expansion.cut:
                notes.append("schema that contains itself, cut there")
            return _checked(schema, found.where, notes), notes
        raise AssertionError("without references, nothing is too large")


def _checked(schema: dict[str, JsonValue], where: str, notes: list[str]) -> dict[str, JsonValue]:
    """The schema, if it can be checked against; without its patterns, if they are at fault."""
    from jsonschema_rs import Draft202012Validator

    try:
        Draft202012Validator(schema)
    except ValueError as error:
        plain = _without_patterns(schema)
        try:
            Draft202012Validator(plain)
        except ValueError:
            reason = " ".join(str(error).split("\n")[0].split())[:300]
            raise FormatError(
                f"The schema is no JSON Schema: {reason}.",
                where=where,
                fix="Mend it there, or where it refers to.",
            ) from None
        notes.append("pattern that cannot be checked, left out")
        return plain
    return schema


class _Expansion:
    """One schema being written out."""

    def __init__(self, documents: Documents, old: bool, direction: Direction, depth: int) -> None:
        self._documents = documents
        self._old = old
        self._hidden = "readOnly" if direction == "request" else "writeOnly"
        self._depth = depth
        self._left = _MOST_SCHEMAS
        self.cut = False

    def expand(self, found: Located, inside: tuple[str, ...]) -> dict[str, JsonValue]:
        """Write a schema out.

        Args:
            found: The schema.
            inside: The references that led here.
        """
        self._left -= 1
        if self._left < 0 and self._depth:
            raise _TooLarge
        raw = found.value
        if isinstance(raw, bool):
            return {} if raw else {"not": {}}
        if not isinstance(raw, dict):
            raise FormatError(f"Expected a schema, found {kind_of(raw)}.", where=found.where)
        reference = raw.get("$ref")
        if not isinstance(reference, str):
            return self._keywords(raw, found, inside)
        target = self._target(reference, found, inside)
        beside = {key: value for key, value in raw.items() if key != "$ref"}
        if self._old:  # whose rule is to ignore them; what demands nothing does no harm
            beside = {key: value for key, value in beside.items() if key in _SAID}
        own = self._keywords(beside, found, inside)
        if not own.keys() <= _SAID and own.keys() & target.keys():
            return {"allOf": [target, own]}
        return {**target, **own}

    def _target(
        self, reference: str, found: Located, inside: tuple[str, ...]
    ) -> dict[str, JsonValue]:
        target = self._documents.lookup(reference, found)
        address = self._documents.address(reference, found)
        again = address in inside
        self.cut |= again
        if not again and len(inside) < self._depth:
            return self.expand(target, (*inside, address))
        end = self._documents.follow(target)
        raw = end.value if isinstance(end.value, dict) else {}
        kept: dict[str, JsonValue] = {
            key: raw[key] for key in ("type", "title", "description") if key in raw
        }
        if "type" not in kept and "properties" in raw:
            kept["type"] = "object"
        return _nullable(kept) if self._old and raw.get("nullable") is True else kept

    def _keywords(
        self, raw: Mapping[str, JsonValue], found: Located, inside: tuple[str, ...]
    ) -> dict[str, JsonValue]:
        schema: dict[str, JsonValue] = {}
        for key, value in raw.items():
            if key in _DROPPED or key.startswith("x-"):
                continue
            if key in _ONE:
                schema[key] = (
                    value if isinstance(value, bool) else self.expand(found.child(key), inside)
                )
            elif key in _LISTS:
                place = found.child(key)
                schema[key] = [
                    self.expand(place.child(number), inside)
                    for number in range(len(json_list(value, place.where)))
                ]
            elif key in _MAPS:
                place = found.child(key)
                schema[key] = {
                    name: self.expand(place.child(name), inside) for name in place.object()
                }
            else:
                schema[key] = value
        self._hide(schema)
        example = raw.get("example")
        if example is not None and "examples" not in schema:
            schema["examples"] = [example]
        if not isinstance(schema.get("examples", []), list):
            del schema["examples"]
        return self._modern(schema, raw) if self._old else schema

    def _hide(self, schema: dict[str, JsonValue]) -> None:
        """Leave out properties that do not travel in this direction."""
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return
        hidden = {
            name
            for name, one in properties.items()
            if isinstance(one, dict) and one.get(self._hidden) is True
        }
        if not hidden:
            return
        schema["properties"] = {k: v for k, v in properties.items() if k not in hidden}
        required = schema.get("required")
        if isinstance(required, list):
            schema["required"] = [name for name in required if name not in hidden]

    def _modern(
        self, schema: dict[str, JsonValue], raw: Mapping[str, JsonValue]
    ) -> dict[str, JsonValue]:
        """A schema of version 3.0 in the words of JSON Schema."""
        for exclusive, limit in (
            ("exclusiveMinimum", "minimum"),
            ("exclusiveMaximum", "maximum"),
        ):
            flag = schema.get(exclusive)
            if isinstance(flag, bool):
                del schema[exclusive]
                if flag and limit in schema:
                    schema[exclusive] = schema.pop(limit)
        return _nullable(schema) if raw.get("nullable") is True else schema


def _nullable(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema, with null among what it accepts."""
    kind, values = schema.get("type"), schema.get("enum")
    if isinstance(kind, str) and not schema.keys() & {"allOf", "anyOf", "oneOf", "not"}:
        schema["type"] = [kind, "null"]
        if isinstance(values, list) and None not in values:
            schema["enum"] = [*values, None]
        return schema
    said: dict[str, JsonValue] = {key: schema.pop(key) for key in sorted(_SAID & schema.keys())}
    return {"anyOf": [schema, {"type": "null"}], **said} if schema else said


def _without_patterns(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema without regular expressions, which languages disagree on."""
    plain: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key in ("pattern", "patternProperties"):
            continue
        if key in _ONE and isinstance(value, dict):
            value = _without_patterns(value)
        elif key in _LISTS and isinstance(value, list):
            value = [_without_patterns(one) if isinstance(one, dict) else one for one in value]
        elif key in _MAPS and isinstance(value, dict):
            value = {
                name: _without_patterns(one) if isinstance(one, dict) else one
                for name, one in value.items()
            }
        plain[key] = value
    return plain
