"""The journal's records: steps and endings as JSON objects, and back without a difference.

A member that is left out has its default: for an observation the text of the step's only response,
for a call's ``text`` and ``id`` those of the message's call at the same place, elsewhere what the
type says. Two things JSON cannot say: a reward that is no number is read back as NaN, and two
surrogates that make up one character are read back as that character.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from toolenv.apis import Identity
from toolenv.episodes import (
    ROOT,
    Call,
    Cost,
    Episode,
    FunctionCall,
    Message,
    Outcome,
    Response,
    Status,
    Step,
    Usage,
)

__all__ = [
    "Ending",
    "EpisodeKey",
    "ending_record",
    "episode_record",
    "read_ending",
    "read_key",
    "read_step",
    "step_record",
    "without_deep_arguments",
]

_NO_USAGE = Usage()
_MAX_DEPTH = 150


class EpisodeKey(NamedTuple):
    """What names an episode in a run; results are sorted by it."""

    task: str
    agent: str
    policy: str
    seed: int

    @classmethod
    def of(cls, episode: Episode) -> EpisodeKey:
        """The key of an episode."""
        return cls(episode.task.id, episode.agent, episode.policy, episode.seed)


class Ending(NamedTuple):
    """What is known of an episode once it has ended.

    Args:
        steps: How many steps it has.
        chosen: The number of the step that ends the chosen branch, as taken; ``ROOT`` for none.
        ended: Why the attempt stopped.
        outcome: How it went.
        reward: The chosen branch's reward.
        cost: What it consumed.
        fingerprints: What the result depends on.
    """

    steps: int
    chosen: int = ROOT
    ended: str = ""
    outcome: Outcome = "unsure"
    reward: float = 0.0
    cost: Cost = Cost()
    fingerprints: Mapping[str, str] = {}


def episode_record(number: int, key: EpisodeKey, attempt: int) -> dict[str, object]:
    """The record that begins an attempt."""
    return {
        "record": "episode",
        "episode": number,
        "task": key.task,
        "agent": key.agent,
        "policy": key.policy,
        "seed": key.seed,
        "attempt": attempt,
    }


def read_key(record: Mapping[str, Any]) -> EpisodeKey:
    """The key in the record that begins an attempt."""
    return EpisodeKey(record["task"], record["agent"], record["policy"], record["seed"])


def step_record(episode: int, number: int, step: Step) -> dict[str, object]:
    """The record of one step.

    Args:
        episode: The attempt's number in the journal.
        number: The step's number in the attempt, as taken.
        step: The step.
    """
    parent, rank, message, calls, responses, observation, reward, ended = step
    record: dict[str, object] = {
        "record": "step",
        "episode": episode,
        "step": number,
        "parent": parent,
        "rank": rank,
        "message": _message_record(message),
        "calls": [
            _call_record(call, message.calls[place] if place < len(message.calls) else None)
            for place, call in enumerate(calls)
        ],
        "responses": [_response_record(response) for response in responses],
    }
    if len(responses) != 1 or observation != responses[0].text:
        record["observation"] = observation
    record["reward"] = reward
    record["ended"] = ended
    return record


def _message_record(message: Message) -> dict[str, object]:
    content, calls, reasoning, diversity, usage, repaired = message
    record: dict[str, object] = {
        "content": content,
        "calls": [{"name": name, "arguments": text, "id": id_} for name, text, id_ in calls],
    }
    if reasoning:
        record["reasoning"] = reasoning
    if diversity:
        record["diversity"] = diversity
    if usage != _NO_USAGE:
        record["usage"] = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
        }
    if repaired:
        record["repaired"] = repaired
    return record


def _call_record(call: Call, written: FunctionCall | None) -> dict[str, object]:
    function, arguments, api, text, invalid, id_ = call
    record: dict[str, object] = {"function": function, "arguments": arguments}
    if api is not None:
        record["api"] = {
            "function": api.function,
            "category": api.category,
            "tool": api.tool,
            "api": api.api,
        }
    if written is None or text != written.arguments:
        record["text"] = text
    if written is None or id_ != written.id:
        record["id"] = id_
    if invalid:
        record["invalid"] = invalid
    return record


def _response_record(response: Response) -> dict[str, object]:
    text, status, source, origin, completeness, recording, ordinal = response
    record: dict[str, object] = {
        "text": text,
        "status": int(status),
        "source": source,
        "origin": origin,
    }
    if completeness != "whole":
        record["completeness"] = completeness
    if recording:
        record["recording"] = recording
    if ordinal:
        record["ordinal"] = ordinal
    return record


def without_deep_arguments(record: dict[str, object]) -> dict[str, object]:
    """A step's record without the arguments that are nested too deeply for JSON readers.

    Their text stays, and ``read_step`` reads the arguments from it again.
    """
    for call in cast("list[dict[str, object]]", record["calls"]):
        if _nested_deeper(call["arguments"], _MAX_DEPTH):
            call["arguments"] = None
            call["arguments_in"] = "text"
    return record


def _nested_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True


def read_step(record: Mapping[str, Any]) -> Step:
    """The step in a record.

    Raises:
        KeyError, TypeError, IndexError: The record is no step's.
    """
    message = _read_message(record["message"])
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
        _read_reward(record["reward"]),
        record["ended"],
    )


def _read_message(record: Mapping[str, Any]) -> Message:
    usage = record.get("usage")
    return Message(
        record["content"],
        tuple([FunctionCall(c["name"], c["arguments"], c["id"]) for c in record["calls"]]),
        record.get("reasoning", ""),
        record.get("diversity", ""),
        _NO_USAGE if usage is None else Usage(usage["input_tokens"], usage["output_tokens"]),
        record.get("repaired", ""),
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


def _read_reward(value: float | None) -> float:
    return float("nan") if value is None else value


def ending_record(number: int, ending: Ending) -> dict[str, object]:
    """The record that finishes an attempt."""
    return {
        "record": "end",
        "episode": number,
        "steps": ending.steps,
        "chosen": ending.chosen,
        "ended": ending.ended,
        "outcome": ending.outcome,
        "reward": ending.reward,
        "cost": ending.cost._asdict(),
        "fingerprints": dict(sorted(ending.fingerprints.items())),
    }


def read_ending(record: Mapping[str, Any]) -> Ending:
    """The ending in a record.

    Raises:
        KeyError, TypeError: The record is no ending's.
    """
    return Ending(
        record["steps"],
        record["chosen"],
        record["ended"],
        record["outcome"],
        _read_reward(record["reward"]),
        Cost(**record["cost"]),
        record["fingerprints"],
    )
