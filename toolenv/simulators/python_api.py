"""A Python function as an API document: its signature, type hints and Google-style docstring.

The type hint of a parameter becomes its JSON Schema, the ``Args:`` section of the docstring its
description; a parameter with a default is optional. What the docstring says before its first
section, and its ``Returns:`` section, describe the API.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from pydantic import JsonValue, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

from toolenv.apis import API, Parameter
from toolenv.errors import ConfigurationError

__all__ = ["STATE", "PythonAPI", "Reader", "read_docstring", "read_function"]

STATE = "state"
"""The name of a first parameter that takes the session's state instead of an argument."""

Reader: TypeAlias = Callable[[Any], Any]
"""Turns an argument as it came from JSON into what the type hint promises."""

_SECTION = re.compile(r"^(Args|Arguments|Returns|Yields|Raises|Examples?|Notes?|Attributes):\s*$")
_ENTRY = re.compile(r"^(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")
_WORDS = {"integer": "NUMBER", "number": "NUMBER", "boolean": "BOOLEAN", "array": "ARRAY"}


@dataclass(frozen=True, slots=True)
class PythonAPI:
    """A function read as an API.

    Args:
        api: The document.
        takes_state: Whether the function's first parameter is the session's state.
        names: Parameter key to Python name, where they differ.
        readers: Python name to the reader of its argument, where JSON's value is not enough.
    """

    api: API
    takes_state: bool
    names: Mapping[str, str]
    readers: Mapping[str, Reader]


def read_function(
    function: Callable[..., object],
    *,
    category: str,
    tool: str,
    tool_description: str,
    name: str,
    changes_state: bool,
    example: Mapping[str, JsonValue],
) -> PythonAPI:
    """Read a function as an API.

    Args:
        function: The function; each parameter has a type hint that pydantic has a schema for.
        category: The tool's category.
        tool: The tool's name.
        tool_description: The tool's description.
        name: The API's name.
        changes_state: Whether a call changes the session's state.
        example: Python name to an argument that works, for some or all parameters.

    Raises:
        ConfigurationError: The function cannot be called by name, lacks a type hint, or a hint has
            no JSON Schema.
    """
    where = f"{function.__module__}.{function.__qualname__}"
    parameters = list(inspect.signature(function).parameters.values())
    takes_state = bool(parameters) and parameters[0].name == STATE
    if changes_state and not takes_state:
        raise ConfigurationError(
            "An API that changes state does not take the session's state, so no fork could undo "
            "its calls.",
            where=where,
            fix=f"Make {STATE!r} its first parameter, or declare changes_state=False.",
        )
    hints = get_type_hints(function, include_extras=True)
    description, described = read_docstring(function.__doc__ or "")
    documents: list[Parameter] = []
    names: dict[str, str] = {}
    readers: dict[str, Reader] = {}
    for parameter in parameters[takes_state:]:
        located = f"{where}({parameter.name})"
        document, reader = _read_parameter(parameter, hints, described, example, located)
        if document.key in names:
            raise ConfigurationError(
                f"Two parameters are both given as {document.key!r}.",
                where=located,
                fix="Rename one of them.",
            )
        names[document.key] = parameter.name
        if reader is not None:
            readers[parameter.name] = reader
        documents.append(document)
    unknown = sorted(set(example) - set(names.values()))
    if unknown:
        raise ConfigurationError(
            f"The example names no parameter of the function: {', '.join(unknown)}.", where=where
        )
    api = API(
        category=category,
        tool=tool,
        name=name,
        description=description,
        tool_description=tool_description,
        method="POST" if changes_state else "GET",
        parameters=tuple(sorted(documents, key=lambda document: not document.required)),
        changes_state=changes_state,
    )
    renamed = {key: python for key, python in names.items() if key != python}
    return PythonAPI(api, takes_state, renamed, readers)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    r"""Read a Google-style docstring: what it says in general, and of each argument.

    Example:
        >>> read_docstring("Add.\n\nArgs:\n    a: One\n        number.\n    b (int): Another.")
        ('Add.', {'a': 'One number.', 'b': 'Another.'})
    """
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in inspect.cleandoc(text).splitlines():
        heading = _SECTION.match(line)
        if heading:
            section = {"Arguments": "Args"}.get(heading[1], heading[1])
        sections.setdefault(section, [])
        if not heading:
            sections[section].append(line)
    described: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n".join(["", *sections.get("Args", [])])).splitlines():
        entry = None if line[:1].isspace() else _ENTRY.match(line)
        if entry:
            name = entry[1]
            described[name] = entry[2].strip()
        elif name:
            described[name] = f"{described[name]} {line.strip()}".strip()
    description = _flow(sections[""])
    returns = _flow(sections.get("Returns", []))
    return f"{description} Returns: {returns}" if returns else description, described


def _flow(lines: list[str]) -> str:
    """Join the lines of each paragraph."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _read_parameter(
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    described: Mapping[str, str],
    example: Mapping[str, JsonValue],
    where: str,
) -> tuple[Parameter, Reader | None]:
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise ConfigurationError(
            "A parameter cannot be given by name.", where=where, fix="Declare it without * or /."
        )
    if name not in hints:
        raise ConfigurationError("A parameter has no type hint.", where=where, fix="Add one.")
    hint = hints[name]
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(hint)
        schema = _inlined(adapter.json_schema(), {}, where)
    except (
        PydanticSchemaGenerationError,
        PydanticInvalidForJsonSchema,
        PydanticUserError,
    ) as error:
        raise ConfigurationError(
            f"The type hint has no JSON Schema: {error.message}.",
            where=where,
            fix="Use a type that pydantic knows.",
        ) from error
    required = parameter.default is parameter.empty
    assumed = False
    if not required and isinstance(parameter.default, str | int | float | bool | None):
        if parameter.default is not None:
            schema.setdefault("default", parameter.default)
        assumed = schema.get("default") == parameter.default
    if name in example:
        schema["examples"] = [example[name]]
    document = Parameter(
        name=name,
        type="ENUM" if "enum" in schema else _WORDS.get(str(schema.get("type")), _text_or(schema)),
        description=described.get(name, ""),
        default=example.get(name),
        required=required,
        json_schema=schema,
        assumed_default=assumed,
    )
    return document, None if _is_plain(hint) else adapter.validate_python


def _text_or(schema: Mapping[str, JsonValue]) -> str:
    return "OBJECT" if schema.get("type") == "object" else "STRING"


def _is_plain(hint: object) -> bool:
    """Whether JSON's own value is what the hint promises."""
    if get_origin(hint) is Literal:
        return all(isinstance(item, str) for item in get_args(hint))
    return hint in (str, bool, float, Any)  # an int is as good as a float


def _inlined(
    schema: Mapping[str, JsonValue],
    definitions: Mapping[str, JsonValue],
    where: str,
    depth: int = 0,
) -> dict[str, JsonValue]:
    """Put definitions where they are referred to: a parameter's schema is embedded in another."""
    if depth > 20:
        raise ConfigurationError("A type hint is recursive.", where=where, fix="Use a flat type.")
    own = schema.get("$defs")
    if isinstance(own, dict):
        definitions = own
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = definitions.get(reference.rpartition("/")[2])
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "$defs")}
        schema = {**(target if isinstance(target, dict) else {}), **beside}
    inlined: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key == "$defs":
            continue
        if isinstance(value, dict):
            inlined[key] = _inlined(value, definitions, where, depth + 1)
        elif isinstance(value, list):
            inlined[key] = [
                _inlined(item, definitions, where, depth + 1) if isinstance(item, dict) else item
                for item in value
            ]
        else:
            inlined[key] = value
    return inlined
