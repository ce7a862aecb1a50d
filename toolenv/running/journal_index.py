"""The journal's index: where each finished episode lies, and what it came to.

A SQLite file that other tools can query while the run goes on::

    sqlite3 journal.index "SELECT outcome, count(*) FROM episodes GROUP BY outcome"

Its table ``episodes`` has one row per episode, of its last finished attempt; text that is no
Unicode (lone surrogates) is kept as a BLOB, a seed of more than 64 bits as text.

The index is derived: it follows the journal and is never ahead of it. Whoever opens it, reader or
writer, first takes in the frames behind the last one it knows, and makes it anew where it does not
fit: it is of another journal or version, or what was written of it before a power loss may be
missing. Where no file can be written, the index is made in memory. Deleting it loses nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from toolenv.episodes import Cost, Outcome
from toolenv.errors import JournalError
from toolenv.jsontext import parse, render
from toolenv.running.attempts import Summary, read_summary
from toolenv.running.framing import Damage, Frame, walk
from toolenv.running.journal_files import beside, check_header
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result
from toolenv.running.step_records import read_reward

__all__ = ["Entry", "JournalIndex"]

_VERSION = 1
_PATIENCE = 60.0
_CHECKED_BYTES = 4
_FETCHED_TOGETHER = 1000
_CLOSED = ""
_BOOT = Path("/proc/sys/kernel/random/boot_id")

_TABLES = """
CREATE TABLE IF NOT EXISTS journal (
    version, boot, end INTEGER, last INTEGER, checksum BLOB, next_number INTEGER
);
CREATE TABLE IF NOT EXISTS episodes (
    task, agent, policy, seed,
    attempt INTEGER, number INTEGER, offset INTEGER, length INTEGER,
    outcome, reward, ended, answer, steps INTEGER, chosen_steps INTEGER,
    policy_calls INTEGER, input_tokens INTEGER, output_tokens INTEGER, api_calls INTEGER, money,
    calls_by_source, calls_by_origin, fingerprints, misses INTEGER,
    PRIMARY KEY (task, agent, policy, seed)
) WITHOUT ROWID;
"""
_INSERT = f"INSERT OR REPLACE INTO episodes VALUES ({', '.join('?' * 23)})"
_OF_KEY = "task = ? AND agent = ? AND policy = ? AND seed = ?"


class Entry(NamedTuple):
    """A finished attempt in the journal: its place in bytes, and what it came to."""

    offset: int
    length: int
    summary: Summary

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self.offset + self.length


class JournalIndex:
    """An index opened beside its journal, and brought up to it; safe to use from several threads.

    Args:
        journal: The journal, which exists.
        skip_corrupt: Pass over damaged frames of the journal. All of it is then read.
        writing: Whether the caller is the journal's writer, whose index is kept in a file whatever
            is skipped.

    After opening, ``end`` is where the journal's last whole frame ends, ``next_number`` the number
    that the next attempt gets, and ``damages`` what was passed over.

    Raises:
        JournalError: The journal cannot be read, is damaged in the middle, is no journal, or a
            newer version wrote it.
    """

    def __init__(self, journal: Path, *, skip_corrupt: bool = False, writing: bool = False) -> None:
        self.journal = journal
        self.damages: list[Damage] = []
        self.next_number = 0
        self.end = 0
        self._last = 0
        self._checksum = b""
        self._skip_corrupt = skip_corrupt
        self._lock = threading.RLock()
        check_header(journal, skip_corrupt=skip_corrupt)
        self._file = self._connect(skip_corrupt and not writing)

    def _connect(self, in_memory: bool) -> sqlite3.Connection:
        """Open the file beside the journal, or one in memory where that one cannot be written."""
        place = beside(self.journal, ".index")
        try:
            return self._opened(":memory:" if in_memory else str(place))
        except sqlite3.OperationalError:  # not to be written, the disk is full, others keep it
            return self._opened(":memory:")
        except sqlite3.DatabaseError:  # no SQLite file, or a torn one
            try:
                place.unlink(missing_ok=True)
                return self._opened(str(place))
            except (sqlite3.Error, OSError):
                return self._opened(":memory:")

    def _opened(self, place: str) -> sqlite3.Connection:
        file = self._file = sqlite3.connect(
            place, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        self.damages.clear()
        try:
            file.execute("PRAGMA synchronous = OFF")  # a power loss is noticed: see _fits
            if not self._fits():
                file.executescript("DROP TABLE journal; DROP TABLE episodes;" + _TABLES)
            self.catch_up()
        except BaseException:
            file.close()
            raise
        return file

    def _fits(self) -> bool:
        """Whether the file is an index, of this journal, and no power loss can have torn it."""
        self._file.executescript(_TABLES)
        known = self._file.execute("SELECT * FROM journal").fetchone()
        if known is None:
            return self._file.execute("SELECT 1 FROM episodes").fetchone() is None
        if self._skip_corrupt:
            return False  # it may know episodes of frames that were damaged since
        version, boot, end, last, checksum, _ = known
        if version != _VERSION or boot not in (_CLOSED, _this_boot() or _CLOSED):
            return False
        frame = next(walk(self.journal, last), None)
        return (
            isinstance(frame, Frame)
            and (frame.offset, frame.offset + frame.length) == (last, end)
            and self._bytes_before(end) == checksum
        )

    def _bytes_before(self, end: int) -> bytes:
        """The last bytes of a frame: the checksum of its content."""
        with self.journal.open("rb") as file:
            file.seek(max(end - _CHECKED_BYTES, 0))
            return file.read(min(end, _CHECKED_BYTES))

    def catch_up(self) -> None:
        """Take in what was finished since.

        Raises:
            JournalError: As when opening.
            sqlite3.Error: The file cannot be written.
        """
        with self._lock:
            self._recall()
            try:
                behind = self.journal.stat().st_size > self.end
                if behind:
                    with self._transaction():
                        self._recall()
                        self._insert(self._entries_behind())
            except OSError as error:
                raise JournalError(
                    f"Cannot be read: {error.strerror}.", where=str(self.journal)
                ) from error

    def add(self, entries: list[Entry]) -> bool:
        """Take in what the writer has appended; entries follow one another in the file.

        Returns:
            Whether that was possible now; if not, offer them again later.
        """
        with self._lock:
            try:
                self._file.execute("PRAGMA busy_timeout = 0")
                with self._transaction():
                    self._recall()
                    new = [entry for entry in entries if entry.offset >= self.end]
                    if new and new[0].offset > self.end:
                        self._insert(self._entries_behind())
                    else:
                        self._insert(new)
            except sqlite3.Error:  # another program reads or fills it, the disk is full
                return False
            finally:
                with contextlib.suppress(sqlite3.Error):
                    self._file.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}")
        return True

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._mark_open()
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")
            self._recall()
            raise

    def _mark_open(self) -> None:
        """Before a closed index is written: let the disk know that a power loss can tear it."""
        known = self._file.execute("SELECT boot FROM journal").fetchone()
        if known == (_CLOSED,):
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute("UPDATE journal SET boot = ?", [_this_boot()])
            self._file.execute("PRAGMA synchronous = OFF")

    def _recall(self) -> None:
        known = self._file.execute("SELECT * FROM journal").fetchone()
        if known is not None:
            _, _, self.end, self._last, self._checksum, self.next_number = known
        else:
            self.end = self._last = self.next_number = 0

    def _remember(self) -> None:
        known = (_VERSION, _this_boot(), self.end, self._last, self._checksum, self.next_number)
        self._file.execute("DELETE FROM journal")
        self._file.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", known)

    def _entries_behind(self) -> Iterator[Entry]:
        """The journal's finished attempts behind what is known."""
        for piece in walk(self.journal, self.end):
            if isinstance(piece, Damage):
                if not self._skip_corrupt:
                    raise JournalError(
                        f"Is damaged: {piece.length} bytes from byte {piece.offset} on are not "
                        "what was written.",
                        where=f"{self.journal}:{piece.offset}",
                        fix="Restore the file from a copy, or skip what is damaged and redo it.",
                    )
                self.damages.append(piece)
            elif piece.offset == 0:
                self.end = piece.length
            else:
                try:
                    summary = read_summary(piece.content)
                except ValueError as error:
                    raise JournalError(
                        f"Is not a journal of this version: {error}.",
                        where=f"{self.journal}:{piece.offset}",
                        fix="Restore the file from a copy.",
                    ) from error
                yield Entry(piece.offset, piece.length, summary)

    def _insert(self, entries: Iterable[Entry]) -> None:
        rows: list[tuple[Any, ...]] = []
        last: Entry | None = None
        for last in entries:
            rows.append(_row(last))
            self.next_number = max(self.next_number, last.summary.number + 1)
            if len(rows) >= 1000:
                self._insert_rows(rows)
                rows.clear()
        self._insert_rows(rows)
        if last is not None:
            self._last, self.end = last.offset, last.end
        self._checksum = self._bytes_before(self.end)
        self._remember()

    def _insert_rows(self, rows: list[tuple[Any, ...]]) -> None:
        try:
            self._file.executemany(_INSERT, rows)
        except (UnicodeEncodeError, OverflowError):
            self._file.executemany(_INSERT, [tuple(map(_stored, row)) for row in rows])

    def keys(self) -> set[EpisodeKey]:
        """The keys of the finished episodes."""
        return set(map(_key, self._select("task, agent, policy, seed")))

    def outcomes(self) -> dict[EpisodeKey, Outcome]:
        """How each finished episode went, in the order they finished."""
        found = self._select("task, agent, policy, seed, outcome", "ORDER BY offset")
        return {_key(row): row[4] for row in found}

    def places(self) -> list[tuple[EpisodeKey, int, int]]:
        """The finished episodes with offset and length, in the order they finished."""
        found = self._select("task, agent, policy, seed, offset, length", "ORDER BY offset")
        return [(_key(row), row[4], row[5]) for row in found]

    def entries(self) -> Iterator[Entry]:
        """The finished episodes, in no order."""
        return map(_entry, self._select("*"))

    def entry(self, key: EpisodeKey) -> Entry | None:
        """A finished episode; None where it is not finished."""
        for row in self._select("*", f"WHERE {_OF_KEY}", map(_stored, key)):
            return _entry(row)
        return None

    def attempts_of(self, key: EpisodeKey) -> int:
        """How many finished attempts an episode has had."""
        for (attempt,) in self._select("attempt", f"WHERE {_OF_KEY}", map(_stored, key)):
            return int(attempt)
        return 0

    def _select(
        self, columns: str, which: str = "", values: Iterable[object] = ()
    ) -> Iterator[Any]:
        try:
            with self._lock:
                asked = f"SELECT {columns} FROM episodes {which}"
                cursor = self._file.execute(asked, tuple(values))
                rows = cursor.fetchmany(_FETCHED_TOGETHER)
            while rows:
                yield from rows
                with self._lock:
                    rows = cursor.fetchmany(_FETCHED_TOGETHER)
        except sqlite3.Error as error:
            raise JournalError(
                f"Cannot be read: {error}.",
                where=str(beside(self.journal, ".index")),
                fix="Delete it: it is made anew.",
            ) from error

    def close(self, *, durable: bool = False) -> None:
        """Close the file; with ``durable`` first make it one that a power loss does not tear."""
        with self._lock:
            if durable:
                with contextlib.suppress(sqlite3.Error):
                    self._file.execute("PRAGMA synchronous = FULL")
                    self._file.execute("UPDATE journal SET boot = ?", [_CLOSED])
            self._file.close()


def _row(entry: Entry) -> tuple[Any, ...]:
    offset, length, (number, attempt, result) = entry
    return (
        *result[:4],  # its key
        attempt,
        number,
        offset,
        length,
        result.outcome,
        result.reward if isfinite(result.reward) else None,
        result.ended,
        result.answer,
        result.steps,
        result.chosen_steps,
        *result.cost,
        render(result.calls_by_source),
        render(result.calls_by_origin),
        render(result.fingerprints),
        result.misses,
    )


def _entry(row: Any) -> Entry:
    attempt, number, offset, length, outcome, reward, ended, answer, steps, chosen_steps = row[4:14]
    result = Result(
        *_key(row),
        split="",
        outcome=outcome,
        reward=read_reward(reward),
        ended=_text(ended),
        answer=None if answer is None else _text(answer),
        steps=steps,
        chosen_steps=chosen_steps,
        cost=Cost(*row[14:19]),
        calls_by_source=_mapping(row[19]),
        calls_by_origin=_mapping(row[20]),
        fingerprints=_mapping(row[21]),
        misses=row[22],
    )
    return Entry(offset, length, Summary(number, attempt, result))


@lru_cache(maxsize=1024)
def _mapping(text: str) -> Any:
    """A mapping as a row has it; rows that have the same text, as most do, share it."""
    return parse(text)


def _key(row: Any) -> EpisodeKey:
    task, agent, policy, seed = row[:4]
    return EpisodeKey(_text(task), _text(agent), _text(policy), int(seed))


def _stored(value: object) -> object:
    """A value as SQLite takes it."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def _this_boot() -> str | None:
    """What tells one start of the machine from another; None where that is not known."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return None
