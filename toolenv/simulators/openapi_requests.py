"""From a call's arguments to the request that its description asks for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from toolenv.apis import API
from toolenv.formats.openapi import Placement, Route, placement_of, route_of
from toolenv.jsontext import JsonValue, render
from toolenv.simulators.openapi_values import (
    CannotSendError,
    cookie_pairs,
    header_text,
    path_text,
    plain,
    query_pairs,
)
from toolenv.simulators.web_messages import WebRequest

__all__ = ["CallPlan", "Credentials", "make_request", "plan_of"]

_IN_BRACES: Final = re.compile(r"\{([^{}/]*)\}")
_SLASHED: Final = frozenset({".", "..", ""})


class Credentials(NamedTuple):
    """What a request carries to be let in, by its place."""

    headers: Mapping[str, str] = {}
    query: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Credentials(…)"


class CallPlan(NamedTuple):
    """All that calls of one API need.

    Args:
        api: The API.
        route: How it is called.
        placements: Where each argument goes, by the name that policies use.
    """

    api: API
    route: Route
    placements: Mapping[str, Placement]


def plan_of(api: API) -> CallPlan | None:
    """How an API is called; None for one that comes from no description.

    Raises:
        FormatError: What its file says of that cannot be read.
    """
    route = route_of(api)
    if route is None:
        return None
    placements = {}
    for parameter in api.parameters:
        placement = placement_of(api, parameter)
        if placement is not None:
            placements[parameter.key] = placement
    return CallPlan(api, route, placements)


def make_request(
    plan: CallPlan, arguments: Mapping[str, JsonValue], base: str, credentials: Credentials
) -> WebRequest:
    """Write a call as an HTTP request.

    Args:
        plan: How the API is called.
        arguments: By the names that policies use.
        base: The server's address.
        credentials: What lets it in.

    Raises:
        CannotSendError: The arguments cannot be written; says which and why.
    """
    given: dict[str, list[tuple[Placement, JsonValue]]] = {
        place: [] for place in ("path", "query", "header", "cookie", "body")
    }
    for key, value in arguments.items():
        placement = plan.placements.get(key)
        if placement is None:
            raise CannotSendError(f"there is no parameter {key!r}")
        if value is not None or placement.place == "body":
            given[placement.place].append((placement, value))
    try:
        path = _path(plan, {one.name: (one, value) for one, value in given["path"]})
        query = [pair for one, value in given["query"] for pair in query_pairs(one, value)]
        cookies = [pair for one, value in given["cookie"] for pair in cookie_pairs(one, value)]
        headers = {one.name: header_text(one, value) for one, value in given["header"]}
        content_type, content = _body(plan, given["body"])
    except UnicodeEncodeError:
        raise CannotSendError("an argument holds characters that no text may have") from None
    headers["Accept"] = plan.route.accept
    if content is not None:
        headers["Content-Type"] = content_type
    replaced = {name.lower() for name in credentials.headers}
    headers = {name: text for name, text in headers.items() if name.lower() not in replaced}
    headers.update(credentials.headers)
    cookies += credentials.cookies
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    query += credentials.query
    url = base.rstrip("/") + path + (f"?{'&'.join(query)}" if query else "")
    return WebRequest(plan.api.method.upper(), url, headers, content)


def _path(plan: CallPlan, given: Mapping[str, tuple[Placement, JsonValue]]) -> str:
    """The path with its parameters; none of them makes it another path."""

    def fill(match: re.Match[str]) -> str:
        found = given.get(match[1])
        if found is None:
            raise CannotSendError(f"{match[1]} is missing")
        return path_text(*found)

    segments = []
    for segment in plan.route.path.split("/"):
        filled = _IN_BRACES.sub(fill, segment)
        if filled in _SLASHED and filled != segment:
            raise CannotSendError(f"{segment.strip('{}')} must not be {filled!r}")
        segments.append(filled)
    return "/".join(segments)


def _body(plan: CallPlan, given: list[tuple[Placement, JsonValue]]) -> tuple[str, bytes | None]:
    """The body's media type and bytes."""
    body = plan.route.body
    is_whole = any(placement.whole for placement in plan.placements.values())
    if body is None or (not given and (is_whole or not body.required)):
        return "", None
    whole = given[0][1] if is_whole else None
    media_type = body.content_type
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _multipart(_fields(whole) if is_whole else given)
    if kind == "application/x-www-form-urlencoded":
        fields = _fields(whole) if is_whole else given
        pairs = [pair for placement, value in fields for pair in query_pairs(placement, value)]
        return media_type, "&".join(pairs).encode("ascii")
    if kind.endswith("json"):
        value = whole if is_whole else {placement.name: item for placement, item in given}
        return media_type, render(value).encode()
    if kind.startswith("text/") and "charset" not in media_type.lower():
        media_type = f"{media_type}; charset=utf-8"
    return media_type, (plain(whole) if whole is not None else "").encode()


def _fields(whole: JsonValue) -> list[tuple[Placement, JsonValue]]:
    """The fields of a form that is given as one object."""
    if not isinstance(whole, dict):
        raise CannotSendError("the body must be an object")
    return [
        (
            Placement(
                place="body",
                name=name,
                style="form",
                explode=True,
                content_type="application/json" if isinstance(value, dict) else "",
            ),
            value,
        )
        for name, value in whole.items()
    ]


def _multipart(fields: list[tuple[Placement, JsonValue]]) -> tuple[str, bytes]:
    """A multipart body. Its boundary depends on the fields alone, so that equal calls are equal."""
    import httpx

    parts: list[tuple[str, tuple[str | None, bytes, str]]] = []
    for placement, value in fields:
        if value is None:
            continue
        if placement.content_type:
            is_text = isinstance(value, str) and "json" not in placement.content_type
            text = plain(value) if is_text else render(value)
            is_file = not placement.content_type.startswith(("application/json", "text/plain"))
            part = (placement.name if is_file else None, text.encode(), placement.content_type)
            parts.append((placement.name, part))
            continue
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                parts.append(
                    (placement.name, (None, plain(one).encode(), "text/plain; charset=utf-8"))
                )
    digest = hashlib.blake2b(render([[n, p[1].hex()] for n, p in parts]).encode(), digest_size=16)
    media_type = f"multipart/form-data; boundary={digest.hexdigest()}"
    if not parts:
        return media_type, f"--{digest.hexdigest()}--\r\n".encode()
    request = httpx.Request(
        "POST", "http://body.invalid/", files=parts, headers={"Content-Type": media_type}
    )
    return media_type, request.read()
