"""The run folder: everything a run leaves behind, under names that never come from data.

- ``manifest.json``: what the run is: versions, fingerprints, configuration, counts.
- ``tasks.jsonl``: its tasks, one per line.
- ``journal.jsonl.zst``: what happened, step by step (``toolenv.running.journal``).
- ``journal.index``: where each episode lies in it; derived (``toolenv.running.journal_index``).
- ``journal.in-flight.jsonl``: steps of unfinished attempts, where they are wanted.
- ``journal.lock``: held by the process that writes the run, and left behind empty-handed.
- ``times.jsonl``: what was measured, apart, because no two runs measure alike.
- ``results.jsonl``: one line per episode, sorted, once the run is complete.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from toolenv.episodes import Episode, Outcome
from toolenv.errors import JournalError
from toolenv.files import UNFINISHED
from toolenv.jsontext import parse, render
from toolenv.running.appending import Appender, Sync
from toolenv.running.atomic import write_atomically
from toolenv.running.attempts import RecordedAttempt
from toolenv.running.framing import Damage
from toolenv.running.journal import Durability, Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.running.manifest import Manifest, describe_run, hindrances
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result, read_results, write_results
from toolenv.tasks import Task

__all__ = ["RunFolder"]

_JOURNAL = "journal.jsonl.zst"


class RunFolder:
    """A run's folder: ``create`` and ``open_for_resume`` write to it, ``open`` reads it.

    Reading works while another process writes. What is read is what is finished; of several
    finished attempts at an episode the last counts.

    Example:
        >>> import tempfile
        >>> task = Task(id="1", instruction="?")
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with RunFolder.create(Path(place, "run"), [task]) as run:
        ...         run.journal.write(Episode(task, (), agent="react"))
        ...         run.write_results()
        ...     [result.agent for result in RunFolder.open(Path(place, "run")).results()]
        ['react']
    """

    def __init__(self, path: Path, manifest: Manifest, *, skip_corrupt: bool = False) -> None:
        self.path = path
        self.manifest = manifest
        self.skip_corrupt = skip_corrupt
        self._journal: Journal | None = None
        self._times: Appender | None = None

    @classmethod
    def create(
        cls,
        path: Path | str,
        tasks: Iterable[Task],
        *,
        configuration: Mapping[str, JsonValue] | None = None,
        fingerprints: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        network: Mapping[str, str] | None = None,
        sync: Sync = "second",
        durability: Durability = "episode",
    ) -> Self:
        """Begin a run in a folder that does not exist or is empty.

        Args:
            path: The folder.
            tasks: The tasks of the run; their ids are unique.
            configuration: The settings that results depend on; see ``Manifest``.
            fingerprints: Digests of what results depend on, by part.
            environment: Digests of the environment's parts.
            network: Who may use the network in an offline run.
            sync: What survives a power loss; see ``toolenv.running.journal``.
            durability: What survives the death of the process; see there.

        Raises:
            JournalError: The folder is in use, or the tasks' ids are not unique.
        """
        path = Path(path)
        manifest, lines = describe_run(tasks, configuration, fingerprints, environment, network)
        if path.exists() and (not path.is_dir() or _holds_anything(path)):
            raise JournalError(
                "Is not an empty folder.",
                where=str(path),
                fix="Resume the run that is there (--resume), or name another folder.",
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"Cannot be made: {error.strerror}.", where=str(path)) from error
        run = cls(path, manifest)
        run._journal = Journal(path / _JOURNAL, sync=sync, durability=durability)
        write_atomically(path / "tasks.jsonl", lines)
        run.write_manifest()  # last: a folder with a manifest is complete
        return run

    @classmethod
    def open(cls, path: Path | str, *, skip_corrupt: bool = False) -> Self:
        """Open a run for reading.

        Args:
            path: The folder.
            skip_corrupt: Pass over what is damaged in the journal; what it held is not finished,
                and ``damaged`` says where it was.

        Raises:
            JournalError: The folder holds no run, or one of a newer version.
        """
        path = Path(path)
        return cls(path, Manifest.read(path / "manifest.json"), skip_corrupt=skip_corrupt)

    @classmethod
    def open_for_resume(
        cls,
        path: Path | str,
        tasks: Iterable[Task],
        *,
        configuration: Mapping[str, JsonValue] | None = None,
        fingerprints: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        network: Mapping[str, str] | None = None,
        sync: Sync = "second",
        durability: Durability = "episode",
        skip_corrupt: bool = False,
        extend: bool = False,
    ) -> Self:
        """Open a run to go on with it; the arguments are those of ``create``.

        Args:
            path: The folder.
            tasks: The tasks of the run.
            configuration: As ``create``.
            fingerprints: As ``create``.
            environment: As ``create``.
            network: As ``create``.
            sync: As ``create``; it may differ from the run's.
            durability: As ``create``; it may differ from the run's.
            skip_corrupt: Close off what is damaged in the journal and redo what it held.
            extend: Let the run grow: more tasks, seeds, agents or policies beside those that it
                has, which must be unchanged. Manifest and tasks are then those of a run begun
                that way, and so will be its results; where the environment's tasks are others,
                episodes keep the environment's fingerprint of when they were run.

        Raises:
            JournalError: The run was made from something else (each difference is named), another
                process is writing it, or its journal is damaged.
        """
        run = cls.open(path, skip_corrupt=skip_corrupt)
        given = list(tasks)
        now, lines = describe_run(given, configuration, fingerprints, environment, network)
        different = hindrances(run.manifest, run.tasks, now, given, extend=extend)
        if different:
            raise JournalError(
                f"Cannot be resumed, because it would be a different run: {'; '.join(different)}.",
                where=str(run.path),
                fix="Resume with the run's own settings, or name another folder.",
            )
        run._journal = Journal(
            run.path / _JOURNAL, sync=sync, durability=durability, skip_corrupt=skip_corrupt
        )
        (run.path / "results.jsonl").unlink(missing_ok=True)  # they will be out of date
        if extend:
            run._extend(now, lines)
        return run

    def _extend(self, now: Manifest, lines: list[bytes]) -> None:
        """Make the folder that of a larger run; a crash in between leaves the smaller one."""
        write_atomically(self.path / "tasks.jsonl", lines)
        kept = {"versions": self.manifest.versions, "sessions": self.manifest.sessions}
        self.manifest = now.model_copy(update=kept)
        self.write_manifest()
        self.__dict__.pop("tasks", None)

    @property
    def journal(self) -> Journal:
        """The journal, for writing.

        Raises:
            JournalError: The folder was opened for reading.
        """
        if self._journal is None:
            raise JournalError(
                "Is open for reading only.", where=str(self.path), fix="Open it for resume."
            )
        return self._journal

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The run's tasks by id, in the run's order.

        Raises:
            JournalError: The file is missing or damaged.
        """
        return {task.id: task for task in _read_tasks(self.path / "tasks.jsonl")}

    def finished(self) -> set[EpisodeKey]:
        """The keys of the episodes that need not be done again."""
        return self._reader.finished()

    def outcomes(self) -> dict[EpisodeKey, Outcome]:
        """How each finished episode went, in the order they finished."""
        return self._reader.outcomes()

    def attempt_numbers(self) -> dict[EpisodeKey, int]:
        """The how manieth attempt at each finished episode it is that counts, from 1."""
        return self._reader.attempt_numbers()

    def episodes(self, keys: Container[EpisodeKey] | None = None) -> Iterator[Episode]:
        """The finished episodes, in the order they finished, streamed from the journal.

        Args:
            keys: Only these; None for all. Those of a list, set or mapping are looked up one by
                one, without reading the others.
        """
        return map(self._episode, self._reader.last_attempts(keys))

    def episode(self, task: str, agent: str, policy: str, seed: int) -> Episode | None:
        """One finished episode, looked up; None where it is not finished."""
        attempt = self._reader.attempt(EpisodeKey(task, agent, policy, seed))
        if attempt is None:
            return None
        if "tasks" not in self.__dict__:  # reading one is faster than reading all
            path = self.path / "tasks.jsonl"
            alone = next((one for one in _read_tasks(path, task) if one.id == task), None)
            if alone is not None:
                return attempt.episode(alone)
        return self._episode(attempt)

    def unfinished(self) -> list[Episode]:
        """What broke off or is under way, as far as it got; no result counts it.

        Known only of runs that are durable by the step.
        """
        return list(map(self._episode, self._reader.unfinished()))

    def damaged(self) -> list[Damage]:
        """The damaged pieces of the journal, all of which is read for this."""
        return self._reader.damaged()

    def write_results(self) -> None:
        """Write ``results.jsonl`` from the journal, and the counts into the manifest.

        Raises:
            JournalError: The folder is open for reading only, or cannot be written.
        """
        self.journal.flush()
        results = self._results()
        write_results(self.path / "results.jsonl", results)
        counts = {**self.manifest.counts, "episodes": len(results)}
        self.manifest = self.manifest.model_copy(update={"counts": counts})
        self.write_manifest()

    def write_manifest(self) -> None:
        """Write ``manifest.json`` anew.

        Raises:
            JournalError: The file cannot be written.
        """
        self.manifest.write(self.path / "manifest.json")

    def results(self) -> list[Result]:
        """The rows of ``results.jsonl``, or of the journal's index while it is not complete."""
        path = self.path / "results.jsonl"
        if path.exists() and self._journal is None:
            return list(read_results(path))
        return sorted(self._results(), key=lambda result: result.key)

    def _results(self) -> list[Result]:
        return [
            result._replace(split=split) if (split := self._task(result.task).split) else result
            for result in self._reader.results()
        ]

    def write_times(self, key: EpisodeKey, measured: Mapping[str, float]) -> None:
        """Note what was measured of an episode, such as ``{"seconds": 1.5}``; a crash may lose it.

        Raises:
            JournalError: The folder is open for reading only, or the file cannot be written.
        """
        if self._times is None:
            _ = self.journal  # refuses where the folder is open for reading
            self._times = Appender(self.path / "times.jsonl")
        self._times.append(f"{render({**key._asdict(), **measured})}\n".encode())

    def close(self) -> None:
        """Write what is gathered and let the next process in. Closing twice is harmless."""
        with contextlib.ExitStack() as closing:
            if self._journal is not None:
                closing.callback(self._journal.close)
            if self._times is not None:
                closing.callback(self._times.close)
            closing.callback(self._reader.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @cached_property
    def _reader(self) -> JournalReader:
        return JournalReader(self.path / _JOURNAL, skip_corrupt=self.skip_corrupt)

    def _episode(self, attempt: RecordedAttempt) -> Episode:
        return attempt.episode(self._task(attempt.key.task))

    def _task(self, name: str) -> Task:
        task = self.tasks.get(name)
        if task is None:
            raise JournalError(
                f"Has no task {name!r}, of which the journal has an episode.",
                where=str(self.path / "tasks.jsonl"),
                fix="Restore the file from a copy.",
            )
        return task


def _holds_anything(path: Path) -> bool:
    """Whether a folder holds more than what a crash while creating a run leaves."""
    return any(
        not file.name.startswith(("journal.", "tasks.jsonl")) and file.suffix != UNFINISHED
        for file in path.iterdir()
    )


def _read_tasks(path: Path, only: str | None = None) -> Iterator[Task]:
    """The tasks of a file; with ``only``, those alone whose line names that id somewhere."""
    named = b"" if only is None else render(only).encode()
    number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                if named in line:
                    yield Task.model_validate(parse(line))
    except OSError as error:
        raise JournalError(f"Cannot be read: {error.strerror}.", where=str(path)) from error
    except ValueError as error:  # pydantic's included
        raise JournalError(
            f"Is not a task: {error}.",
            where=f"{path}:{number}",
            fix="Restore the file from a copy.",
        ) from error
