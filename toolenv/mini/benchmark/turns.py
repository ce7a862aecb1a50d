"""What scripted policies share: reading the calls of a conversation, and ending it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.jsontext import JsonValue, parse, render

__all__ = ["Messages", "PastCall", "finish", "named_here", "past_calls", "tried_functions"]

Messages: TypeAlias = Sequence[dict[str, JsonValue]]


class PastCall(NamedTuple):
    """A call on the path with its arguments' text, and the response's fields; none for an error."""

    function: str
    arguments: str
    fields: dict[str, JsonValue]


def past_calls(messages: Messages) -> list[PastCall]:
    """The calls of a conversation, in order."""
    found: list[PastCall] = []
    asked: dict[JsonValue, str] = {}
    for message in messages:
        for call in message.get("tool_calls") or ():  # type: ignore[union-attr]
            asked[call["id"]] = str(call["function"]["arguments"])  # type: ignore[index, call-overload]
        if message["role"] != "tool":
            continue
        read = parse(str(message["content"]))
        response = read.get("response") if isinstance(read, dict) else None
        fields = response if isinstance(response, dict) else {}
        arguments = asked.get(message["tool_call_id"], "")
        found.append(PastCall(str(message["name"]), arguments, fields))
    return found


def tried_functions(messages: Messages, functions: Iterable[str]) -> set[str]:
    """The functions that were called on the path, or at this point already.

    Args:
        messages: The conversation. A last user message that is not the instruction names what was
            tried at this point, as a search says it.
        functions: The names of the functions offered.
    """
    return {call.function for call in past_calls(messages)} | named_here(messages, functions)


def named_here(messages: Messages, functions: Iterable[str]) -> set[str]:
    """The functions that a last user message names, other than the instruction."""
    said = [str(message["content"]) for message in messages if message["role"] == "user"]
    here = said[-1] if len(said) > 1 and messages[-1]["role"] == "user" else ""
    return {function for function in functions if function in here}


def finish(answer: str | None) -> Message:
    """The message that ends the work, with an answer or, without one, by giving up."""
    given: dict[str, JsonValue] = {"return_type": "give_up_and_restart"}
    if answer is not None:
        given = {"return_type": "give_answer", "final_answer": answer}
    return Message(calls=(FunctionCall(FINISH, render(given)),))
