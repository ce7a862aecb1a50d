"""Function schemas as ToolBench and StableToolBench build them: a compatibility mode.

What a policy is shown by default (``Task.functions``) mends ToolBench's defects. A run that was
made with theirs needs theirs to be replayed: names that merge at 64 characters, optional
parameters that vanish where nothing is required, StableToolBench's empty string in ``required``.
Names, order, structure, truncation and these defects are theirs; the fixed sentences of the
descriptions are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from toolenv.apis import API, FINISH, finish_function
from toolenv.errors import FormatError
from toolenv.jsontext import JsonValue
from toolenv.names import standard_parameter, standard_tool, toolbench_function_name
from toolenv.tasks import Task

__all__ = [
    "Dialect",
    "api_of_function",
    "compatibility_function",
    "compatibility_functions",
    "read_function",
]

Dialect: TypeAlias = Literal["toolbench", "stabletoolbench"]
"""``stabletoolbench`` wraps the schema and begins ``required`` and ``optional`` with ``""``."""

_LONGEST_DESCRIPTION: Final = 256
_TYPES: Final = {"NUMBER": "integer", "STRING": "string", "BOOLEAN": "boolean"}


def compatibility_functions(
    task: Task, dialect: Dialect = "toolbench"
) -> tuple[list[dict[str, JsonValue]], dict[str, API]]:
    """The functions of a task in the order of its APIs, ``Finish`` last, and what they call.

    Two APIs whose names are equal after the cut to 64 characters appear twice in the list, and the
    name calls the last of them, as in ToolBench.

    Args:
        task: The task.
        dialect: Whose form.

    Returns:
        The schemas, and function name to API (without ``Finish``).
    """
    functions = [compatibility_function(api, dialect) for api in task.apis]
    called = {
        str(read_function(f)["name"]): api for f, api in zip(functions, task.apis, strict=True)
    }
    finish = read_function(finish_function())
    return [*functions, _wrap(finish, dialect)], called


def compatibility_function(api: API, dialect: Dialect = "toolbench") -> dict[str, JsonValue]:
    """One API's function schema in ToolBench's form.

    Args:
        api: The API; one that is known by its recorded function keeps that, unchanged.
        dialect: Whose form.
    """
    if api.function is not None:
        return _wrap(api.function, dialect)
    name = toolbench_function_name(api.tool, api.name)
    start: list[JsonValue] = [""] if dialect == "stabletoolbench" else []
    properties: dict[str, JsonValue] = {}
    required, optional = start.copy(), start.copy()
    if any(parameter.required for parameter in api.parameters):  # without one, all vanish
        for parameter in api.parameters:
            key = standard_parameter(parameter.name)
            shown: dict[str, JsonValue] = {
                "type": _TYPES.get(parameter.type, "string"),
                "description": parameter.description[:_LONGEST_DESCRIPTION],
            }
            if parameter.default is not None and str(parameter.default) != "":
                shown["example_value"] = parameter.default
            properties[key] = shown
            (required if parameter.required else optional).append(key)
    schema: dict[str, JsonValue] = {
        "name": name,
        "description": _describe(api, name),
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": required,
            "optional": optional,
        },
    }
    return _wrap(schema, dialect)


def read_function(schema: JsonValue, where: str = "function") -> dict[str, JsonValue]:
    """A recorded function schema in the bare form, without the empty names in its lists.

    Args:
        schema: A schema, bare or wrapped in ``{"type": "function", "function": …}``.
        where: Where it was found.

    Raises:
        FormatError: It is no function schema.

    Example:
        >>> read_function({"type": "function", "function": {"name": "f", "parameters":
        ...     {"type": "object", "properties": {}, "required": [""]}}})["parameters"]
        {'type': 'object', 'properties': {}, 'required': []}
    """
    if isinstance(schema, dict) and isinstance(schema.get("function"), dict):
        schema = schema["function"]
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        raise FormatError("Expected a function schema with a name.", where=where)
    parameters = schema.get("parameters")
    if not isinstance(parameters, dict):
        return dict(schema)
    cleaned = dict(parameters)
    for key in ("required", "optional"):
        names = cleaned.get(key)
        if isinstance(names, list):
            cleaned[key] = [name for name in names if name != ""]
    return {**schema, "parameters": cleaned}


def api_of_function(schema: JsonValue, where: str = "function") -> API:
    """An API that is known by its recorded function alone.

    Args:
        schema: The schema, bare or wrapped; the bare form is kept as recorded.
        where: Where it was found.

    Raises:
        FormatError: It is no function schema.
    """
    cleaned = read_function(schema, where)
    bare = schema.get("function") if isinstance(schema, dict) else None
    verbatim = bare if isinstance(bare, dict) else schema
    return API.model_validate(
        {
            "name": cleaned["name"],
            "description": cleaned.get("description") or "",
            "function": verbatim,
        }
    )


def _describe(api: API, name: str) -> str:
    """Our sentence naming the tool, then the documentation, cut as ToolBench cuts it."""
    tool = f"A function of {standard_tool(api.tool) or 'an unnamed tool'}."
    text = api.description.strip()
    if not text:
        return tool
    return f"{tool} {text.replace(api.name, name)[:_LONGEST_DESCRIPTION]}"


def _wrap(schema: Mapping[str, JsonValue], dialect: Dialect) -> dict[str, JsonValue]:
    if dialect == "stabletoolbench":
        return {"type": "function", "function": dict(schema)}
    return dict(schema)


def is_finish(schema: Mapping[str, JsonValue]) -> bool:
    """Whether a bare function schema is that of ``Finish``."""
    return schema.get("name") == FINISH
