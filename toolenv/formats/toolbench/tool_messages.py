"""Tool messages of converted answers: what a call was and what came back, as far as it is legible.

A message is an object ``{name, arguments, response}`` (StableToolBench) or the Python repr of that
object (ToolBench), which ToolBench's published files cut at 100 characters. A cut message is read
as far as it goes, and what is gone is not guessed.
"""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple

from toolenv.episodes import Completeness
from toolenv.jsontext import JsonValue, render

__all__ = ["CUT_LENGTH", "ToolMessage", "read_tool_message"]

CUT_LENGTH: Final = 100
"""Where ToolBench's published converted answers cut messages."""

_LITERAL: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_LEGIBLE: Final = re.compile(
    r"\{'name': (?P<name>" + _LITERAL + r")"
    r"(?:, 'arguments': (?P<arguments>" + _LITERAL + r")"
    r"(?:, 'response': (?P<response>['\"].*))?)?",
    re.DOTALL,
)


class ToolMessage(NamedTuple):
    """One call and its response.

    Args:
        name: The function's name; empty where it is not legible.
        arguments: The arguments' text; None where it is not legible whole.
        response: The response's text as far as it is legible.
        completeness: ``whole``; ``truncated`` where the response begins and is cut;
            ``unparsable`` where not even its beginning is there.
        written: The form it was read from: ``dict`` or ``repr``.
    """

    name: str
    arguments: str | None
    response: str
    completeness: Completeness
    written: str


def read_tool_message(value: JsonValue) -> ToolMessage:
    """Read a tool message; never fails, says what is missing instead.

    Example:
        >>> read_tool_message("{'name': 'f', 'arguments': '{}', 'response': 'ab").completeness
        'truncated'
    """
    if isinstance(value, dict):
        return _whole(value, "dict")
    if not isinstance(value, str):
        return ToolMessage("", None, "", "unparsable", "repr")
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        literal = None
    if isinstance(literal, dict):
        return _whole(literal, "repr")
    legible = _LEGIBLE.match(value)
    if legible is None:
        return ToolMessage("", None, "", "unparsable", "repr")
    name, arguments = _text(legible["name"]), legible["arguments"]
    response = legible["response"]
    return ToolMessage(
        name,
        None if arguments is None else _text(arguments),
        "" if response is None else _cut_text(response),
        "unparsable" if response is None else "truncated",
        "repr",
    )


def _whole(found: dict[str, JsonValue], written: str) -> ToolMessage:
    name, arguments, response = (found.get(key) for key in ("name", "arguments", "response"))
    if not isinstance(name, str):
        return ToolMessage("", None, "", "unparsable", written)
    return ToolMessage(
        name,
        arguments if isinstance(arguments, str) else _rendered(arguments),
        response if isinstance(response, str) else _rendered(response),
        "whole",
        written,
    )


def _rendered(value: object) -> str:
    try:
        return "" if value is None else render(value)
    except TypeError:
        return repr(value)


def _text(literal: str) -> str:
    """The text of a whole string literal."""
    try:
        return str(ast.literal_eval(literal))
    except (ValueError, SyntaxError):
        return literal[1:-1]


def _cut_text(literal: str) -> str:
    """The text of a string literal whose end is missing; a cut escape is dropped."""
    quote, text = literal[0], literal[1:]
    for gone in range(min(len(text), 10) + 1):
        kept = text[: len(text) - gone]
        try:
            return str(ast.literal_eval(quote + kept + quote))
        except (ValueError, SyntaxError):
            continue
    return text
