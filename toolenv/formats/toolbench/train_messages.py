"""``train_messages`` of an answer file: growing prefixes of the conversation, one per message.

Each prefix ends with the assistant message to learn. Two dialects of calls: ``function_call`` with
the role ``function`` (ToolBench), and ``tool_calls`` (possibly null) with the role ``tool``
(StableToolBench since June 2024). A user message with ``"valid": false`` was shown for one decision
alone; of these a prefix keeps only the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.apis import FINISH
from toolenv.episodes import Status, Step
from toolenv.formats.fields import json_list, json_object
from toolenv.formats.toolbench.answer_nodes import Turn
from toolenv.jsontext import JsonValue

__all__ = ["CallDialect", "TrainMessages", "read_train_messages", "write_train_messages"]

CallDialect: TypeAlias = Literal["function_call", "tool_calls"]
"""How assistant messages hold their calls."""

UNKNOWN_FUNCTION: Final = "invalid_hallucination_function_name"
"""What ToolBench calls a function that does not exist, in messages (the tree keeps the name)."""


class TrainMessages(NamedTuple):
    """What ``train_messages`` tell beside the tree.

    Args:
        system: The system message.
        user: The first user message.
        turns: The assistant messages, in order.
        dialect: How they hold their calls.
    """

    system: str = ""
    user: str = ""
    turns: tuple[Turn, ...] = ()
    dialect: CallDialect = "function_call"


def read_train_messages(value: JsonValue, where: str) -> TrainMessages:
    """Read the prefixes; missing or empty ones tell nothing.

    Raises:
        FormatError: They are not lists of messages.
    """
    if not value:
        return TrainMessages()
    prefixes = [
        [
            json_object(message, f"{where}[{number}][{place}]")
            for place, message in enumerate(json_list(prefix, f"{where}[{number}]"))
        ]
        for number, prefix in enumerate(json_list(value, where))
    ]
    longest = prefixes[-1]
    targets = [message for message in longest if message.get("role") == "assistant"]
    diversity = [_diversity(prefix) for prefix in prefixes]
    if len(targets) != len(prefixes):  # written by something else: no telling which is whose
        diversity = [""] * len(targets)
    wraps = any("tool_calls" in message or message.get("role") == "tool" for message in longest)
    return TrainMessages(
        next((_text(m) for m in longest if m.get("role") == "system"), ""),
        next((_text(m) for m in longest if m.get("role") == "user"), ""),
        tuple(_turn(message, shown) for message, shown in zip(targets, diversity, strict=True)),
        "tool_calls" if wraps else "function_call",
    )


def _diversity(prefix: Sequence[Mapping[str, JsonValue]]) -> str:
    """The message before the last, if it was shown for this decision alone."""
    if len(prefix) < 2 or prefix[-2].get("role") != "user" or prefix[-2].get("valid") is not False:
        return ""
    return _text(prefix[-2])


def _text(message: Mapping[str, JsonValue]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _turn(message: Mapping[str, JsonValue], diversity: str) -> Turn:
    written = message.get("tool_calls")
    if not isinstance(written, list):
        written = [{"function": message["function_call"]}] if message.get("function_call") else []
    calls: list[tuple[str, str, str]] = []
    for item in written:
        function = item.get("function") if isinstance(item, dict) else None
        if isinstance(item, dict) and isinstance(function, dict):
            name, arguments, identifier = (
                function.get("name"),
                function.get("arguments"),
                item.get("id"),
            )
            calls.append((str(name or ""), str(arguments or ""), str(identifier or "")))
    return Turn(_text(message), tuple(calls), diversity)


def write_train_messages(
    path: Sequence[Step], *, system: str, user: str, dialect: CallDialect
) -> list[JsonValue]:
    """Write the prefixes of a path.

    Args:
        path: The path's steps, first to last.
        system: The system message.
        user: The first user message.
        dialect: How messages hold their calls.
    """
    start: list[JsonValue] = [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
    ]
    prefixes: list[JsonValue] = []
    for number in range(len(path)):
        prefix = [*start]
        shown = [step.message.diversity for step in path[: number + 1]]
        last = max((place for place, text in enumerate(shown) if text), default=-1)
        for place, step in enumerate(path[: number + 1]):
            if place == last:
                prefix.append({"role": "user", "content": shown[place], "valid": False})
            prefix.append(_assistant(step, place, dialect))
            if place < number:
                prefix.extend(_results(step, place, dialect))
        prefixes.append(prefix)
    return prefixes


def _name(step: Step, number: int) -> str:
    unknown = step.responses[number].status is Status.NO_SUCH_FUNCTION
    name = step.message.calls[number].name
    return UNKNOWN_FUNCTION if unknown and name != FINISH else name


def _id(step: Step, number: int, place: int) -> str:
    return step.message.calls[number].id or f"call_{place}_{number}"


def _assistant(step: Step, place: int, dialect: CallDialect) -> dict[str, JsonValue]:
    message: dict[str, JsonValue] = {"role": "assistant", "content": step.message.content or None}
    functions: list[JsonValue] = [
        {"name": _name(step, number), "arguments": written.arguments}
        for number, written in enumerate(step.message.calls)
    ]
    if dialect == "tool_calls":
        wrapped: list[JsonValue] = [
            {"id": _id(step, number, place), "type": "function", "function": function}
            for number, function in enumerate(functions)
        ]
        message["tool_calls"] = wrapped or None
    elif functions:
        message["function_call"] = functions[0]
    return message


def _results(step: Step, place: int, dialect: CallDialect) -> list[JsonValue]:
    results: list[JsonValue] = []
    for number, response in enumerate(step.responses):
        result: dict[str, JsonValue] = {
            "role": "tool" if dialect == "tool_calls" else "function",
            "name": _name(step, number),
            "content": response.text,
        }
        if dialect == "tool_calls":
            result["tool_call_id"] = _id(step, number, place)
        results.append(result)
    return results
