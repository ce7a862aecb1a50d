"""Steps as JSON objects for the journal, and back without a difference.

A member that is left out has its default: for an observation the text of the step's only response,
for a call's ``text`` and ``id`` those of the message's call at the same place, elsewhere what the
type says. Two things JSON cannot say: a reward that is no number is read back as NaN, and two
surrogates that make up one character are read back as that character.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from toolenv.apis import Identity
from toolenv.episodes import Call, FunctionCall, Response, Status, Step
from toolenv.jsontext import nested_deeper, render
from toolenv.message_records import message_record, read_message

__all__ = ["json_line", "read_reward", "read_step", "step_line", "step_record"]

_MAX_DEPTH = 150


def step_line(episode: int, number: int, step: Step) -> bytes:
    """The record of one step as a line of JSON; the arguments are those of ``step_record``."""
    try:
        return json_line(step_record(episode, number, step))
    except TypeError:
        return json_line(_without_deep_arguments(step_record(episode, number, step)))


def json_line(record: dict[str, object]) -> bytes:
    """A record as a line of JSON.

    Raises:
        TypeError: It has no JSON form.
    """
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # integers over 64 bits, lone surrogates, deep nesting
        return f"{render(record)}\n".encode()


def step_record(episode: int, number: int, step: Step) -> dict[str, object]:
    """The record of one step.

    Args:
        episode: The attempt's number in the journal.
        number: The step's number in the attempt, as taken.
        step: The step.
    """
    parent, rank, message, calls, responses, observation, reward, ended, state = step
    record: dict[str, object] = {
        "record": "step",
        "episode": episode,
        "step": number,
        "parent": parent,
        "rank": rank,
        "message": message_record(message),
        "calls": _call_records(calls, message.calls),
        "responses": _response_records(responses),
    }
    if len(responses) != 1 or observation != responses[0].text:
        record["observation"] = observation
    record["reward"] = reward
    record["ended"] = ended
    if state is not None:
        record["state"] = state
    return record


def _call_records(
    calls: Sequence[Call], written: Sequence[FunctionCall]
) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for function, arguments, api, text, invalid, id_ in calls:
        record: dict[str, object] = {"function": function, "arguments": arguments}
        if api is not None:
            name, category, tool, endpoint = api
            record["api"] = {"function": name, "category": category, "tool": tool, "api": endpoint}
        place = len(records)
        _, as_written, id_as_written = written[place] if place < len(written) else _NO
        if text != as_written:
            record["text"] = text
        if id_ != id_as_written:
            record["id"] = id_
        if invalid:
            record["invalid"] = invalid
        records.append(record)
    return records


_NO = (None, None, None)


def _response_records(responses: Sequence[Response]) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for text, status, source, origin, completeness, recording, ordinal in responses:
        record: dict[str, object] = {
            "text": text,
            "status": status,
            "source": source,
            "origin": origin,
        }
        if completeness != "whole":
            record["completeness"] = completeness
        if recording:
            record["recording"] = recording
        if ordinal:
            record["ordinal"] = ordinal
        records.append(record)
    return records


def _without_deep_arguments(record: dict[str, object]) -> dict[str, object]:
    """A step's record without the arguments that are nested too deeply for JSON readers.

    Their text stays, and ``read_step`` reads the arguments from it again.
    """
    for call in cast("list[dict[str, object]]", record["calls"]):
        if nested_deeper(call["arguments"], _MAX_DEPTH):
            call["arguments"] = None
            call["arguments_in"] = "text"
    return record


def read_step(record: Mapping[str, Any]) -> Step:
    """The step in a record.

    Raises:
        KeyError, TypeError, IndexError: The record is no step's.
    """
    message = read_message(record["message"])
    responses = tuple([_read_response(response) for response in record["responses"]])
    observation = record.get("observation")
    return Step(
        record["parent"],
        record["rank"],
        message,
        tuple(
            [_read_call(call, message.calls, place) for place, call in enumerate(record["calls"])]
        ),
        responses,
        responses[0].text if observation is None else observation,
        read_reward(record["reward"]),
        record["ended"],
        record.get("state"),
    )


def _read_call(record: Mapping[str, Any], written: Sequence[FunctionCall], place: int) -> Call:
    api = record.get("api")
    text = record["text"] if "text" in record else written[place].arguments
    arguments = record["arguments"]
    if "arguments_in" in record:
        try:
            arguments = json.loads(text, strict=False)
        except RecursionError:
            arguments = None
    return Call(
        record["function"],
        arguments,
        None
        if api is None
        else Identity(api["function"], api["category"], api["tool"], api["api"]),
        text,
        record.get("invalid", ""),
        record["id"] if "id" in record else written[place].id,
    )


def _read_response(record: Mapping[str, Any]) -> Response:
    code = record["status"]
    return Response(
        record["text"],
        _STATUSES.get(code, code),  # a code of a later version stays what it is
        record["source"],
        record["origin"],
        record.get("completeness", "whole"),
        record.get("recording", ""),
        record.get("ordinal", 0),
    )


_STATUSES = {int(status): status for status in Status}


def read_reward(value: float | None) -> float:
    """A reward as recorded: what JSON has no number for is NaN."""
    return float("nan") if value is None else value
