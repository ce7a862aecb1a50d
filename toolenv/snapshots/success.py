"""Whether a recorded response is a success: told by its status and its structure.

Many bodies whose envelope states no error are errors, and ToolBench's status 11 (``"Message
error..."``) is given to every body that contains the letters "error", be it in the plot of a film.
So neither is taken at its word. In this order:

1. Status: a miss and a failure of the simulator say nothing of the API (unknown). Any other status
   but success is an error, except ToolBench's 11 with its own words, which the body decides.
2. The envelope's ``error``: anything but an empty one is an error, with the same exception.
3. The body. One that is text is read as JSON or as a Python literal where it is one; where it was
   cut, what stands before the cut is read. Then
   - HTML (``<!doctype html``, ``<html``) is an error,
   - an object is an error if its ``success``, ``succeeded`` or ``ok`` is false; if its ``status``,
     ``statusCode``, ``status_code`` or ``httpStatus`` is 400 to 599, or ``code`` is, beside a
     message; if its status is ``error``, ``fail``, ``failed`` or ``failure``; if it has an
     ``error`` or ``errors`` that is not empty; or if it holds nothing but words (``message``,
     ``msg``, ``detail``, …) and does not claim success,
   - a list is an error if all that it holds are,
   - any other object, list, number or boolean is a success,
   - null, empty text, an empty object or list, and prose say nothing (unknown).
4. ToolBench's status 11 over a body that says nothing is an error.

Prose is never searched for words such as "error".
"""

from __future__ import annotations

import ast
import re
from typing import Final, Literal, TypeAlias

from toolenv.episodes import Status
from toolenv.jsontext import JsonValue, parse

__all__ = ["Success", "classify", "structure_of"]

Success: TypeAlias = Literal["success", "error", "unknown"]
"""What a recorded response is, as far as its status and structure tell."""

_SAY_NOTHING: Final = frozenset({Status.MISS, Status.SIMULATOR_FAILED})
_FOUND_LETTERS: Final = "Message error..."
_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE
)
_FLAGS: Final = ("success", "succeeded", "ok")
_CODES: Final = ("status", "statuscode", "status_code", "httpstatus")
_FAILED: Final = frozenset({"error", "fail", "failed", "failure"})
_FINE: Final = frozenset({"ok", "success", "succeeded", "200"})
_WORDS: Final = frozenset({"message", "messages", "msg", "detail", "details", "error_description"})
_BESIDE: Final = frozenset(
    {
        "error",
        "errors",
        "code",
        "type",
        "title",
        "timestamp",
        "path",
        "request_id",
        "requestid",
        "documentation_url",
        "info",
        *_CODES,
        *_FLAGS,
    }
)
_DEEPEST: Final = 3
_LONGEST_LITERAL: Final = 1 << 20
_LONGEST_CUT: Final = 1 << 16


def classify(status: Status, text: str) -> Success:
    r"""Tell whether a response is a success, an error, or neither can be told.

    Args:
        status: The response's status.
        text: The response's text.

    Example:
        >>> classify(Status.OK, '{"error":"","response":{"message":"Endpoint does not exist"}}')
        'error'
        >>> classify(Status.OK, '{"error":"","response":{"results":[]}}')
        'success'
        >>> classify(Status.OK, '{"error":"","response":"Not an error, just words"}')
        'unknown'
    """
    if status in _SAY_NOTHING:
        return "unknown"
    if status not in (Status.OK, Status.ANSWERED, Status.API_ERROR):
        return "error"
    value = structure_of(text)
    error: JsonValue = None
    if isinstance(value, dict) and "error" in value and set(value) <= {"error", "response"}:
        error, value = value["error"], value.get("response")
    if error == _FOUND_LETTERS:
        told = _of_body(value, 0)
        return "error" if told == "unknown" else told
    if status == Status.API_ERROR or _says(error):
        return "error"
    return _of_body(value, 0)


def _of_body(value: JsonValue, depth: int) -> Success:
    if isinstance(value, str):
        if _HTML.match(value):
            return "error"
        read = structure_of(value) if value.strip()[:1] in ("{", "[", '"', "'") else None
        if read is None or read == value or depth >= _DEEPEST:
            return "unknown"
        return _of_body(read, depth + 1)
    if isinstance(value, dict):
        return _of_object(value) if value else "unknown"
    if isinstance(value, list):
        if not value:
            return "unknown"
        objects = [item for item in value if isinstance(item, dict)]
        all_errors = len(objects) == len(value) and all(
            _of_object(item) == "error" for item in objects
        )
        return "error" if all_errors else "success"
    return "unknown" if value is None else "success"


def _of_object(value: dict[str, JsonValue]) -> Success:
    known = {key.lower(): item for key, item in value.items()}
    if any(known.get(flag) is False for flag in _FLAGS):
        return "error"
    words = any(_says(known.get(word)) for word in _WORDS)
    codes = [known.get(name) for name in (*_CODES, *(("code",) if words else ()))]
    if any(_is_error_code(code) for code in codes):
        return "error"
    status = known.get("status")
    if isinstance(status, str) and status.lower() in _FAILED:
        return "error"
    if _says(known.get("error")) or _says(known.get("errors")):
        return "error"
    fine = any(known.get(flag) is True for flag in _FLAGS) or str(status).lower() in _FINE
    if words and not fine and set(known) <= _WORDS | _BESIDE:
        texts = [item for key, item in known.items() if key in _WORDS and _says(item)]
        if all(isinstance(text, str) for text in texts):
            return "error"
    return "success"


def _says(value: JsonValue) -> bool:
    """Whether a field that states an error or a message states one."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "none", "null", "false")
    return bool(value)


def _is_error_code(value: JsonValue) -> bool:
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[45][0-9]{2}", value) else 0
    return isinstance(value, int | float) and 400 <= value < 600


def structure_of(text: str) -> JsonValue:
    """What a text holds as JSON or as a Python literal, up to where it was cut; None for prose.

    Example:
        >>> structure_of("{'city': 'Paris', 'days': [1, 2")
        {'city': 'Paris', 'days': [1]}
    """
    for mend in (str, _closed):
        candidate = mend(text)
        if candidate is None:
            continue
        try:
            return parse(candidate)
        except ValueError:
            pass
        if len(candidate) > _LONGEST_LITERAL:
            continue
        try:
            value: JsonValue = ast.literal_eval(candidate.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict | list | str) and _is_json(value, 0):
            return value
    return None


def _is_json(value: object, depth: int) -> bool:
    if depth > 100:
        return False
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v, depth + 1) for k, v in value.items())
    if isinstance(value, list):
        return all(_is_json(item, depth + 1) for item in value)
    return value is None or isinstance(value, str | int | float)


def _closed(text: str) -> str | None:
    """A text that was cut, ended so that it can be read; None where nothing is open.

    An open string is ended where it was cut; an open object is ended after its last whole member.
    """
    text = text[:_LONGEST_CUT].removesuffix("...")
    stack: list[str] = []
    quote, escaped, is_value, whole = "", False, False, ""
    at_comma: tuple[int, str] | None = None
    for place, character in enumerate(text):
        if quote:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in "{[":
            stack.append("}" if character == "{" else "]")
            is_value = False
            at_comma = (place + 1, "".join(reversed(stack)))
        elif character in "}]":
            if not stack:
                return None
            stack.pop()
            at_comma = (place + 1, "".join(reversed(stack)))
        elif character == ",":
            is_value = False
            at_comma = (place, "".join(reversed(stack)))
        elif character == ":":
            is_value = True
    if not stack and not quote:
        return None
    if quote and (is_value or not stack or stack[-1] == "]"):
        end = re.sub(r"\\(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)?$", "", text)
        whole = f"{end}{quote}{''.join(reversed(stack))}"
        return whole
    return f"{text[: at_comma[0]]}{at_comma[1]}" if at_comma else None
