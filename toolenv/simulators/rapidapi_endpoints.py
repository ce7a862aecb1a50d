"""From a tool's documentation to an HTTP request: where it goes, and what goes where in it.

ToolBench's tool files give each API an address, a method and parameters, and the call as RapidAPI's
page shows it (``code``). Which parameter is in the path is said by the address; which is a header,
and whether a body is JSON or a form, by that code. It is read as a syntax tree and never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from toolenv.apis import API, Parameter
from toolenv.jsontext import JsonValue, render
from toolenv.simulators.web_messages import WebRequest

__all__ = ["ArgumentError", "Endpoint", "endpoint_of", "request_of"]

Place: TypeAlias = Literal["path", "query", "header", "body"]
BodyKind: TypeAlias = Literal["json", "form"]

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_IN_PATH: Final = re.compile(r"\{([^{}/]+)\}|(?<=/):([A-Za-z_][A-Za-z0-9_.-]*)|<([^<>/]+)>")
_NEVER_HEADERS: Final = re.compile(
    r"x-rapidapi-.*|x-mashape-.*|x-forwarded-.*|host|content-(type|length|encoding)|connection|"
    r"transfer-encoding|te|trailer|upgrade|expect|proxy-.*|accept-encoding|user-agent|cookie",
    re.IGNORECASE,
)
"""Headers that no argument sets, whatever the documentation says."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LOCATIONS: Final = ("in", "location", "param_in", "paramIn")


class ArgumentError(ValueError):
    """The arguments make no request; says why."""


class Endpoint(NamedTuple):
    """Where an API's requests go.

    Args:
        method: Upper case.
        address: The address as documented, with ``{name}``, ``:name`` or ``<name>`` in its path.
        host: The host, or ``host:port``.
        gateway_host: What the header that names the API says.
        parameters: Each documented parameter and its place.
        body: What form a body has.
    """

    method: str
    address: str
    host: str
    gateway_host: str
    parameters: tuple[tuple[Parameter, Place], ...]
    body: BodyKind


def endpoint_of(api: API) -> Endpoint | None:
    """The endpoint of an API of a tool file; None where its address cannot be told.

    Args:
        api: The API, as ``toolenv.formats.toolbench.tools.read_tools`` reads it.
    """
    unknown = api.unknown
    documented_host = _host(unknown)
    address = unknown.get("url")
    address = address.strip() if isinstance(address, str) else ""
    if not address or address.startswith("/"):
        if not documented_host or not address:
            return None
        address = f"https://{documented_host}{address}"
    try:
        parts = urlsplit(address)
        host = parts.netloc
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in host or "{" in host:
        return None
    method = api.method.upper()
    if method not in _METHODS:
        return None
    shown = _ShownCall.read(unknown.get("code"))
    in_path = {name for match in _IN_PATH.finditer(parts.path) for name in match.groups() if name}
    placed = tuple(
        (parameter, _place(parameter, in_path, method, shown)) for parameter in api.parameters
    )
    return Endpoint(method, address, host, documented_host or host, placed, shown.body)


def request_of(
    endpoint: Endpoint, arguments: Mapping[str, JsonValue], headers: Mapping[str, str]
) -> WebRequest:
    """The request that a call makes.

    Documented parameters get their original spelling and their place; whatever else is given goes
    to the query or the body, since the server decides what it takes. A null is not sent.

    Args:
        endpoint: Where it goes.
        arguments: By the names that policies use.
        headers: What every request carries; no argument changes them.

    Raises:
        ArgumentError: A value cannot be put where it belongs.
    """
    left = {name: value for name, value in arguments.items() if value is not None}
    path: dict[str, str] = {}
    query: list[tuple[str, JsonValue]] = []
    body: dict[str, JsonValue] = {}
    extra: dict[str, str] = {}
    for parameter, place in endpoint.parameters:
        given = next((name for name in (parameter.key, parameter.name) if name in left), None)
        if given is None:
            continue
        value = left.pop(given)
        if place == "path":
            path[parameter.name] = _path_text(parameter.name, value)
        elif place == "header":
            extra[parameter.name.lower()] = _header_text(parameter.name, value)
        elif place == "body":
            body[parameter.name] = value
        else:
            query.append((parameter.name, value))
    if endpoint.method in _WITH_BODY:
        body.update({name: value for name, value in left.items() if name not in body})
    else:
        query.extend(left.items())
    url = _url(endpoint, path, query)
    if not body:
        return WebRequest(endpoint.method, url, {**extra, **headers})
    if endpoint.body == "form":
        kind, content = "application/x-www-form-urlencoded", _encoded(list(body.items()))
    else:
        kind, content = "application/json", render(body)
    sent = {**extra, "content-type": kind, **headers}
    return WebRequest(endpoint.method, url, sent, content.encode("utf-8", "replace"))


def _host(unknown: Mapping[str, JsonValue]) -> str:
    """The host that a tool's file names for all of its APIs."""
    kept = unknown.get("tool_file")
    keys = kept.get("keys") if isinstance(kept, dict) else None
    for holder in (unknown, keys):
        host = holder.get("host") if isinstance(holder, dict) else None
        if isinstance(host, str) and re.fullmatch(r"\s*[A-Za-z0-9.:_-]+\s*", host):
            return host.strip()
    return ""


def _place(parameter: Parameter, in_path: set[str], method: str, shown: _ShownCall) -> Place:
    if parameter.name in in_path:
        return "path"
    stated = next(
        (str(parameter.unknown[k]).lower() for k in _LOCATIONS if k in parameter.unknown), ""
    )
    is_header = stated == "header" or parameter.name.lower() in shown.headers
    if is_header and _HEADER_NAME.fullmatch(parameter.name):
        return "query" if _NEVER_HEADERS.fullmatch(parameter.name) else "header"
    if stated == "query" or parameter.name in shown.query:
        return "query"
    if stated in ("body", "formdata", "form"):
        return "body"
    return "body" if method in _WITH_BODY else "query"


def _path_text(name: str, value: JsonValue) -> str:
    text = _text(value)
    if text in ("", ".", ".."):
        raise ArgumentError(f"{text!r} cannot be the path parameter {name!r}")
    return quote(text.encode("utf-8", "replace"), safe="")


def _header_text(name: str, value: JsonValue) -> str:
    text = _text(value)
    if _CONTROL.search(text):
        raise ArgumentError(f"the header parameter {name!r} holds control characters")
    return text


def _url(endpoint: Endpoint, path: Mapping[str, str], query: list[tuple[str, JsonValue]]) -> str:
    """The address with its path filled in and its query; scheme and host stay as documented."""
    address, _, _ = endpoint.address.partition("#")
    address, _, fixed = address.partition("?")
    scheme, separator, rest = address.partition("://")
    host, slash, template = rest.partition("/")

    def fill(match: re.Match[str]) -> str:
        name = next(group for group in match.groups() if group)
        if name in path:
            return path[name]
        if match[2] and not any(
            place == "path" for p, place in endpoint.parameters if p.name == name
        ):
            return match[0]  # a colon that belongs to the path, and no parameter
        raise ArgumentError(f"the path parameter {name!r} is missing")

    filled = _IN_PATH.sub(fill, f"{slash}{template}")
    asked = "&".join(part for part in (fixed, _encoded(query)) if part)
    return f"{scheme}{separator}{host}{filled}{'?' if asked else ''}{asked}"


def _encoded(pairs: list[tuple[str, JsonValue]]) -> str:
    """Pairs as in a query; a list repeats its name."""
    flat = [
        (name, _text(item))
        for name, value in pairs
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    ]
    return urlencode(flat, errors="replace")


def _text(value: JsonValue) -> str:
    """A value as it travels in an address: ``true``, ``3`` for ``3.0``, JSON for what is nested."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return render(value)


class _ShownCall(NamedTuple):
    """What the call that RapidAPI's page shows says of its parameters.

    Args:
        query: Names in its query.
        headers: Names of its headers, in lower case.
        body: Whether its body is JSON or a form.
    """

    query: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    body: BodyKind = "json"

    @classmethod
    def read(cls, code: JsonValue) -> _ShownCall:
        if not isinstance(code, str) or len(code) > 1 << 16:
            return cls()
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return cls()
        named = dict(_literals(tree))
        query, headers = named.get("querystring"), named.get("headers")
        kinds = {str(k).lower(): v for k, v in headers.items()} if isinstance(headers, dict) else {}
        kind = str(kinds.get("content-type", ""))
        return cls(
            frozenset(map(str, query)) if isinstance(query, dict) else frozenset(),
            frozenset(kinds),
            "form" if "form" in kind.lower() else "json",
        )


def _literals(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """Names that are given a literal, with its value."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            try:
                yield statement.targets[0].id, ast.literal_eval(statement.value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                continue
