"""Replies: a response as the JSON object ``{"error": …, "response": …}`` that clients expect.

A recorded text that is such an object is sent byte for byte as it was recorded.
"""

from __future__ import annotations

import json
import re
from typing import Final

import orjson

from toolenv.episodes import Response
from toolenv.jsontext import JsonValue, parse, render

__all__ = ["PARSE_ERROR", "error_reply", "reply_of"]

PARSE_ERROR: Final = "Tool input parse error...\n"
"""What StableToolBench's server says of arguments that are not JSON."""

_ERROR_FIRST: Final = re.compile(r'\s*\{\s*"error"\s*:\s*(?=")')


def reply_of(response: Response) -> bytes:
    r"""The body of a reply.

    - The text of an envelope, an object with ``error`` and ``response``, is sent as it is.
    - Another JSON value becomes ``response``, its text as it is; an object of ``error`` alone or
      ``response`` alone is filled up.
    - Text that is no JSON, and text that was cut, becomes ``response`` as text. The error that a
      cut envelope begins with is stated too.

    Example:
        >>> reply_of(Response('{"error": "", "response": [1, 2]}'))
        b'{"error": "", "response": [1, 2]}'
        >>> reply_of(Response('{"error": "", "resp…', completeness="truncated"))
        b'{"error":"","response":"{\\"error\\": \\"\\", \\"resp\xe2\x80\xa6"}'
    """
    if response.completeness != "whole":
        return error_reply(_cut_error(response.text), response.text)
    try:
        raw = response.text.encode()
        value = orjson.loads(raw)
    except ValueError:
        return _unusual(response.text)
    if type(value) is dict:
        if "error" in value and "response" in value:
            return raw
        filled = _filled(value)
        if filled is not None:
            return filled
    return b'{"error":"","response":%b}' % raw


def error_reply(error: str, response: JsonValue = "") -> bytes:
    """The body of a reply that the server writes itself."""
    return render({"error": error, "response": response}).encode()


def _filled(value: dict[str, JsonValue]) -> bytes | None:
    """An envelope of which half is missing, filled up; None for another object."""
    if len(value) == 1:
        ((key, half),) = value.items()
        if key == "error" and isinstance(half, str):
            return error_reply(half)
        if key == "response":
            return error_reply("", half)
    return None


def _unusual(text: str) -> bytes:
    """What only the lenient reader takes for JSON, written so that everyone does; else text."""
    try:
        value = parse(text)
    except ValueError:
        return error_reply("", text)
    if isinstance(value, dict):
        if "error" in value and "response" in value:
            return render(value).encode()
        filled = _filled(value)
        if filled is not None:
            return filled
    return error_reply("", value)


def _cut_error(text: str) -> str:
    """The error that a cut envelope begins with; empty where it states none."""
    begun = _ERROR_FIRST.match(text)
    if begun is None:
        return ""
    try:
        error, _ = json.JSONDecoder().raw_decode(text, begun.end())
    except ValueError:
        return ""
    return error if isinstance(error, str) else ""
