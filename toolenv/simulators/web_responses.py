"""From an HTTP reply to a typed response: by the HTTP status and by structure, never by words.

========================  =====================================================================
HTTP                      Status
========================  =====================================================================
2xx                       ``OK``; ``API_ERROR`` for a page of HTML and for a binary body
400, 422                  ``BAD_INPUT``: the server says that the call was wrong
401, 403                  ``UNAUTHORISED``; a 403 whose ``message`` is the gateway's own sentence
                          for it is ``NOT_SUBSCRIBED``
404                       ``NOT_FOUND``
408                       ``TIMEOUT``
429                       ``TOO_MANY_REQUESTS``; ``RATE_LIMITED`` where a header of the
                          ``x-ratelimit-…-remaining`` kind says that nothing is left
other 4xx, 1xx, 3xx       ``API_ERROR``
5xx and anything else     ``SEND_ERROR``
========================  =====================================================================

A body is read as JSON where it is JSON, whatever its content type says, and is text otherwise. What
a 2xx body says of itself (``"success": false``) is left to whoever reads it
(``toolenv.snapshots.success``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from toolenv.episodes import Response, Status
from toolenv.jsontext import JsonValue, parse
from toolenv.simulators.web_messages import WebReply

__all__ = ["failure", "quota_is_spent", "response_of", "unsent"]

_STATUSES: Final = {
    400: Status.BAD_INPUT,
    401: Status.UNAUTHORISED,
    403: Status.UNAUTHORISED,
    404: Status.NOT_FOUND,
    408: Status.TIMEOUT,
    422: Status.BAD_INPUT,
    429: Status.TOO_MANY_REQUESTS,
}
_NOT_SUBSCRIBED: Final = "you are not subscribed to this api"
"""What RapidAPI's gateway says, as the ``message`` of an object, with HTTP 403."""

_REMAINING: Final = re.compile(r"(x-)?rate-?limit(-[a-z0-9-]+)?-remaining", re.IGNORECASE)
_BINARY: Final = re.compile(
    r"(image|audio|video|font)/(?!svg\+xml)|application/(pdf|zip|gzip|x-[a-z0-9.+-]*(zip|tar|rar|7z)"
    r"[a-z0-9.+-]*|octet-stream|wasm|msword|vnd\.(ms-|openxmlformats)[a-z0-9.+-]*)",
    re.IGNORECASE,
)
_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,1000}?-->\s*)?<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_TEXT_CODECS: Final = re.compile(
    r"utf[-_]?(8|16|32)([-_]?[bl]e)?|(us-)?ascii|iso[-_]?8859[-_]\d+|latin[-_]?\d+"
    r"|windows[-_]?\d+|cp\d+|koi8[-_][rtu]|big5|gb2312|gbk|gb18030|euc[-_](jp|kr)|shift[-_]?jis",
    re.IGNORECASE,
)
"""Character sets of texts: Python has codecs of other kinds, which decompress or run."""


def response_of(reply: WebReply) -> Response:
    """The response that a reply amounts to.

    Args:
        reply: The reply.

    Example:
        >>> response_of(WebReply(404, {}, b'{"message":"no such city"}')).text
        '{"error":"HTTP 404 Not Found","response":{"message":"no such city"}}'
    """
    kind = reply.headers.get("content-type", "")
    binary, body = _body(reply.content, kind)
    status = _status(reply, body)
    error = "" if status is Status.OK else _named(reply.status)
    if binary:
        error = "; ".join(filter(None, (error, binary)))
        status = Status.API_ERROR if status is Status.OK else status
    elif status is Status.OK and isinstance(body, str) and _HTML.match(body):
        error, status = "a page of HTML instead of data", Status.API_ERROR
    return Response.of(body, error=error, status=status, source="live", origin="live")


def failure(status: Status, error: str) -> Response:
    """The response that stands for a request without a reply that can be used."""
    return Response.of("", error=error, status=status, source="live", origin="live")


def unsent(why: str) -> Response:
    """The response that stands for a request that cannot be made of the arguments given."""
    return Response.of(
        "",
        error=f"Bad request: {why}",
        status=Status.BAD_INPUT,
        source="live",
        origin="environment",
    )


def quota_is_spent(headers: Mapping[str, str]) -> bool:
    """Whether the headers say that a quota has nothing left.

    Example:
        >>> quota_is_spent({"x-ratelimit-requests-remaining": "0"})
        True
    """
    return any(
        _REMAINING.fullmatch(name) and value.strip() in ("0", "0.0", "-1")
        for name, value in headers.items()
    )


def _status(reply: WebReply, body: JsonValue) -> Status:
    code = reply.status
    if 200 <= code < 300:
        return Status.OK
    if code == 429 and quota_is_spent(reply.headers):
        return Status.RATE_LIMITED
    if code == 403 and isinstance(body, dict):
        message = body.get("message")
        if isinstance(message, str) and message.strip(" .!").lower() == _NOT_SUBSCRIBED:
            return Status.NOT_SUBSCRIBED
    known = _STATUSES.get(code)
    if known is not None:
        return known
    return Status.API_ERROR if 100 <= code < 500 else Status.SEND_ERROR


def _named(code: int) -> str:
    try:
        return f"HTTP {code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"HTTP {code}"


def _body(content: bytes, kind: str) -> tuple[str, JsonValue]:
    """What a body is refused for, and what it says: JSON, or text."""
    media = kind.partition(";")[0].strip()
    is_json = media.lower().endswith("json")
    if is_json or content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        try:
            return "", parse(content.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            pass  # text in another character set, or no JSON after all
    text = _text(content, kind)
    if text is None or (_BINARY.match(media) and not _is_readable(content)):
        return f"binary response: {media or 'no content type'}, {len(content)} bytes", ""
    if is_json or text.lstrip()[:1] in ("{", "["):
        try:
            return "", parse(text)
        except ValueError:
            pass
    return "", text


def _text(content: bytes, kind: str) -> str | None:
    """A body as text, with replacement characters where it is none; None where it is binary."""
    named = _CHARSET.search(kind)
    charset = named[1] if named is not None and _TEXT_CODECS.fullmatch(named[1]) else "utf-8"
    if b"\0" in content and not charset.lower().startswith(("utf-16", "utf16", "utf-32", "utf32")):
        return None
    try:
        text = content.decode(charset, "replace")
    except (LookupError, UnicodeError):
        text = content.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def _is_readable(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content
