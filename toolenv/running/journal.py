"""The journal: what happened in a run, one line per step, appended and never rewritten.

Each line is a JSON object with a checksum (``toolenv.running.framing``), so ``jq`` and pandas read
the file while it is being written. The first line names the format and its version. An attempt at
an episode is an ``episode`` line, ``step`` lines in the order taken, and an ``end`` line; lines of
attempts that ran at the same time are interleaved. Nothing measured (times, hosts) is in it.

An attempt is **finished** once its ``end`` line has been handed to the system, which is so when
``AttemptWriter.end`` returns. From then on it survives ``kill -9``. Whether it also survives a
power loss is ``sync``: ``never`` leaves it to the system (half a minute, usually), ``second`` (the
default) loses at most a second, ``episode`` waits for the disk at every ending. Steps are gathered
and written together, at the latest with the next step a second later. What a crash leaves
unfinished is not lost from the file, but readers of results pass over it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from toolenv.episodes import ROOT, Episode, Step, number_in_preorder
from toolenv.errors import JournalError
from toolenv.running.appending import Appender, Sync
from toolenv.running.framing import frame
from toolenv.running.journal_reader import JournalReader, Scan, header_record
from toolenv.running.lock import FolderLock
from toolenv.running.records import (
    Ending,
    EpisodeKey,
    ending_record,
    episode_record,
)
from toolenv.running.step_records import step_record, without_deep_arguments

__all__ = ["AttemptWriter", "Journal"]


class Journal:
    """A journal opened for writing, by one process at a time.

    Args:
        path: The file. Where it does not exist it is begun; else it is read, a line that a crash
            tore off at its end is cut away, and writing goes on behind it.
        sync: What survives a power loss; see the module.
        skip_corrupt: Pass over damaged lines in an existing file instead of refusing it; what
            they belonged to counts as unfinished.

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

    def __init__(self, path: Path, *, sync: Sync = "second", skip_corrupt: bool = False) -> None:
        self._lock = FolderLock(path.with_name(f"{path.name}.lock"))
        try:
            scan = _scan_and_mend(path, skip_corrupt=skip_corrupt)
            self._file = Appender(path, sync=sync)
            if scan.whole_bytes == 0:
                self._file.append(frame(header_record()))
                self._file.flush(durable=sync != "never")
        except BaseException:
            self._lock.release()
            raise
        self.path = path
        self._next = scan.next_number
        self._finished = set(scan.finished)
        self._attempts: Counter[EpisodeKey] = Counter(scan.attempts)

    def finished(self) -> set[EpisodeKey]:
        """The keys of the episodes that need not be done again."""
        return set(self._finished)

    def begin(self, key: EpisodeKey) -> AttemptWriter:
        """Begin an attempt. An earlier finished one of the same key is superseded by its end."""
        number, self._next = self._next, self._next + 1
        self._attempts[key] += 1
        self._file.append(frame(episode_record(number, key, self._attempts[key])))
        return AttemptWriter(self, number, key)

    def write(self, episode: Episode) -> None:
        """Write an episode at once; it is finished when this returns."""
        attempt = self.begin(EpisodeKey.of(episode))
        for step in episode.steps:
            attempt.step(step)
        attempt.end(episode)

    def flush(self) -> None:
        """Hand the steps written so far to the system, for readers that follow the file."""
        self._file.flush()

    def close(self) -> None:
        """Write what is gathered, and let the next process in. Closing twice is harmless."""
        try:
            self._file.close()
        finally:
            self._lock.release()

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
    """Writes one attempt: its steps as they are taken, then its end."""

    __slots__ = ("_file", "_in_order", "_journal", "_steps", "key", "number")

    def __init__(self, journal: Journal, number: int, key: EpisodeKey) -> None:
        self._journal = journal
        self._file = journal._file
        self._steps: list[Step] = []
        self._in_order = True
        self.number = number
        self.key = key

    def step(self, step: Step) -> None:
        """Write the next step; its parent is the number of an earlier one, as taken.

        Raises:
            JournalError: The parent does not come before it, or the file cannot be written.
        """
        number = len(self._steps)
        if not ROOT <= step.parent < number:
            raise JournalError(
                f"Step {number} names step {step.parent} as its parent, which is not there yet.",
                where=f"{self._journal.path}: {self.key}",
                fix="Write the steps in the order they were taken.",
            )
        if step.parent != number - 1:
            self._in_order = False
        record = step_record(self.number, number, step)
        try:
            line = frame(record)
        except TypeError:
            line = frame(without_deep_arguments(record))
        self._file.append(line)
        self._steps.append(step)

    def end(self, episode: Episode) -> None:
        """Finish the attempt; what is on the disk when this returns is said in the module.

        Args:
            episode: The attempt's result, numbered in pre-order, as agents return it.

        Raises:
            JournalError: The steps written are not the episode's, or the file cannot be written.
        """
        key, chosen = EpisodeKey.of(episode), episode.chosen
        if not self._in_order:
            steps, numbers = number_in_preorder(self._steps)
            as_taken = {new: old for old, new in numbers.items()}
        else:
            steps, as_taken = tuple(self._steps), {}
        if key != self.key or len(steps) != len(episode.steps) or steps != episode.steps:
            raise JournalError(
                f"The episode that ends as {key} is not the one whose {len(steps)} steps were "
                "written.",
                where=f"{self._journal.path}: {self.key}",
                fix="End each attempt with its own episode, numbered in pre-order.",
            )
        if not ROOT <= chosen < len(steps):
            raise JournalError(
                f"Step {chosen} is chosen, of {len(steps)} steps.",
                where=f"{self._journal.path}: {self.key}",
                fix="Choose a step of the episode, or ROOT for none.",
            )
        ending = Ending(
            len(steps),
            as_taken.get(chosen, chosen),
            episode.ended,
            episode.outcome,
            episode.reward,
            episode.cost,
            episode.fingerprints,
        )
        self._file.append(frame(ending_record(self.number, ending)))
        self._file.flush(durable=self._file.sync == "episode")
        self._journal._finished.add(self.key)


def _scan_and_mend(path: Path, *, skip_corrupt: bool) -> Scan:
    """Read an existing journal and cut away a torn last line."""
    if not path.exists():
        return Scan()
    scan = JournalReader(path, skip_corrupt=skip_corrupt).scan()
    if scan.torn_at is not None:
        with path.open("r+b") as file:
            file.truncate(scan.torn_at)
    return scan
