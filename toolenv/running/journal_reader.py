"""Reading a journal, also while it is being written: by the index, or from end to end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Container, Iterator
from pathlib import Path

from toolenv.episodes import Outcome
from toolenv.errors import JournalError
from toolenv.running.attempts import RecordedAttempt, read_attempt
from toolenv.running.framing import Damage, decompress, walk
from toolenv.running.in_flight import read_in_flight
from toolenv.running.journal_files import beside, check_header
from toolenv.running.journal_index import JournalIndex
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result

__all__ = ["JournalReader"]


class JournalReader:
    """Reads a journal; what is read is what is finished, of each episode the last attempt.

    Args:
        path: The file.
        skip_corrupt: Pass over what is damaged, instead of stopping there; what it held counts as
            unfinished. All of the file is then read once.

    Raises:
        JournalError: From every method: the file cannot be read, is damaged or no journal, or a
            newer version wrote it.
    """

    def __init__(self, path: Path, *, skip_corrupt: bool = False) -> None:
        self.path = path
        self.skip_corrupt = skip_corrupt
        self._opened: JournalIndex | None = None

    def finished(self) -> set[EpisodeKey]:
        """The keys of the finished episodes."""
        return self._index().keys()

    def outcomes(self) -> dict[EpisodeKey, Outcome]:
        """How each finished episode went, in the order they finished."""
        return self._index().outcomes()

    def results(self) -> Iterator[Result]:
        """What the finished episodes came to, in no order, without reading their steps."""
        return (entry.summary.result for entry in self._index().entries())

    def attempt_numbers(self) -> dict[EpisodeKey, int]:
        """The how manieth attempt at each finished episode it is that counts, from 1."""
        found = (entry.summary for entry in self._index().entries())
        return {summary.result.key: summary.attempt for summary in found}

    def result(self, key: EpisodeKey) -> Result | None:
        """What one episode came to; None where it is not finished."""
        entry = self._index().entry(key)
        return None if entry is None else entry.summary.result

    def attempt(self, key: EpisodeKey) -> RecordedAttempt | None:
        """An episode's last finished attempt, looked up; None where there is none."""
        return next(self.last_attempts([key]), None)

    def last_attempts(self, keys: Container[EpisodeKey] | None = None) -> Iterator[RecordedAttempt]:
        """Each episode's last finished attempt, in the order they finished.

        Args:
            keys: Only these; None for all. A few are looked up each, the rest is passed over.
        """
        index = self._index()
        if isinstance(keys, Collection):
            entries = filter(None, map(index.entry, keys))
            places = sorted((e.offset, e.length, e.summary.result.key) for e in entries)
        else:
            places = [
                (offset, length, key)
                for key, offset, length in index.places()
                if keys is None or key in keys
            ]
        if not places:
            return
        file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for offset, length, key in places:
                attempt = self._read(decompress(os.pread(file, length, offset)), offset)
                if attempt.key != key:
                    raise JournalError(
                        f"Has another episode at byte {offset} than its index says.",
                        where=str(self.path),
                        fix=f"Delete {beside(self.path, '.index').name}: it is made anew.",
                    )
                yield attempt
        finally:
            os.close(file)

    def attempts(self) -> Iterator[RecordedAttempt]:
        """Every finished attempt, superseded ones too, in the order they finished."""
        check_header(self.path, skip_corrupt=self.skip_corrupt)
        for piece in walk(self.path):
            if isinstance(piece, Damage):
                if not self.skip_corrupt:
                    self._read(None, piece.offset)
            elif piece.offset:
                yield self._read(piece.content, piece.offset)

    def unfinished(self) -> list[RecordedAttempt]:
        """Attempts that broke off or are under way, where steps are written as they are taken."""
        index = self._index()
        found: list[RecordedAttempt] = []
        for attempt in read_in_flight(beside(self.path, ".in-flight.jsonl")):
            entry = index.entry(attempt.key)
            if entry is None or entry.summary.attempt < attempt.attempt:
                found.append(attempt)
        return found

    def damaged(self) -> list[Damage]:
        """The damaged pieces of the file, all of which is read."""
        check_header(self.path, skip_corrupt=True)
        return [piece for piece in walk(self.path) if isinstance(piece, Damage)]

    def close(self) -> None:
        """Close the index; asking again opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _index(self) -> JournalIndex:
        """The index, brought up to the journal."""
        if self._opened is None:
            self._opened = JournalIndex(self.path, skip_corrupt=self.skip_corrupt)
            return self._opened
        try:
            self._opened.catch_up()
        except sqlite3.Error:  # it can no longer be written
            self.close()
            return self._index()
        return self._opened

    def _read(self, content: bytes | None, offset: int) -> RecordedAttempt:
        if content is None:
            raise JournalError(
                "Is damaged: what is there is not what was written.",
                where=f"{self.path}:{offset}",
                fix="Restore the file from a copy, or skip what is damaged and redo it.",
            )
        try:
            return read_attempt(content)
        except ValueError as error:
            raise JournalError(
                f"Holds no attempt of this version: {error}.",
                where=f"{self.path}:{offset}",
                fix="Restore the file from a copy.",
            ) from error
