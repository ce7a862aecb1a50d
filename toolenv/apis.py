"""API documents: what a policy reads and what a call is checked against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

from toolenv.names import (
    function_names,
    standard_api,
    standard_category,
    standard_parameter,
    standard_tool,
    toolbench_function_name,
)

__all__ = ["API", "FINISH", "Identity", "Parameter", "Record", "finish_function", "name_apis"]

FINISH = "Finish"
"""The function that ends a branch, with an answer or by giving up."""

_NUMERIC_TEXT = r"^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*$"


class Record(BaseModel):
    """Base of what is read from files: immutable, and keeps the keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    @property
    def unknown(self) -> dict[str, JsonValue]:
        """Keys of the source that this version gives no meaning to."""
        return dict(self.model_extra or {})


class Identity(NamedTuple):
    """Which API a call or a recorded response belongs to.

    ``function`` is ToolBench's function name, at most 64 characters, and always known: it is what
    records are joined by. The others are standardised, uncut, and empty where the source does not
    know them (trees and converted answers know function names alone). Two identities join if their
    ``function`` is equal and every other field is equal or unknown on either side. Two APIs of one
    tool whose names standardise alike share an identity, as they share a file in ToolBench's
    folders: whoever makes up API names must keep them apart.

    Example:
        >>> full = Identity("search_for_seo_api", "Data", "seo_api", "search")
        >>> full.joins(Identity("search_for_seo_api")), full.joins(full._replace(category="News"))
        (True, False)
    """

    function: str
    category: str = ""
    tool: str = ""
    api: str = ""

    def joins(self, other: Identity) -> bool:
        """Whether both may speak of the same API."""
        return self.function == other.function and all(
            not mine or not theirs or mine == theirs
            for mine, theirs in zip(self[1:], other[1:], strict=True)
        )


class Parameter(Record):
    """One parameter of an API.

    Args:
        name: As the source spells it, which is what the server expects.
        type: The source's word for the type: ``STRING``, ``NUMBER``, ``BOOLEAN``, ``ENUM``, …
        description: What the source says of it.
        default: An example value; ToolBench's defaults are examples, not what a server assumes.
        required: Whether a call must give it.
        json_schema: The full JSON Schema, where the source has one (OpenAPI, MCP, Python).
        assumed_default: Whether the source defines that a server which is not given the parameter
            assumes the default of ``json_schema`` (null where that states none).
    """

    name: str
    type: str = "STRING"
    description: str = ""
    default: JsonValue = None
    required: bool = False
    json_schema: dict[str, JsonValue] | None = None
    assumed_default: bool = False

    @property
    def key(self) -> str:
        """The name under which policies give it: legal in function schemas."""
        return standard_parameter(self.name) or self.name

    def shown_schema(self) -> dict[str, JsonValue]:
        """The parameter as a policy is shown it."""
        if self.json_schema is not None:
            schema = dict(self.json_schema)
            if self.description:
                schema.setdefault("description", self.description)
            return schema
        kind: dict[str, JsonValue] = {"type": _JSON_TYPES.get(self.type.upper(), "string")}
        if self.description.strip():
            kind["description"] = self.description
        if self.default is not None and self.default != "":
            kind["examples"] = [self.default]
        return kind

    def accepted_schema(self) -> dict[str, JsonValue]:
        """What a call may give: as documented, or the same as text, as it travels in a query."""
        if self.json_schema is not None:
            return self.json_schema
        match self.type.upper():
            case "NUMBER":
                return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": _NUMERIC_TEXT}]}
            case "BOOLEAN":
                return {"enum": [True, False, "true", "false", "True", "False", "1", "0", 0, 1]}
            case "OBJECT" | "ARRAY":
                return {"type": [_JSON_TYPES[self.type.upper()], "string"]}
            case _:
                return {"type": ["string", "number", "boolean"]}


_JSON_TYPES = {
    "STRING": "string",
    "NUMBER": "number",
    "BOOLEAN": "boolean",
    "OBJECT": "object",
    "ARRAY": "array",
}


class API(Record):
    """One callable endpoint and its documentation.

    Args:
        category: RapidAPI's category, or whatever groups tools in the source; may be empty.
        tool: The tool's name as the source spells it; may be empty.
        name: The API's name as the source spells it.
        description: What the source says of the API.
        tool_description: What the source says of the tool.
        method: HTTP method, upper case.
        parameters: In the source's order, required ones first.
        response_schema: A sketch of the response, in the source's own form.
        function: The function schema as recorded, shown unchanged; for sources that know no more.
        changes_state: Whether a call changes something at the server; None where unknown.
    """

    category: str = ""
    tool: str = ""
    name: str
    description: str = ""
    tool_description: str = ""
    method: str = "GET"
    parameters: tuple[Parameter, ...] = ()
    response_schema: JsonValue = None
    function: dict[str, JsonValue] | None = None
    changes_state: bool | None = None

    @cached_property
    def identity(self) -> Identity:
        """How calls and recorded responses name this API."""
        if self.function is not None:
            return Identity(str(self.function.get("name", self.name)))
        return Identity(
            toolbench_function_name(self.tool, self.name),
            standard_category(self.category),
            standard_tool(self.tool),
            standard_api(self.name),
        )

    @cached_property
    def mutates(self) -> bool:
        """Whether a call must be assumed to change state: as declared, else by its method."""
        if self.changes_state is not None:
            return self.changes_state
        return self.method.upper() not in {"GET", "HEAD", "OPTIONS"}

    def function_schema(self, name: str) -> dict[str, JsonValue]:
        """The API as a function, in the form of OpenAI's ``tools``.

        Args:
            name: The function's name, as given by ``name_apis``.
        """
        if self.function is not None:
            return {"type": "function", "function": {**self.function, "name": name}}
        description = self.description.strip()
        about = f"{self.name.strip()} of {self.tool.strip()}." if self.tool.strip() else ""
        return {
            "type": "function",
            "function": {
                "name": name,
                "description": f"{about} {description}".strip(),
                "parameters": {
                    "type": "object",
                    "properties": {p.key: p.shown_schema() for p in self.parameters},
                    "required": self._required(),
                },
            },
        }

    def arguments_schema(self) -> dict[str, JsonValue]:
        """What the arguments of a call are validated against."""
        if self.function is not None:
            parameters = self.function.get("parameters")
            known = parameters if isinstance(parameters, dict) else {}
            required = known.get("required")
            return {
                "type": "object",
                "required": [r for r in dict.fromkeys(map(str, required)) if r]
                if isinstance(required, list)
                else [],
            }
        return {
            "type": "object",
            "properties": {p.key: p.accepted_schema() for p in self.parameters},
            "required": self._required(),
            "additionalProperties": False,
        }

    def _required(self) -> list[JsonValue]:
        """Required names, each once: two spellings may standardise alike."""
        return list(dict.fromkeys(p.key for p in self.parameters if p.required))


def name_apis(apis: Sequence[API]) -> dict[str, API]:
    """Give each API of a task its function name: legal, unique, at most 64 characters.

    Of entries that describe the same API (same category, tool and name) the first is kept.

    Returns:
        Function name to API, in the given order; names of recorded functions are kept unchanged.
    """
    documented = [api for api in apis if api.function is None]
    names = function_names([(api.category, api.tool, api.name) for api in documented])
    named: dict[str, API] = {
        api.identity.function: api for api in reversed(apis) if api.function is not None
    }
    for name, api in zip(names, documented, strict=True):
        named.setdefault(name, api)
    order = {id(api): index for index, api in enumerate(apis)}
    return dict(sorted(named.items(), key=lambda item: order[id(item[1])]))


def finish_function() -> dict[str, JsonValue]:
    """The ``Finish`` function, which every task offers last."""
    answer = "The answer for the user, complete in itself. Required with give_answer."
    kinds: list[JsonValue] = ["give_answer", "give_up_and_restart"]
    return {
        "type": "function",
        "function": {
            "name": FINISH,
            "description": "Ends the work on this task: with the answer, or by giving up on this "
            "attempt. The user sees nothing but the answer given here.",
            "parameters": {
                "type": "object",
                "properties": {
                    "return_type": {"type": "string", "enum": kinds},
                    "final_answer": {"type": "string", "description": answer},
                },
                "required": ["return_type"],
            },
        },
    }
