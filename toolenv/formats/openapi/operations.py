"""The operations of a description as APIs of one tool."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats.openapi.bodies import BodyField, is_json, preferred, read_body
from toolenv.formats.openapi.documents import Documents, Located
from toolenv.formats.openapi.parts import Parts, read_part
from toolenv.formats.openapi.routes import KEY, Place, Placement, Route, Scheme, Server, Style, kept
from toolenv.formats.openapi.schemas import Schemas
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue
from toolenv.names import standard_api, standard_parameter

__all__ = ["OperationPlace", "Operations", "operation_names", "operation_places"]

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_READING: Final = frozenset({"get", "head", "options", "trace"})
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


class OperationPlace(NamedTuple):
    """Where an operation is.

    Args:
        path: Its path, as written.
        method: Its method, lower case.
        item: The path's object.
        found: The operation's own.
    """

    path: str
    method: str
    item: Located
    found: Located

    @property
    def operation_id(self) -> str:
        """Its ``operationId``, empty where there is none."""
        raw = self.found.value
        name = raw.get("operationId") if isinstance(raw, dict) else None
        return name.strip() if isinstance(name, str) else ""


def operation_places(documents: Documents) -> Iterator[OperationPlace]:
    """Every operation, in the description's order.

    Raises:
        FormatError: The paths are no object, or a path's reference leads nowhere.
    """
    paths = documents.root.child("paths")
    for path in paths.object() if paths.value is not None else {}:
        if path.startswith("x-"):
            continue
        item = documents.follow(paths.child(path))
        if not path.startswith("/"):
            raise FormatError(
                f"The path {path!r} does not begin with a slash.",
                where=item.where,
                fix="Write it with one.",
            )
        operations = item.object()
        for method in operations:
            if method in _METHODS:
                yield OperationPlace(path, method, item, item.child(method))


def operation_names(places: Sequence[OperationPlace]) -> list[str]:
    """A name for each operation; no two standardise alike, and the order makes no difference.

    It is the ``operationId``, else method and path; both where the former is not enough.
    """
    names = [_first_name(place) for place in places]
    for widen in (_with_path, _with_digest):
        claimed: dict[str, int] = {}
        for name in names:
            claimed[standard_api(name)] = claimed.get(standard_api(name), 0) + 1
        names = [
            name if claimed[standard_api(name)] == 1 and standard_api(name) else widen(name, place)
            for name, place in zip(names, places, strict=True)
        ]
    return names


def _first_name(place: OperationPlace) -> str:
    return place.operation_id or f"{place.method.upper()} {place.path}"


def _with_path(name: str, place: OperationPlace) -> str:
    return f"{name} {place.method.upper()} {place.path}" if place.operation_id else name


def _with_digest(name: str, place: OperationPlace) -> str:
    text = f"{place.method} {place.path}".encode("utf-8", "surrogatepass")
    return f"{name} {hashlib.blake2b(text, digest_size=4).hexdigest()}"


class Operations:
    """Reads the operations of a description.

    Args:
        documents: The description.
        parts: The models of its version.
        schemas: Reads its schemas.
        report: Where unusual forms are counted.
        tool: The tool's name.
        category: The tool's category; None for each operation's first tag.
        about: What the description says of the tool.
    """

    def __init__(
        self,
        documents: Documents,
        parts: Parts,
        schemas: Schemas,
        report: ReadReport,
        *,
        tool: str,
        category: str | None,
        about: str,
    ) -> None:
        self._documents = documents
        self._parts = parts
        self._schemas = schemas
        self._report = report
        self._tool = tool
        self._category = category
        self._about = about

    def read(self, place: OperationPlace, name: str) -> API:
        """Read one operation.

        Raises:
            FormatError: It cannot be called as it is described.
        """
        found, report = place.found, self._report
        operation = read_part(
            self._parts.operation,
            _with_responses(found),
            ("parameters", "requestBody", "callbacks", "servers"),
        )
        parameters = self._parameters(place)
        body = None
        if found.child("requestBody").value is not None:
            body, fields = read_body(
                found.child("requestBody"),
                {parameter.key for parameter in parameters},
                documents=self._documents,
                schemas=self._schemas,
                parts=self._parts,
                report=report,
            )
            for field in fields:
                parameters.append(self._document(field, parameters))
        response_schema, accept = self._response(found.child("responses"))
        security, schemes = self._security(found)
        tags = tuple(operation.tags or ())
        route = Route(
            path=place.path,
            operation=place.operation_id,
            tags=tags,
            servers=self._servers(place),
            security=security,
            schemes=schemes,
            body=body,
            accept=accept,
            deprecated=bool(operation.deprecated),
            extensions={**_extensions(place.item), **_extensions(found)},
        )
        category = (tags[0] if tags else "") if self._category is None else self._category
        return API.model_validate(
            {
                "category": category,
                "tool": self._tool,
                "name": name,
                "description": _description(operation.summary, operation.description),
                "tool_description": self._about,
                "method": place.method.upper(),
                "parameters": sorted(parameters, key=lambda parameter: not parameter.required),
                "response_schema": response_schema,
                "changes_state": place.method not in _READING,
                KEY: kept(route),
            }
        )

    # --- parameters ---------------------------------------------------------------------------

    def _parameters(self, place: OperationPlace) -> list[Parameter]:
        """The parameters of the path and of the operation, which replaces those of one name."""
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
            parameters.append(self._document(field, parameters))
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
            extensions=_extensions(found),
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

    def _document(self, field: BodyField, others: Sequence[Parameter]) -> Parameter:
        """A parameter under a name that no other of its API is given by."""
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

    # --- what surrounds a call ----------------------------------------------------------------

    def _response(self, found: Located) -> tuple[JsonValue, str]:
        """The schema of the answer that says it went well, and its media types."""
        if not isinstance(found.value, dict):
            return None, "*/*"
        good = [code for code in found.value if re.fullmatch("2([0-9][0-9]|XX)", code)]
        for code in sorted(good):
            response = self._documents.follow(found.child(code))
            content = response.child("content")
            if not isinstance(content.value, dict) or not content.value:
                continue
            chosen = preferred(content.value)
            schema = content.child(chosen, "schema")
            kinds = [kind for kind in content.value if is_json(kind)] or list(content.value)
            accept = ", ".join(sorted(kinds))
            if schema.value is None:
                return None, accept
            return self._schemas.read(schema, "response"), accept
        return None, "*/*"

    def _servers(self, place: OperationPlace) -> tuple[Server, ...]:
        for holder in (place.found, place.item, self._documents.root):
            listed = holder.child("servers")
            if not isinstance(listed.value, list) or not listed.value:
                continue
            servers = []
            for number in range(len(listed.value)):
                model = read_part(self._parts.server, listed.child(number))
                variables = {name: one.default for name, one in (model.variables or {}).items()}
                servers.append(Server(url=self._absolute(model.url), variables=variables))
            return tuple(servers)
        return (Server(url=self._absolute("/")),)

    def _absolute(self, url: str) -> str:
        """A server's address, relative to where the description was fetched from."""
        base = self._documents.root.base
        return urljoin(base, url) if urlsplit(base).scheme in ("http", "https") else url

    def _security(self, found: Located) -> tuple[tuple[tuple[str, ...], ...], dict[str, Scheme]]:
        listed = found.child("security")
        if listed.value is None:
            listed = self._documents.root.child("security")
        if listed.value is None:
            return (), {}
        if not isinstance(listed.value, list):
            raise FormatError("Expected a list of security requirements.", where=listed.where)
        alternatives: list[tuple[str, ...]] = []
        schemes: dict[str, Scheme] = {}
        for number in range(len(listed.value)):
            requirement = listed.child(number)
            alternatives.append(tuple(requirement.object()))
            for name in requirement.object():
                described = self._documents.root.child("components", "securitySchemes", name)
                if described.value is None:
                    raise FormatError(
                        f"The security scheme {name!r} is not described.",
                        where=requirement.where,
                        fix="Describe it in components.securitySchemes.",
                    )
                model = read_part(self._parts.scheme, self._documents.follow(described))
                schemes[name] = Scheme(
                    type=model.type,
                    name=model.name or "",
                    place=model.security_scheme_in or "",
                    scheme=(model.scheme or "").lower(),
                )
        return tuple(alternatives), schemes


def _with_responses(found: Located) -> Located:
    """An operation whose responses are in order: no call depends on them."""
    responses: JsonValue = {"default": {"description": ""}}
    return Located({**found.object(), "responses": responses}, found.base, found.where)


def _description(summary: str | None, description: str | None) -> str:
    short, long = (summary or "").strip(), (description or "").strip()
    if not long or long.startswith(short.rstrip(".")):
        return long or short
    return f"{short}\n\n{long}"


def _extensions(found: Located) -> dict[str, JsonValue]:
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
