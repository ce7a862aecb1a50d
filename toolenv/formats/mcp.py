"""The tools that an MCP server lists, as APIs.

A tool is what the Model Context Protocol's ``tools/list`` gives: ``name``, ``title``,
``description``, ``inputSchema``, ``outputSchema`` and ``annotations``
(https://modelcontextprotocol.io/specification, revisions 2024-11-05 to 2026-07-28).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from toolenv.apis import API, Identity, Parameter
from toolenv.formats.fields import json_object, text_field
from toolenv.jsontext import JsonValue

__all__ = ["apis_of_mcp_tools"]

_MAX_NODES: Final = 10_000
"""Values in one tool's schemas, references followed; what is beyond says nothing."""

_MAX_DEPTH: Final = 60

_SCHEMAS: Final = frozenset(
    {
        *("items", "additionalItems", "unevaluatedItems", "prefixItems", "contains"),
        *("additionalProperties", "unevaluatedProperties", "propertyNames"),
        *("allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
    }
)
"""Keywords that hold a schema, or a list of them."""

_NAMED_SCHEMAS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Keywords that hold schemas by name."""

_DROPPED: Final = frozenset({"$defs", "definitions", "$id", "$schema", "$ref", "$dynamicRef"})
"""Keywords that mean nothing once references are resolved."""

_TYPES: Final = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "NUMBER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
}


def apis_of_mcp_tools(
    tools: Sequence[Mapping[str, JsonValue]],
    *,
    tool: str,
    category: str = "",
    tool_description: str = "",
    where: str = "tools",
) -> dict[str, API]:
    """The tools of an MCP server as APIs of one tool.

    A tool changes something unless it says ``readOnlyHint: true``; one that says nothing of what
    it does is unknown, and assumed to change something. These are hints of the server, and as
    trustworthy as it is. References inside a schema are resolved, since a parameter is shown and
    checked by itself; recursive and remote ones accept anything. The first of two equal names is
    kept. Of two names that ToolBench's standardisation makes one, the later is given a digest.

    Args:
        tools: The tools as JSON objects, in the server's order.
        tool: The name under which they become APIs, usually the server's.
        category: The category they are filed under.
        tool_description: What the tool is for.
        where: Where they were found, for errors.

    Returns:
        The server's own name of each tool, and its API.

    Raises:
        FormatError: A tool has no name, or its input schema is no object.

    Example:
        >>> schema = {"type": "object", "properties": {"cityName": {"type": "string"}}}
        >>> api = apis_of_mcp_tools([{"name": "now", "inputSchema": schema}], tool="Clock")["now"]
        >>> api.identity.function, api.parameters[0].key, api.mutates
        ('now_for_clock', 'cityname', True)
    """
    apis: dict[str, API] = {}
    taken: set[Identity] = set()
    for number, listed in enumerate(tools):
        place = f"{where}[{number}]"
        name = text_field(listed, "name", place, filled=True)
        if name in apis:
            continue
        schema = json_object(listed.get("inputSchema", {}), f"{place}.inputSchema")
        api = API(
            category=category,
            tool=tool,
            name=name,
            description=_description(listed, place),
            tool_description=tool_description,
            method="POST",  # tools/call; only what is declared to read alone changes nothing
            parameters=_parameters(schema, f"{place}.inputSchema"),
            response_schema=listed.get("outputSchema"),
            changes_state=_changes_state(listed.get("annotations")),
        )
        if api.identity in taken:
            digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4)
            api = API(**{**dict(api), "name": f"{name} {digest.hexdigest()}"})
        taken.add(api.identity)
        apis[name] = api
    return apis


def _description(listed: Mapping[str, JsonValue], place: str) -> str:
    """What a tool is for; where it does not say, its title."""
    description = text_field(listed, "description", place, default="")
    return description or text_field(listed, "title", place, default="")


def _changes_state(annotations: JsonValue) -> bool | None:
    """Whether a call changes something: as its hints say, None where they say nothing.

    ``idempotentHint`` and ``destructiveHint`` mean something only for a tool that changes
    something, and so say that it does.
    """
    hints = annotations if isinstance(annotations, dict) else {}
    if isinstance(hints.get("readOnlyHint"), bool):
        return not hints["readOnlyHint"]
    told = any(isinstance(hints.get(key), bool) for key in ("destructiveHint", "idempotentHint"))
    return True if told else None


def _parameters(schema: dict[str, JsonValue], where: str) -> tuple[Parameter, ...]:
    properties = json_object(schema.get("properties") or {}, f"{where}.properties")
    required = schema.get("required")
    names = set(map(str, required)) if isinstance(required, list) else set()
    resolving = _Resolving(schema)
    parameters = []
    for name, described in properties.items():
        resolved = resolving.resolve(described)
        own: dict[str, JsonValue] = {"not": {}} if resolved is False else {}
        if isinstance(resolved, dict):
            own = resolved
        description = own.get("description")
        parameters.append(
            Parameter(
                name=name,
                type=_type(own),
                description=description if isinstance(description, str) else "",
                default=own.get("default"),
                required=name in names,
                json_schema=own,
            )
        )
    return tuple(sorted(parameters, key=lambda parameter: not parameter.required))


def _type(schema: Mapping[str, JsonValue]) -> str:
    if isinstance(schema.get("enum"), list):
        return "ENUM"
    kind = schema.get("type")
    if isinstance(kind, list):  # as in ["string", "null"]
        kind = next((one for one in kind if one != "null"), None)
    return _TYPES.get(kind, "STRING") if isinstance(kind, str) else "STRING"


class _Resolving:
    """Puts what references of one document point to in their place, within limits."""

    def __init__(self, document: dict[str, JsonValue]) -> None:
        self._document = document
        self._nodes = 0

    def resolve(
        self, schema: JsonValue, following: tuple[str, ...] = (), depth: int = 0
    ) -> JsonValue:
        """A schema without references; what is too large or too deep says nothing."""
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            return {}
        if isinstance(schema, list):
            return [self.resolve(one, following, depth + 1) for one in schema]
        if not isinstance(schema, dict):
            return schema
        resolved: dict[str, JsonValue] = {}
        reference = schema.get("$ref", schema.get("$dynamicRef"))
        if isinstance(reference, str) and reference not in following:
            target = self._find(reference)
            found = self.resolve(target, (*following, reference), depth + 1)
            if not isinstance(found, dict):
                return found
            resolved.update(found)
        for keyword, value in schema.items():
            if keyword in _SCHEMAS:
                value = self.resolve(value, following, depth + 1)
            elif keyword in _NAMED_SCHEMAS and isinstance(value, dict):
                value = {
                    name: self.resolve(one, following, depth + 1) for name, one in value.items()
                }
            if keyword not in _DROPPED:
                resolved[keyword] = value
        return resolved

    def _find(self, reference: str) -> JsonValue:
        """What a reference inside the document points to; of all others nothing is known."""
        start, *parts = unquote(reference).split("/")
        found: JsonValue = self._document if start == "#" else {}
        for part in parts:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list):
                index = int(key) if key.isdecimal() else len(found)
                found = found[index] if index < len(found) else {}
            else:
                found = found.get(key, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict | bool) else {}
