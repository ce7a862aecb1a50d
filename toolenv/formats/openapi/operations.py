"""The operations of a description as APIs of one tool."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.openapi.bodies import is_json, preferred, read_body
from toolenv.formats.openapi.documents import Documents, Located
from toolenv.formats.openapi.parameters import Parameters, extensions_of
from toolenv.formats.openapi.parts import Parts, read_part
from toolenv.formats.openapi.places import OperationPlace
from toolenv.formats.openapi.routes import KEY, Route, Scheme, Server, kept
from toolenv.formats.openapi.schemas import Schemas
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue

__all__ = ["Operations"]

_READING: Final = frozenset({"get", "head", "options", "trace"})


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
        self._parameters = Parameters(documents, parts, schemas, report)
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
        parameters = self._parameters.read(place)
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
                parameters.append(self._parameters.document(field, parameters))
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
            extensions={**extensions_of(place.item), **extensions_of(found)},
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
