"""The parameters of an operation, and the names under which calls give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

from toolenv.apis import Parameter
from toolenv.errors import FormatError
from toolenv.formats.openapi.bodies import BodyField, preferred
from toolenv.formats.openapi.documents import Documents, Located
from toolenv.formats.openapi.parts import Parts, read_part
from toolenv.formats.openapi.places import OperationPlace
from toolenv.formats.openapi.routes import KEY, Place, Placement, Style, kept
from toolenv.formats.openapi.schemas import Schemas
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue
from toolenv.names import standard_parameter

__all__ = ["Parameters", "extensions_of"]

_STYLES: Final[dict[str, tuple[str, ...]]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_OWN_HEADERS: Final = frozenset(
    {
        *("accept", "content-type", "authorization"),  # OpenAPI says that these are ignored
        *("host", "content-length", "transfer-encoding", "connection", "cookie", "upgrade"),
        *("te", "trailer", "expect", "proxy-authorization"),
    }
)
_TYPES: Final = {
    "integer": "NUMBER",
    "number": "NUMBER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
}
_IN_BRACES: Final = re.compile(r"\{([^{}/]*)\}")


class Parameters:
    """Reads the parameters of a description's operations.

    Args:
        documents: The description.
        parts: The models of its version.
        schemas: Reads its schemas.
        report: Where unusual forms are counted.
    """

    def __init__(
        self, documents: Documents, parts: Parts, schemas: Schemas, report: ReadReport
    ) -> None:
        self._documents = documents
        self._parts = parts
        self._schemas = schemas
        self._report = report

    def read(self, place: OperationPlace) -> list[Parameter]:
        """The parameters of the path and of the operation, which replaces those of one name.

        Raises:
            FormatError: One of them cannot be sent as it is described.
        """
        found: dict[tuple[str, str], BodyField] = {}
        for holder in (place.item, place.found):
            listed = holder.child("parameters")
            if listed.value is None:
                continue
            if not isinstance(listed.value, list):
                raise FormatError("Expected a list of parameters.", where=listed.where)
            for number in range(len(listed.value)):
                one = self._documents.follow(listed.child(number))
                field = self._parameter(one, place.path)
                if field is not None:
                    found[field.placement.place, field.placement.name] = field
        for name in _IN_BRACES.findall(place.path):
            if ("path", name) not in found:
                self._report.note(
                    "parameter of a path that nothing describes, taken as text", place.found.where
                )
                placement = Placement(place="path", name=name)
                found["path", name] = BodyField(name, placement, {"type": "string"}, True, "")
        parameters: list[Parameter] = []
        for field in found.values():
            parameters.append(self.document(field, parameters))
        return parameters

    def _parameter(self, found: Located, path: str) -> BodyField | None:
        """One parameter; None for one that is ignored."""
        model = read_part(self._parts.parameter, found)
        place: Place = model.param_in.value
        if place == "header" and model.name.lower() in _OWN_HEADERS:
            self._report.note(
                "parameter for a header that is not a parameter's to set, ignored", found.where
            )
            return None
        if place == "path" and f"{{{model.name}}}" not in path:
            self._report.note("parameter that its path does not name, ignored", found.where)
            return None
        required = bool(model.required)
        if place == "path" and not required:
            self._report.note("parameter in a path that is not called required", found.where)
            required = True
        style = model.style or _STYLES[place][0]
        if style not in _STYLES[place]:
            raise FormatError(
                f"The style {style!r} does not exist in {place}.",
                where=found.child("style").where,
                fix=f"Use {' or '.join(_STYLES[place])}.",
            )
        content_type = ""
        schema_place = found.child("schema")
        if model.content:
            content_type = preferred(model.content)
            schema_place = found.child("content", content_type, "schema")
        schema: dict[str, JsonValue] = {}
        if schema_place.value is None:
            self._report.note("parameter without a schema", found.where)
        else:
            schema = self._schemas.read(schema_place, "request")
        example = self._example(found)
        if example is not None:
            schema = {**schema, "examples": [example]}
        placement = Placement(
            place=place,
            name=model.name,
            style=cast("Style", style),
            explode=style == "form" if model.explode is None else model.explode,
            allow_reserved=place == "query" and bool(model.allowReserved),
            content_type=content_type,
            extensions=extensions_of(found),
        )
        description = (model.description or "").strip() or _said(schema, "description")
        return BodyField(model.name, placement, schema, required, description)

    def _example(self, found: Located) -> JsonValue:
        raw = found.object()
        if raw.get("example") is not None:
            return raw["example"]
        examples = raw.get("examples")
        if isinstance(examples, dict) and examples:
            first = self._documents.follow(found.child("examples", next(iter(examples))))
            return first.child("value").value
        return None

    def document(self, field: BodyField, others: Sequence[Parameter]) -> Parameter:
        """A parameter as an API has it, under a name that no other of its API is given by.

        Args:
            field: The parameter.
            others: Those that the API has already.
        """
        taken = {other.key for other in others}
        name = field.name
        number = 1
        while (standard_parameter(name) or name) in taken:
            suffix = "" if number == 1 else f" {number}"
            name = f"{field.name} in {field.placement.place}{suffix}"
            number += 1
        examples = field.schema.get("examples")
        default = examples[0] if isinstance(examples, list) and examples else None
        return Parameter.model_validate(
            {
                "name": name,
                "type": _type(field.schema),
                "description": field.description,
                "default": field.schema.get("default", default),
                "required": field.required,
                "json_schema": field.schema,
                "assumed_default": not field.required and "default" in field.schema,
                KEY: kept(field.placement),
            }
        )


def extensions_of(found: Located) -> dict[str, JsonValue]:
    """What an object of a description says in keys that begin with ``x-``."""
    raw = found.value
    return {k: v for k, v in raw.items() if k.startswith("x-")} if isinstance(raw, dict) else {}


def _said(schema: dict[str, JsonValue], key: str) -> str:
    value = schema.get(key)
    return value if isinstance(value, str) else ""


def _type(schema: dict[str, JsonValue]) -> str:
    """The kind of a parameter, in the words of ToolBench's files."""
    kind = schema.get("type")
    kinds = [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]
    if isinstance(schema.get("enum"), list):
        return "ENUM"
    return _TYPES.get(str(kinds[0]), "STRING") if len(kinds) == 1 else "STRING"
