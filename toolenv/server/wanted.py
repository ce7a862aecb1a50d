"""Requests as ToolBench's and StableToolBench's clients write them.

``POST /rapidapi`` and ``POST /virtual`` take one JSON object: ``category``, ``tool_name``,
``api_name``, ``tool_input`` (JSON text or an object), ``strip`` and ``toolbench_key``. Their
servers ask for all six; here only ``api_name`` is needed. ``strip`` says how to shorten a response,
which StableToolBench's server ignores, and so does this one: nothing is shortened.
"""

from __future__ import annotations

from typing import NamedTuple

from toolenv.actions import read_arguments
from toolenv.jsontext import JsonValue, parse, render

__all__ = ["Refusal", "WantedCall", "read_request"]


class Refusal(Exception):
    """A request that is refused, with its HTTP status and what the client is told."""

    def __init__(self, http: int, message: str) -> None:
        super().__init__(message)
        self.http = http
        self.message = message


class WantedCall(NamedTuple):
    """The call that a request asks for.

    Args:
        category: As the client spells it; empty where it does not say.
        tool: The tool's name, likewise.
        api: The API's name; a function's whole name where no tool is named.
        arguments: The arguments; None where they are no JSON object.
        text: The arguments as text.
        problem: What is wrong with the text; empty where it is a JSON object.
        key: What the client gave as its ToolBench key.
    """

    category: str
    tool: str
    api: str
    arguments: dict[str, JsonValue] | None
    text: str
    problem: str = ""
    key: str = ""


def read_request(body: bytes) -> WantedCall:
    """Read a request's body.

    Raises:
        Refusal: It is not JSON (400), or not an object with an ``api_name`` (422).

    Example:
        >>> read_request(b'{"tool_name": "t", "api_name": "a", "tool_input": ""}').arguments
        {}
    """
    try:
        fields = parse(body)
    except ValueError:
        raise Refusal(400, "The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise Refusal(422, "The body is not a JSON object.")
    category, tool, api = fields.get("category"), fields.get("tool_name"), fields.get("api_name")
    if type(category) is not str:
        category = _no_text("category", category)
    if type(tool) is not str:
        tool = _no_text("tool_name", tool)
    if type(api) is not str:
        raise Refusal(422, "api_name: A text is required: the name of the API.")
    given, key = fields.get("tool_input"), fields.get("toolbench_key")
    if type(key) is not str:
        key = ""
    if type(given) is dict:
        return WantedCall(category, tool, api, given, render(given), "", key)
    if given is None:
        return WantedCall(category, tool, api, {}, "{}", "", key)
    text = given if isinstance(given, str) else render(given)
    arguments, problem = read_arguments(text)
    return WantedCall(category, tool, api, arguments, text, problem, key)


def _no_text(name: str, value: JsonValue) -> str:
    if value is None:
        return ""
    raise Refusal(422, f"{name}: It is not text.")
