"""One API as ToolBench documents it: an object of an ``api_list``.

Instruction files and tool files spell it differently: ``api_name`` and ``api_description`` with the
category and the tool beside them, or ``name`` and ``description`` inside the tool's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from toolenv.apis import API, Parameter
from toolenv.formats.fields import json_list, json_object, text_field
from toolenv.formats.leftovers import keep, restore
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue, parse

__all__ = ["IN_INSTRUCTIONS", "IN_TOOLS", "TEMPLATE_LENGTH", "read_api", "write_api"]

TEMPLATE_LENGTH: Final = 1000
"""Where StableToolBench's files cut a ``template_response`` that is text."""

_PARAMETER_FIELDS: Final = frozenset(Parameter.model_fields)
_API_FIELDS: Final = frozenset(API.model_fields)


class Spelling(NamedTuple):
    """How a kind of file spells the keys of an API."""

    name: str
    description: str
    template: str
    names_tool: bool


IN_INSTRUCTIONS: Final = Spelling("api_name", "api_description", "template_response", True)
"""An instruction file's ``api_list``."""

IN_TOOLS: Final = Spelling("name", "description", "schema", False)
"""A tool file's ``api_list``."""


def read_api(
    value: JsonValue,
    where: str,
    spelling: Spelling,
    report: ReadReport,
    *,
    category: str = "",
    tool: str = "",
    tool_description: str = "",
) -> API:
    """Read one API.

    Args:
        value: The entry of the ``api_list``.
        where: The file, row and field it was found in.
        spelling: ``IN_INSTRUCTIONS`` or ``IN_TOOLS``.
        report: Where unusual forms are counted.
        category: The category, where the entry does not name it.
        tool: The tool, where the entry does not name it.
        tool_description: What is known of the tool.

    Raises:
        FormatError: A field is missing, of another type, or the name is empty.
    """
    raw = json_object(value, where)
    if spelling.names_tool:
        category = text_field(raw, "category_name", where)
        tool = text_field(raw, "tool_name", where)
    parameters = [
        *_read_parameters(raw, "required_parameters", where, report),
        *_read_parameters(raw, "optional_parameters", where, report),
    ]
    fields = {
        "category": category,
        "tool": tool,
        "name": text_field(raw, spelling.name, where, filled=True),
        "description": text_field(raw, spelling.description, where, default=""),
        "tool_description": tool_description,
        "method": text_field(raw, "method", where, default="GET"),
        "parameters": tuple(parameters),
        "response_schema": _read_template(raw, spelling.template, where, report),
    }
    if not str(fields["description"]).strip():
        report.note("API without a description", where)
    keys = [parameter.key for parameter in parameters]
    if len(set(keys)) < len(keys):
        report.note("parameters of one API that standardise to one name", where)
    plain = API.model_validate(fields)
    return plain.model_copy(update=keep(raw, _rebuild(plain, spelling), _API_FIELDS))


def write_api(api: API, spelling: Spelling) -> dict[str, JsonValue]:
    """Write one API as an entry of an ``api_list``."""
    return restore(_rebuild(api, spelling), api.unknown)


def _rebuild(api: API, spelling: Spelling) -> dict[str, JsonValue]:
    entry: dict[str, JsonValue] = {}
    if spelling.names_tool:
        entry = {"category_name": api.category, "tool_name": api.tool}
    entry[spelling.name] = api.name
    entry[spelling.description] = api.description
    entry["required_parameters"] = [_write_parameter(p) for p in api.parameters if p.required]
    entry["optional_parameters"] = [_write_parameter(p) for p in api.parameters if not p.required]
    entry["method"] = api.method
    if api.response_schema is not None:
        entry[spelling.template] = api.response_schema
    return entry


def _read_parameters(
    raw: Mapping[str, JsonValue], key: str, where: str, report: ReadReport
) -> list[Parameter]:
    if raw.get(key) is None:
        return []
    place = f"{where}.{key}"
    return [
        _read_parameter(item, f"{place}[{index}]", key == "required_parameters", report)
        for index, item in enumerate(json_list(raw[key], place))
    ]


def _read_parameter(value: JsonValue, where: str, required: bool, report: ReadReport) -> Parameter:
    raw = json_object(value, where)
    default = raw.get("default")
    if default is not None and not isinstance(default, str):
        report.note("default that is not text", where)
    plain = Parameter(
        name=text_field(raw, "name", where, filled=True),
        type=text_field(raw, "type", where, default="STRING"),
        description=text_field(raw, "description", where, default=""),
        default=default,
        required=required,
    )
    kept = keep(raw, _rebuild_parameter(plain), _PARAMETER_FIELDS)
    return plain.model_copy(update=kept) if kept else plain


def _write_parameter(parameter: Parameter) -> JsonValue:
    return restore(_rebuild_parameter(parameter), parameter.unknown)


def _rebuild_parameter(parameter: Parameter) -> dict[str, JsonValue]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "description": parameter.description,
        "default": "" if parameter.default is None else parameter.default,
    }


def _read_template(
    raw: Mapping[str, JsonValue], key: str, where: str, report: ReadReport
) -> JsonValue:
    """The response sketch: an object, JSON text (usually cut), or nothing."""
    value = raw.get(key)
    if key not in raw:
        report.note(f"{key} missing", where)
    elif isinstance(value, str) and value:
        try:
            return parse(value)
        except ValueError:
            cut = len(value) == TEMPLATE_LENGTH
            report.note(
                f"{key} cut at 1,000 characters" if cut else f"{key} that is not JSON", where
            )
    elif not isinstance(value, dict | list):
        report.note(f"{key} that is neither an object nor text", where)
    return value
