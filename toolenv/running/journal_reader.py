"""Reading a journal: streamed, checked line by line, also while it is being written."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic_core import from_json

from toolenv.episodes import ROOT, Episode, Step, number_in_preorder
from toolenv.errors import JournalError
from toolenv.running.framing import is_whole
from toolenv.running.records import Ending, EpisodeKey, read_ending, read_key
from toolenv.running.step_records import read_step
from toolenv.tasks import Task

__all__ = ["JournalReader", "RecordedAttempt", "Scan", "header_record"]

_FORMAT = "toolenv"
_VERSION = 1
_STEP = b'{"record":"step","episode":'


def header_record() -> dict[str, object]:
    """A journal's first record."""
    return {"journal": _FORMAT, "version": _VERSION}


@dataclass(slots=True)
class RecordedAttempt:
    """An attempt as read; ``ending`` is None while, or because, it is unfinished.

    Args:
        number: Its number in the journal.
        key: Which episode it attempts.
        attempt: The how manieth attempt at that episode it is, from 1.
        steps: The steps, as taken.
        ending: How it ended.
    """

    number: int
    key: EpisodeKey
    attempt: int
    steps: list[Step] = field(default_factory=list)
    ending: Ending | None = None

    def episode(self, task: Task) -> Episode:
        """The attempt as an episode, numbered in pre-order; an unfinished one as far as it got."""
        steps, numbers = number_in_preorder(self.steps)
        ending = self.ending or Ending(len(steps))
        return Episode(
            task,
            steps,
            numbers[ending.chosen],
            self.key.agent,
            self.key.policy,
            self.key.seed,
            ending.ended,
            ending.outcome,
            ending.reward,
            ending.cost,
            ending.fingerprints,
        )


@dataclass(slots=True)
class Scan:
    """What one pass over a journal finds out.

    Args:
        finished: Each finished episode's last finished attempt, by number, and its ending.
        unfinished: The numbers of attempts without an ending, with their keys.
        attempts: How many attempts each episode has had.
        next_number: The number that the next attempt gets.
        whole_bytes: Where the last whole line ends.
        torn_at: Where a torn last line begins; None where there is none.
        corrupt_lines: The numbers, from 1, of the damaged lines that were skipped.
    """

    finished: dict[EpisodeKey, tuple[int, Ending]] = field(default_factory=dict)
    unfinished: dict[int, EpisodeKey] = field(default_factory=dict)
    attempts: dict[EpisodeKey, int] = field(default_factory=dict)
    next_number: int = 0
    whole_bytes: int = 0
    torn_at: int | None = None
    corrupt_lines: list[int] = field(default_factory=list)


class JournalReader:
    """Reads a journal, from the start each time it is asked something.

    Args:
        path: The file.
        skip_corrupt: Pass over damaged lines and note their numbers, instead of stopping there;
            the attempts they belonged to count as unfinished.

    After reading, ``torn_at`` says where a torn last line begins (None: there is none), and
    ``corrupt_lines`` which lines were skipped.
    """

    def __init__(self, path: Path, *, skip_corrupt: bool = False) -> None:
        self.path = path
        self.skip_corrupt = skip_corrupt
        self.torn_at: int | None = None
        self.corrupt_lines: list[int] = []
        self._whole_bytes = 0

    def scan(self) -> Scan:
        """Check every line and find what is finished, without reading the steps.

        Raises:
            JournalError: A line is damaged, the file is no journal, or a newer version wrote it.
        """
        scan = Scan()
        open_attempts: dict[int, EpisodeKey] = {}
        steps: dict[int, int] = {}
        for line_number, line in self._lines():
            if line.startswith(_STEP):
                number = self._episode_of(line, line_number)
                steps[number] = steps.get(number, 0) + 1
                continue
            record = self._load(line, line_number)
            try:
                if record["record"] == "episode":
                    number, key = record["episode"], read_key(record)
                    open_attempts[number] = key
                    scan.attempts[key] = max(scan.attempts.get(key, 0), record["attempt"])
                    scan.next_number = max(scan.next_number, number + 1)
                elif record["record"] == "end":
                    ending = read_ending(record)
                    if self._complete(record["episode"], ending, open_attempts, steps, line_number):
                        key = open_attempts.pop(record["episode"])
                        scan.finished[key] = record["episode"], ending
                    steps.pop(record["episode"], None)
            except (KeyError, TypeError) as error:
                self._refuse(line_number, f"Is not a record of this version: {error!r}.")
        scan.unfinished = open_attempts
        scan.whole_bytes = self._whole_bytes
        scan.torn_at = self.torn_at
        scan.corrupt_lines = self.corrupt_lines
        return scan

    def attempts(
        self, numbers: Container[int] | None = None, *, unfinished: bool = False
    ) -> Iterator[RecordedAttempt]:
        """Read attempts in the order they finished; memory holds those in flight alone.

        Args:
            numbers: Read only these; None reads all, superseded ones too.
            unfinished: Yield the unfinished ones, last and by number, instead of dropping them.

        Raises:
            JournalError: As ``scan``.
        """
        in_flight: dict[int, RecordedAttempt] = {}
        for line_number, line in self._lines():
            if numbers is not None and line.startswith(_STEP):
                number = self._episode_of(line, line_number)
                if number not in numbers:
                    continue
            record = self._load(line, line_number)
            try:
                number = record["episode"]
                if numbers is not None and number not in numbers:
                    continue
                kind = record["record"]
                if kind == "episode":
                    in_flight[number] = RecordedAttempt(number, read_key(record), record["attempt"])
                elif number not in in_flight:
                    if not self.skip_corrupt:
                        self._refuse(line_number, f"Belongs to attempt {number}, never begun.")
                elif kind == "step":
                    steps = in_flight[number].steps
                    if record["step"] == len(steps) and ROOT <= record["parent"] < len(steps):
                        steps.append(read_step(record))
                    elif not self.skip_corrupt:
                        self._refuse(line_number, f"Step {record['step']} is out of order.")
                elif kind == "end":
                    attempt = in_flight[number]
                    ending = read_ending(record)
                    if ending.steps == len(attempt.steps) > ending.chosen >= ROOT:
                        attempt.ending = ending
                        yield in_flight.pop(number)
                    elif not self.skip_corrupt:
                        self._refuse(line_number, f"Ends {ending.steps} steps; not all are there.")
            except (KeyError, TypeError, IndexError) as error:
                self._refuse(line_number, f"Is not a record of this version: {error!r}.")
        if unfinished:
            yield from sorted(in_flight.values(), key=lambda attempt: attempt.number)

    def _complete(
        self,
        number: int,
        ending: Ending,
        begun: dict[int, EpisodeKey],
        steps: dict[int, int],
        line_number: int,
    ) -> bool:
        if number in begun and steps.get(number, 0) == ending.steps > ending.chosen >= ROOT:
            return True
        if not self.skip_corrupt:
            self._refuse(line_number, f"Ends attempt {number}, whose lines are not all there.")
        return False

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Whole lines with their numbers, the header apart."""
        self.torn_at, self.corrupt_lines, self._whole_bytes = None, [], 0
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise JournalError(
                f"Cannot be read: {error.strerror}.", where=str(self.path)
            ) from error
        offset = 0
        with file:
            for line_number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    self.torn_at = offset
                    return
                offset += len(line)
                self._whole_bytes = offset
                if line_number == 1:
                    self._check_header(line)
                elif is_whole(line):
                    yield line_number, line
                elif self.skip_corrupt:
                    self.corrupt_lines.append(line_number)
                else:
                    self._refuse(line_number, "Is damaged: its checksum does not fit.")

    def _check_header(self, line: bytes) -> None:
        try:
            header = json.loads(line)
        except ValueError:
            header = None
        if isinstance(header, dict) and header.get("journal") == _FORMAT:
            version = header.get("version")
            if isinstance(version, int) and version > _VERSION:
                raise JournalError(
                    f"Was written in format {version}; this version reads up to {_VERSION}.",
                    where=f"{self.path}:1",
                    fix="Upgrade toolenv to read it.",
                )
            if is_whole(line):
                return
        if self.skip_corrupt:
            self.corrupt_lines.append(1)
            return
        raise JournalError(
            "Is not a journal of toolenv, or its first line is damaged.",
            where=f"{self.path}:1",
            fix="Name a run's journal, or skip damaged lines if it is one.",
        )

    def _episode_of(self, line: bytes, line_number: int) -> int:
        """The attempt that a step belongs to, without reading the step."""
        try:
            return int(line[len(_STEP) : line.index(b",", len(_STEP))])
        except ValueError as error:
            self._refuse(line_number, f"Is not a record of this version: {error}.")

    def _load(self, line: bytes, line_number: int) -> dict[str, Any]:
        try:
            record = from_json(line)
        except ValueError:  # lone surrogates
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                self._refuse(line_number, f"Is not JSON: {error}.")
        if not isinstance(record, dict):
            self._refuse(line_number, "Is not a JSON object.")
        return record

    def _refuse(self, line_number: int, what: str) -> NoReturn:
        raise JournalError(
            what,
            where=f"{self.path}:{line_number}",
            fix="Restore the file from a copy, or skip damaged lines and redo what they held.",
        )
