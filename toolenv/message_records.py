"""Assistant messages as JSON objects, and back without a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolenv.episodes import FunctionCall, Message, Tokens, Usage

__all__ = ["message_record", "read_message"]

_NO_USAGE = Usage()


def message_record(message: Message) -> dict[str, object]:
    """The record of a message; members that have their default are left out."""
    content, calls, reasoning, diversity, usage, repaired, tokens = message
    call_records: list[object] = []
    for name, text, id_ in calls:  # once a step: a comprehension would cost as much again
        call_records.append({"name": name, "arguments": text, "id": id_})
    record: dict[str, object] = {"content": content, "calls": call_records}
    if reasoning:
        record["reasoning"] = reasoning
    if diversity:
        record["diversity"] = diversity
    if usage != _NO_USAGE:
        input_tokens, output_tokens = usage
        record["usage"] = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    if repaired:
        record["repaired"] = repaired
    if tokens is not None:
        given = zip(Tokens._fields, tokens, strict=True)
        record["tokens"] = {name: list(values) for name, values in given if values}
    return record


def read_message(record: Mapping[str, Any]) -> Message:
    """The message in a record.

    Raises:
        KeyError, TypeError: The record is no message's.
    """
    usage = record.get("usage")
    tokens = record.get("tokens")
    return Message(
        record["content"],
        tuple([FunctionCall(c["name"], c["arguments"], c["id"]) for c in record["calls"]]),
        record.get("reasoning", ""),
        record.get("diversity", ""),
        _NO_USAGE if usage is None else Usage(usage["input_tokens"], usage["output_tokens"]),
        record.get("repaired", ""),
        None
        if tokens is None
        else Tokens(*(tuple(tokens.get(name, ())) for name in Tokens._fields)),
    )
