"""An attempt as a journal has it: encoded in one go at its end, and read back.

The text of a frame is JSON Lines: an ``episode`` line, a ``step`` line for each step in pre-order,
and an ``end`` line, which says what the attempt came to (``toolenv.running.results.Result``). All
lines of an attempt carry its number as ``episode``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic_core import from_json

from toolenv.episodes import ROOT, Episode, Step, number_in_preorder
from toolenv.errors import JournalError
from toolenv.running.framing import compress
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import Result, read_row, result_of, row_of
from toolenv.running.step_records import json_line, read_step, step_line
from toolenv.tasks import Task

__all__ = [
    "EncodedAttempt",
    "RecordedAttempt",
    "Summary",
    "check_parent",
    "encode_attempt",
    "episode_line",
    "read_attempt",
    "read_begin",
    "read_record",
    "read_summary",
]


class Summary(NamedTuple):
    """What is known of a finished attempt without its steps.

    Args:
        number: Its number in the journal.
        attempt: The how manieth attempt at its episode it was.
        result: What it came to; ``split`` is left to who knows the task.
    """

    number: int
    attempt: int
    result: Result


class EncodedAttempt(NamedTuple):
    """A finished attempt, ready to be appended to the journal.

    It is plain, so that a worker process can encode an attempt and send it to the one that writes.
    """

    frame: bytes
    summary: Summary


@dataclass(slots=True)
class RecordedAttempt:
    """An attempt as read.

    Args:
        number: Its number in the journal.
        key: Which episode it attempts.
        attempt: The how manieth attempt at that episode it is, from 1.
        steps: The steps: in pre-order, or as taken where it is unfinished.
        chosen: The number of the step that ends the chosen branch.
        result: What it came to; None while, or because, it is unfinished.
    """

    number: int
    key: EpisodeKey
    attempt: int
    steps: list[Step] = field(default_factory=list)
    chosen: int = ROOT
    result: Result | None = None

    def episode(self, task: Task) -> Episode:
        """The attempt as an episode, numbered in pre-order; an unfinished one as far as it got."""
        key, result = self.key, self.result
        if result is None:
            steps, _ = number_in_preorder(self.steps)
            return Episode(task, steps, ROOT, key.agent, key.policy, key.seed)
        return Episode(
            task,
            tuple(self.steps),
            self.chosen,
            key.agent,
            key.policy,
            key.seed,
            result.ended,
            result.outcome,
            result.reward,
            result.cost,
            result.fingerprints,
        )


def encode_attempt(attempt: Attempt, episode: Episode) -> EncodedAttempt:
    """Encode a finished attempt; may be done in another process than the journal's.

    Args:
        attempt: As ``Journal.allot`` gave it.
        episode: The attempt's result, numbered in pre-order, as agents return it.

    Raises:
        JournalError: The episode is not the attempt's, or is not numbered in pre-order.
    """
    steps, chosen = episode.steps, episode.chosen
    if EpisodeKey.of(episode) != attempt.key:
        raise JournalError(
            f"The episode that ends as {EpisodeKey.of(episode)} is not the one begun.",
            where=str(attempt.key),
            fix="End each attempt with its own episode.",
        )
    if not ROOT <= chosen < len(steps):
        raise JournalError(
            f"Step {chosen} is chosen, of {len(steps)} steps.",
            where=str(attempt.key),
            fix="Choose a step of the episode, or ROOT for none.",
        )
    number = attempt.number
    lines = [episode_line(attempt)]
    for place, step in enumerate(steps):
        if step.parent != place - 1:  # which most are
            check_parent(attempt, place, step)
        lines.append(step_line(number, place, step))
    result = result_of(episode)
    row = row_of(result)
    for known in _NOT_IN_THE_END:
        del row[known]
    lines.append(json_line({"record": "end", "episode": number, "chosen": chosen, **row}))
    return EncodedAttempt(compress(b"".join(lines)), Summary(number, attempt.attempt, result))


_NOT_IN_THE_END = ("split", *EpisodeKey._fields)


def check_parent(attempt: Attempt, place: int, step: Step) -> None:
    """Refuse a step whose parent does not come before it.

    Raises:
        JournalError: As said.
    """
    if not ROOT <= step.parent < place:
        raise JournalError(
            f"Step {place} names step {step.parent} as its parent, which is not before it.",
            where=str(attempt.key),
            fix="Give the steps in an order in which each comes after its parent.",
        )


def episode_line(attempt: Attempt) -> bytes:
    """The line that begins an attempt."""
    number, (task, agent, policy, seed), how_manieth = attempt
    return json_line(
        {
            "record": "episode",
            "episode": number,
            "task": task,
            "agent": agent,
            "policy": policy,
            "seed": seed,
            "attempt": how_manieth,
        }
    )


def read_attempt(content: bytes) -> RecordedAttempt:
    """Read a frame's text.

    Raises:
        ValueError: It is no attempt of this version.
    """
    try:
        first, *steps, last, rest = content.split(b"\n")
        attempt = read_begin(read_record(first))
        for place, line in enumerate(steps):
            record = read_record(line)
            if record["step"] != place or not ROOT <= record["parent"] < place:
                raise ValueError(f"step {record['step']} is out of order")
            attempt.steps.append(read_step(record))
        end = read_record(last)
        attempt.chosen, attempt.result = end["chosen"], _read_result(attempt.key, end)
        count = len(attempt.steps)
        if rest or attempt.result.steps != count or not ROOT <= attempt.chosen < count:
            raise ValueError(f"its end does not fit its {count} steps")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(repr(error)) from error
    return attempt


def read_summary(content: bytes) -> Summary:
    """Read what a frame's text comes to, without reading the steps.

    Raises:
        ValueError: It is no attempt of this version.
    """
    try:
        begun = read_begin(read_record(content[: content.index(b"\n")]))
        end = read_record(content[content.rindex(b"\n", 0, -1) + 1 :])
        return Summary(begun.number, begun.attempt, _read_result(begun.key, end))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(repr(error)) from error


def read_begin(record: dict[str, Any]) -> RecordedAttempt:
    """The attempt that a record begins.

    Raises:
        ValueError, KeyError, TypeError: The record begins none.
    """
    if record["record"] != "episode":
        raise ValueError(f"a record of {record['record']!r} begins it")
    key = EpisodeKey(record["task"], record["agent"], record["policy"], record["seed"])
    return RecordedAttempt(record["episode"], key, record["attempt"])


def _read_result(key: EpisodeKey, end: dict[str, Any]) -> Result:
    if end.pop("record") != "end":
        raise ValueError("it has no end")
    del end["episode"], end["chosen"]
    return read_row({**key._asdict(), **end})


def read_record(line: bytes) -> dict[str, Any]:
    """A line of a journal as a JSON object.

    Raises:
        ValueError: It is none.
    """
    try:
        record = from_json(line)
    except ValueError:  # lone surrogates
        try:
            record = json.loads(line)
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error
    if not isinstance(record, dict):
        raise ValueError("is not a JSON object")
    return record
