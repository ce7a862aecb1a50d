"""The journal: what happened in a run, one compressed record per attempt, never rewritten.

The file is JSON Lines in zstd, each finished attempt a frame of its own
(``toolenv.running.framing`` and ``attempts``): ``zstdcat``, ``jq``, pandas and others read it while
it is being written. The first frame names the format and its version. Nothing measured (times,
hosts) is in it. An index beside it (``toolenv.running.journal_index``) finds one episode among
millions.

An attempt is **finished** once its frame has been handed to the system, which is so when
``AttemptWriter.end`` or ``Journal.append`` returns. From then on it survives ``kill -9``. Whether
it also survives a power loss is ``sync``: ``never`` leaves it to the system (half a minute,
usually), ``second`` (the default) loses at most a second, ``episode`` waits for the disk at every
ending.

What an unfinished attempt had done is lost with the process, and done again; with
``durability="step"`` its steps are also written as they are taken, to a file beside the journal
(``toolenv.running.in_flight``), which is read on request and counts for no result.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

from toolenv.episodes import Episode, Step
from toolenv.errors import JournalError
from toolenv.running.appending import Appender, Sync
from toolenv.running.attempts import EncodedAttempt, encode_attempt
from toolenv.running.framing import close_off
from toolenv.running.in_flight import InFlight, keep_in_flight, read_in_flight
from toolenv.running.journal_files import beside, header_frame, is_barely_begun
from toolenv.running.journal_index import Entry, JournalIndex
from toolenv.running.lock import FolderLock
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import Result

__all__ = ["AttemptWriter", "Durability", "Journal"]

Durability: TypeAlias = Literal["episode", "step"]
"""What survives the death of the process: finished attempts; steps of unfinished ones as well."""

_INDEXED_TOGETHER = 1000
_INDEXED_SECONDS = 1.0


class Journal:
    """A journal opened for writing, by one process at a time.

    Args:
        path: The file. Where it does not exist it is begun; else what a crash tore off at its end
            is cut away, and writing goes on behind it.
        sync: What survives a power loss; see the module.
        durability: What survives the death of the process; see the module.
        skip_corrupt: Close off what is damaged in an existing file instead of refusing it; what it
            held counts as unfinished.

    Raises:
        JournalError: Another process is writing it, it is damaged, it is no journal, or a newer
            version wrote it.

    Example:
        >>> import tempfile
        >>> from toolenv.tasks import Task
        >>> with tempfile.TemporaryDirectory() as folder, Journal(Path(folder, "j")) as journal:
        ...     journal.write(Episode(Task(id="1", instruction="?"), ()))
        ...     sorted(journal.finished())
        [EpisodeKey(task='1', agent='', policy='', seed=0)]
    """

    def __init__(
        self,
        path: Path,
        *,
        sync: Sync = "second",
        durability: Durability = "episode",
        skip_corrupt: bool = False,
    ) -> None:
        self.path = path
        self._folder_lock = FolderLock(beside(path, ".lock"))
        try:
            _begin_if_new(path, durable=sync != "never")
            self._index = JournalIndex(path, skip_corrupt=skip_corrupt, writing=True)
            _mend(path, self._index)
            self._file = Appender(path, sync=sync)
            in_flight = beside(path, ".in-flight.jsonl")
            keep_in_flight(in_flight, lambda attempt: self._index.entry(attempt.key) is None)
            broken_off = read_in_flight(in_flight)
            self.in_flight = InFlight(in_flight, sync=sync) if durability == "step" else None
        except BaseException:
            self._folder_lock.release()
            raise
        next_number = max([self._index.next_number, *(a.number + 1 for a in broken_off)])
        self._numbers = itertools.count(next_number)
        self._is_new = next_number == 0
        self._attempts = {attempt.key: attempt.attempt for attempt in broken_off}
        self._waiting: list[Entry] = []
        self._indexed_at = time.monotonic()
        self._lock = threading.Lock()

    def finished(self) -> set[EpisodeKey]:
        """The keys of the episodes that need not be done again."""
        with self._lock:
            self._offer()
            return self._index.keys() | {entry.summary.result.key for entry in self._waiting}

    def allot(self, key: EpisodeKey) -> Attempt:
        """Number a new attempt, for ``encode_attempt`` here or in a worker process.

        An earlier finished attempt of the same key is superseded by the end of the new one.
        """
        with self._lock:
            earlier = self._attempts.get(key)
            if earlier is None:
                earlier = 0 if self._is_new else self._index.attempts_of(key)
            self._attempts[key] = earlier + 1
            return Attempt(next(self._numbers), key, earlier + 1)

    def begin(self, key: EpisodeKey) -> AttemptWriter:
        """Begin an attempt of this process."""
        return AttemptWriter(self, self.allot(key))

    def append(self, encoded: EncodedAttempt) -> None:
        """Append a finished attempt; what is on the disk when this returns is said in the module.

        Raises:
            JournalError: The file cannot be written. The attempt is kept and written as soon as
                there is room.
        """
        frame, summary = encoded
        with self._lock:
            self._waiting.append(Entry(self._file.end, len(frame), summary))
            self._file.append(frame, flush=True)
            if self._file.sync == "episode":
                self._file.flush(durable=True)
            if (
                len(self._waiting) >= _INDEXED_TOGETHER
                or time.monotonic() - self._indexed_at >= _INDEXED_SECONDS
            ):
                self._offer()

    def write(self, episode: Episode) -> None:
        """Write an episode at once; it is finished when this returns."""
        self.append(encode_attempt(self.allot(EpisodeKey.of(episode)), episode))

    def flush(self) -> None:
        """Bring the index up to the journal, for readers; they manage without."""
        with self._lock:
            self._file.flush()
            self._offer()

    def close(self) -> None:
        """Write what is gathered, and let the next process in. Closing twice is harmless."""
        with self._lock, contextlib.ExitStack() as closing:
            closing.callback(self._folder_lock.release)
            closing.callback(self._close_index)
            closing.callback(self._file.close)
            if self.in_flight is not None:
                closing.callback(self.in_flight.close)

    def _close_index(self) -> None:
        self._offer()
        self._index.close(durable=self._file.sync != "never" and not self._waiting)

    def _offer(self) -> None:
        """Let the index take in what is in the file; what it cannot take now waits."""
        self._indexed_at = time.monotonic()
        there = [entry for entry in self._waiting if entry.end <= self._file.written]
        if there and self._index.add(there):
            del self._waiting[: len(there)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AttemptWriter:
    """Writes one attempt: ``step`` is the observer of its steps, ``end`` finishes it."""

    __slots__ = ("_in_flight", "_journal", "_steps", "attempt")

    def __init__(self, journal: Journal, attempt: Attempt) -> None:
        self._journal = journal
        self._in_flight = journal.in_flight
        self._steps = 0
        self.attempt = attempt
        if self._in_flight is not None:
            self._in_flight.begin(attempt)

    def step(self, step: Step) -> None:
        """Take note of the next step; its parent is the number of an earlier one, as taken.

        Raises:
            JournalError: It is written as taken, and its parent does not come before it or the
                file cannot be written.
        """
        if self._in_flight is not None:
            self._in_flight.step(self.attempt, self._steps, step)
        self._steps += 1

    def end(self, episode: Episode) -> Result:
        """Finish the attempt; what is on the disk when this returns is said in the module.

        Args:
            episode: The attempt's result, numbered in pre-order, as agents return it.

        Returns:
            What it came to.

        Raises:
            JournalError: The episode is not the one whose steps were written, or the file cannot
                be written.
        """
        if self._steps != len(episode.steps):
            raise JournalError(
                f"The episode has {len(episode.steps)} steps; {self._steps} were written.",
                where=f"{self._journal.path}: {self.attempt.key}",
                fix="End each attempt with its own episode.",
            )
        encoded = encode_attempt(self.attempt, episode)
        self._journal.append(encoded)
        if self._in_flight is not None:
            self._in_flight.end(self.attempt.number)
        return encoded.summary.result


def _begin_if_new(path: Path, *, durable: bool) -> None:
    try:
        if path.exists() and not is_barely_begun(path):
            return
        path.write_bytes(b"")
    except OSError as error:
        raise JournalError(f"Cannot be written: {error.strerror}.", where=str(path)) from error
    file = Appender(path)
    file.append(header_frame())
    file.flush(durable=durable)
    file.close()


def _mend(path: Path, index: JournalIndex) -> None:
    """Close off what is damaged, and cut away what a crash tore at the end."""
    try:
        for damage in index.damages:
            if damage.offset:
                close_off(path, damage)
        if path.stat().st_size > index.end:
            with path.open("r+b") as file:
                file.truncate(index.end)
    except OSError as error:
        raise JournalError(f"Cannot be written: {error.strerror}.", where=str(path)) from error
