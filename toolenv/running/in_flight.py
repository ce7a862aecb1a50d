"""Steps of attempts under way, written as they are taken, beside the journal.

Where a run is durable by the step, a crash leaves here what its unfinished attempts had done: JSON
Lines, an ``episode`` line for each attempt and a ``step`` line for each step as taken, interleaved.
Lines of attempts that have ended are dropped from time to time, and an empty file is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolenv.episodes import ROOT, Step
from toolenv.errors import JournalError
from toolenv.running.appending import Appender, Sync
from toolenv.running.atomic import write_atomically
from toolenv.running.attempts import (
    RecordedAttempt,
    check_parent,
    episode_line,
    read_begin,
    read_record,
)
from toolenv.running.records import Attempt
from toolenv.running.step_records import read_step, step_line

__all__ = ["InFlight", "keep_in_flight", "read_in_flight"]

_ENDED_BYTES = 4 * 1024 * 1024


class InFlight:
    """Writes the steps of attempts under way.

    Args:
        path: The file; made where it does not exist.
        sync: As of the journal.

    Raises:
        JournalError: The file cannot be written.
    """

    def __init__(self, path: Path, *, sync: Sync) -> None:
        self._path = path
        self._sync: Sync = sync
        self._file = Appender(path, sync=sync)
        self._bytes: dict[int, int] = {}
        self._ended: set[int] = set()
        self._ended_bytes = 0

    def begin(self, attempt: Attempt) -> None:
        """Note that an attempt begins."""
        self._write(attempt.number, episode_line(attempt))

    def step(self, attempt: Attempt, place: int, step: Step) -> None:
        """Write an attempt's next step; it is handed to the system when this returns.

        Args:
            attempt: The attempt.
            place: How many steps it has taken before.
            step: The step; its parent is the number of an earlier one, as taken.

        Raises:
            JournalError: The parent does not come before it, or the file cannot be written.
        """
        check_parent(attempt, place, step)
        self._write(attempt.number, step_line(attempt.number, place, step))

    def end(self, number: int) -> None:
        """Note that an attempt is in the journal."""
        self._ended_bytes += self._bytes.pop(number, 0)
        self._ended.add(number)
        if self._ended_bytes > max(_ENDED_BYTES, sum(self._bytes.values())):
            self._file.close()
            self._drop()
            self._file = Appender(self._path, sync=self._sync)

    def close(self) -> None:
        """Drop what has ended, and close. Closing twice is harmless."""
        self._file.close()
        self._drop()

    def _write(self, number: int, line: bytes) -> None:
        self._bytes[number] = self._bytes.get(number, 0) + len(line)
        self._file.append(line)
        self._file.flush(durable=self._sync == "episode")

    def _drop(self) -> None:
        keep_in_flight(self._path, lambda attempt: attempt.number not in self._ended)
        self._ended.clear()
        self._ended_bytes = 0


def keep_in_flight(path: Path, wanted: Callable[[RecordedAttempt], bool]) -> None:
    """Keep the lines of some attempts only; a file without any is removed.

    Raises:
        JournalError: The file cannot be read or written.
    """
    kept: dict[int, list[bytes]] = {}
    attempts = _read(path)
    for attempt, lines in attempts:
        if wanted(attempt):
            kept[attempt.number] = lines
    if not kept:
        path.unlink(missing_ok=True)
    elif len(kept) < len(attempts):
        write_atomically(path, [line for lines in kept.values() for line in lines])


def read_in_flight(path: Path) -> list[RecordedAttempt]:
    """The attempts of the file, by number, each as far as it got; none where it does not exist.

    Raises:
        JournalError: The file cannot be read.
    """
    return [attempt for attempt, _ in _read(path)]


def _read(path: Path) -> list[tuple[RecordedAttempt, list[bytes]]]:
    """Attempts with their lines; a line that a crash tore or damaged ends its attempt there."""
    found: dict[int, tuple[RecordedAttempt, list[bytes]]] = {}
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"Cannot be read: {error.strerror}.", where=str(path)) from error
    for line in lines:
        try:
            record = read_record(line)
            if record["record"] == "episode":
                found[record["episode"]] = read_begin(record), [line]
            else:
                attempt, written = found[record["episode"]]
                if record["step"] == len(attempt.steps) > record["parent"] >= ROOT:
                    attempt.steps.append(read_step(record))
                    written.append(line)
        except (ValueError, KeyError, TypeError, IndexError):
            continue
    return sorted(found.values(), key=lambda one: one[0].number)
