"""Which calls of an API are recorded: for those who look for similar ones.

Recordings are looked through once, when first asked, into a temporary file; the calls of the APIs
asked last are kept in memory.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.jsontext import JsonValue
from toolenv.snapshots.records import Recordings

__all__ = ["RecordedCall", "RecordedCalls"]

_IN_MEMORY = 20_000
"""Recorded calls kept in memory, of the APIs asked last; always those of one API."""


class RecordedCall(NamedTuple):
    """A recorded call whose arguments are a JSON object.

    Args:
        identity: The API.
        key: The exact key, by which its responses are looked up.
        arguments: The arguments.
        changes: Digest of the tool's earlier changes.
        note: What was noted of its responses; of several the smallest.
    """

    identity: Identity
    key: bytes
    arguments: dict[str, JsonValue]
    changes: bytes
    note: str


class RecordedCalls:
    """The calls that recordings hold, by API.

    Args:
        recordings: A snapshot or a store; left open. Calls that are recorded after the first
            question are not seen.
        note: What is to be noted of a response; None to leave it out.
    """

    def __init__(self, recordings: Recordings, note: Callable[[Response], str | None]) -> None:
        self._recordings = recordings
        self._note = note
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._loaded: OrderedDict[str, list[RecordedCall]] = OrderedDict()
        self._size = 0

    def of(self, identity: Identity) -> Iterator[RecordedCall]:
        """The recorded calls that may be of an API, in whatever state of its tool."""
        return (call for call in self._load(identity.function) if call.identity.joins(identity))

    def _load(self, function: str) -> list[RecordedCall]:
        with self._lock:
            found = self._loaded.get(function)
            if found is None:
                found = self._loaded[function] = list(self._read(function))
                self._size += len(found)
                while self._size > _IN_MEMORY and len(self._loaded) > 1:
                    self._size -= len(self._loaded.popitem(last=False)[1])
            self._loaded.move_to_end(function)
            return found

    def _read(self, function: str) -> Iterator[RecordedCall]:
        if self._file is None:
            self._file = self._build()
        for *identity, key, arguments, changes, note in self._file.execute(
            "SELECT function, category, tool, api, key, arguments, changes, note FROM calls "
            "WHERE function = ?",
            (_bytes(function),),
        ):
            read, _ = read_arguments(_text(arguments))
            if read is not None:
                yield RecordedCall(Identity(*map(_text, identity)), key, read, changes, note)

    def _build(self) -> sqlite3.Connection:
        file = sqlite3.connect("", check_same_thread=False)  # a temporary file of SQLite's own
        file.execute("PRAGMA journal_mode = OFF")
        file.execute(
            "CREATE TABLE calls (function, category, tool, api, key, arguments, changes, note, "
            "PRIMARY KEY (function, key, category, tool, api)) WITHOUT ROWID"
        )
        file.executemany(
            "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET note = min(note, excluded.note)",
            self._rows(),
        )
        file.commit()
        return file

    def _rows(self) -> Iterator[tuple[bytes | str, ...]]:
        for record in self._recordings.records():
            note = self._note(record.response)
            if note is not None:
                identity = map(_bytes, record.identity)
                changes = bytes.fromhex(record.changes)
                yield (*identity, record.key, _bytes(record.arguments), changes, note)

    def close(self) -> None:
        """Drop what was read; a later question reads it again."""
        with self._lock:
            self._loaded.clear()
            self._size = 0
            if self._file is not None:
                self._file.close()
                self._file = None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # SQLite's text cannot hold lone surrogates


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")
