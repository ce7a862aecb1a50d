"""From what an MCP server answers to a typed response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from toolenv.episodes import Response, Status
from toolenv.jsontext import JsonValue, parse

__all__ = ["failure_data", "refusal", "response_of_error", "response_of_result"]

_MARK: Final = "toolenvStatus"
"""Under which a failure of the transport carries its status through the protocol's library."""

_STATUSES: Final = {
    -32602: Status.BAD_INPUT,  # invalid params
    -32601: Status.NOT_FOUND,  # method not found
    -32001: Status.TIMEOUT,  # request timeout
    -32000: Status.SEND_ERROR,  # connection closed
}
"""JSON-RPC's codes, and those that the protocol's client library gives; others: ``API_ERROR``."""


def response_of_result(result: Mapping[str, JsonValue]) -> Response:
    """The response that the result of ``tools/call`` amounts to.

    Structured content is the body where there is any. Otherwise one text is: as JSON where it is
    an object or a list, else as text; several parts are a list of them. What is not text is
    refused by its kind and size, never passed on.

    Args:
        result: ``content``, ``structuredContent`` and ``isError``, as the protocol names them.

    Example:
        >>> response_of_result({"content": [{"type": "text", "text": "12 degrees"}]}).text
        '{"error":"","response":"12 degrees"}'
        >>> response_of_result({"content": [], "structuredContent": {"degrees": 12}}).body
        {'degrees': 12}
    """
    content = result.get("content")
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    if result.get("isError") is True:
        texts = [str(part["text"]) for part in parts if isinstance(part.get("text"), str)]
        return refusal(Status.API_ERROR, "\n".join(texts) or "The tool failed without a reason.")
    structured = result.get("structuredContent")
    if structured is not None:
        return _success(structured)
    read = [_part(part) for part in parts]
    if parts and all(binary for _, binary in read):
        return refusal(Status.API_ERROR, "; ".join(binary for _, binary in read))
    bodies: list[JsonValue] = [binary or body for body, binary in read]
    return _success(bodies[0] if len(bodies) == 1 else bodies or "")


def response_of_error(code: int, message: str, data: object = None) -> Response:
    """The response that a JSON-RPC error amounts to.

    Args:
        code: Its code.
        message: Its message.
        data: Its data; says more where our own transport made the error.
    """
    marked = data.get(_MARK) if isinstance(data, dict) else None
    if isinstance(marked, int) and marked in {*Status}:
        status = Status(marked)
    else:
        status = _STATUSES.get(code, Status.API_ERROR)
    return refusal(status, message or f"JSON-RPC error {code}")


def failure_data(status: Status) -> dict[str, JsonValue]:
    """What a failure of the transport carries, for ``response_of_error``."""
    return {_MARK: int(status)}


def refusal(status: Status, error: str) -> Response:
    """A response that says what went wrong."""
    return Response.of("", error=error, status=status, source="live", origin="live")


def _success(body: JsonValue) -> Response:
    return Response.of(body, source="live", origin="live")


def _part(part: Mapping[str, JsonValue]) -> tuple[JsonValue, str]:
    """The body of a part of the content, and why it is refused; empty where it is not."""
    kind = part.get("type")
    if kind == "text":
        return _text(part.get("text")), ""
    if kind == "resource_link":
        kept = ("uri", "name", "title", "description", "mimeType")
        return {key: part[key] for key in kept if part.get(key) is not None}, ""
    resource = part.get("resource")
    if kind == "resource" and isinstance(resource, dict) and isinstance(resource.get("text"), str):
        return {"uri": resource.get("uri"), "text": resource["text"]}, ""
    held = resource if isinstance(resource, dict) else part
    media = held.get("mimeType")
    data = held.get("data", held.get("blob"))
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    named = media if isinstance(media, str) and media else str(kind)
    return None, f"binary content: {named[:100]}, about {size} bytes"


def _text(text: JsonValue) -> JsonValue:
    if isinstance(text, str) and text.lstrip()[:1] in ("{", "["):
        try:
            return parse(text)
        except ValueError:
            pass
    return text
