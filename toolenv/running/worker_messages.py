"""What the parent and the workers of a run say to each other, over a socket.

A message is two lengths of four bytes, a JSON object and bytes. Nothing else is ever read from it:
no pickles.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from toolenv.episodes import Episode
from toolenv.errors import ToolenvError
from toolenv.jsontext import parse, render
from toolenv.places import Occupancy
from toolenv.running.attempts import EncodedAttempt, Summary, encode_attempt
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import read_row, row_of
from toolenv.running.tally import Spending

__all__ = [
    "Message",
    "attempt_message",
    "ended_message",
    "failed_message",
    "live_message",
    "read_attempt_message",
    "read_ended_message",
    "read_failed_message",
    "read_live_message",
    "receive",
    "send",
]

_LENGTHS = struct.Struct(">II")

Message = tuple[dict[str, Any], bytes]
"""A JSON object, and bytes that go with it."""


def send(writer: asyncio.StreamWriter, told: dict[str, Any], content: bytes = b"") -> None:
    """Send a message; what the other has not read yet is kept."""
    head = render(told).encode()
    writer.write(_LENGTHS.pack(len(head), len(content)) + head + content)


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None where the other is gone."""
    try:
        head, content = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        told = parse(await reader.readexactly(head))
        return told if isinstance(told, dict) else {}, await reader.readexactly(content)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def attempt_message(place: int, attempt: Attempt) -> dict[str, Any]:
    """An episode to run: its place in the plan, and its attempt."""
    return {"run": place, "number": attempt.number, "attempt": attempt.attempt}


def read_attempt_message(told: dict[str, Any], key: EpisodeKey) -> Attempt:
    """The attempt at the episode of a key."""
    return Attempt(told["number"], key, told["attempt"])


def ended_message(
    place: int, attempt: Attempt, episode: Episode, seconds: float
) -> tuple[dict[str, Any], bytes]:
    """An episode that has ended, encoded for the journal, and how long it took."""
    frame, summary = encode_attempt(attempt, episode)
    return {
        "ended": place,
        "number": summary.number,
        "attempt": summary.attempt,
        "seconds": seconds,
        "result": row_of(summary.result),
    }, frame


def read_ended_message(told: dict[str, Any], frame: bytes) -> EncodedAttempt:
    """The encoded attempt."""
    return EncodedAttempt(frame, Summary(told["number"], told["attempt"], read_row(told["result"])))


def live_message(spent: Spending, servers: dict[str, Occupancy]) -> dict[str, Any]:
    """What episodes in flight have consumed so far, and how the places at servers are used."""
    return {
        "live": list(spent),
        "servers": {
            name: [places.under_way, places.limit, places.refusals]
            for name, places in servers.items()
        },
    }


def read_live_message(told: dict[str, Any]) -> tuple[Spending, dict[str, Occupancy]]:
    """What a worker's episodes have consumed, and its servers."""
    return Spending(*told["live"]), {
        name: Occupancy(*places) for name, places in told["servers"].items()
    }


def failed_message(error: ToolenvError) -> dict[str, Any]:
    """An error that ends the run."""
    return {
        "failed": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "fix": error.fix,
    }


def read_failed_message(told: dict[str, Any]) -> ToolenvError:
    """The error, of its own kind where that is one of ``toolenv.errors``."""
    from toolenv import errors

    kind = getattr(errors, str(told["failed"]), ToolenvError)
    if not (isinstance(kind, type) and issubclass(kind, ToolenvError)):
        kind = ToolenvError
    return kind(told["what"], where=told["where"], fix=told["fix"])
