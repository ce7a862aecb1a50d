"""The run folder: everything a run leaves behind, under names that never come from data.

- ``manifest.json``: what the run is: versions, fingerprints, configuration, counts.
- ``tasks.jsonl``: its tasks, one per line.
- ``journal.jsonl``: what happened, step by step (``toolenv.running.journal``).
- ``journal.jsonl.lock``: held by the process that writes the run, and left behind empty-handed.
- ``times.jsonl``: what was measured, apart, because no two runs measure alike.
- ``results.jsonl``: one line per episode, sorted, once the run is complete.
"""

from __future__ import annotations

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
from toolenv.running.journal import Journal
from toolenv.running.journal_reader import JournalReader, RecordedAttempt
from toolenv.running.manifest import Manifest, describe_run, task_differences
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result, read_results, result_of, write_results
from toolenv.tasks import Task

__all__ = ["RunFolder"]


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

        Raises:
            JournalError: The folder is in use, or the tasks' ids are not unique.
        """
        path = Path(path)
        manifest, lines = describe_run(tasks, configuration, fingerprints, environment, network)
        if path.exists() and (not path.is_dir() or _holds_anything(path)):
            raise JournalError(
                "Is not an empty folder.",
                where=str(path),
                fix="Resume the run that is there, or name another folder.",
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"Cannot be made: {error.strerror}.", where=str(path)) from error
        run = cls(path, manifest)
        run._journal = Journal(path / "journal.jsonl", sync=sync)
        write_atomically(path / "tasks.jsonl", lines)
        manifest.write(path / "manifest.json")  # last: a folder with a manifest is complete
        return run

    @classmethod
    def open(cls, path: Path | str, *, skip_corrupt: bool = False) -> Self:
        """Open a run for reading.

        Args:
            path: The folder.
            skip_corrupt: Pass over damaged lines of the journal; what they belonged to is not
                finished, and ``corrupt_lines`` counts them.

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
        skip_corrupt: bool = False,
    ) -> Self:
        """Open a run to go on with it; the arguments are those of ``create``.

        Raises:
            JournalError: The run was made from something else (each difference is named), another
                process is writing it, or its journal is damaged.
        """
        run = cls.open(path, skip_corrupt=skip_corrupt)
        given = list(tasks)
        now, _ = describe_run(given, configuration, fingerprints, environment, network)
        different = run.manifest.differences(now)
        if now.tasks != run.manifest.tasks:
            different.append(task_differences(list(run.tasks.values()), given))
        if different:
            raise JournalError(
                f"Cannot be resumed, because it would be a different run: {'; '.join(different)}.",
                where=str(run.path),
                fix="Resume with the run's own settings, or name another folder.",
            )
        run._journal = Journal(run.path / "journal.jsonl", sync=sync, skip_corrupt=skip_corrupt)
        (run.path / "results.jsonl").unlink(missing_ok=True)  # they will be out of date
        return run

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
        return _tasks_by_id(self.path / "tasks.jsonl")

    def finished(self) -> set[EpisodeKey]:
        """The keys of the episodes that need not be done again."""
        return set(self.outcomes())

    def outcomes(self) -> dict[EpisodeKey, Outcome]:
        """How each finished episode went."""
        scan = self._reader().scan()
        return {key: ending.outcome for key, (_, ending) in scan.finished.items()}

    def episodes(self, keys: Container[EpisodeKey] | None = None) -> Iterator[Episode]:
        """The finished episodes, in the order they finished, streamed from the journal.

        Args:
            keys: Only these; None for all.
        """
        reader = self._reader()
        wanted = {
            number
            for key, (number, _) in reader.scan().finished.items()
            if keys is None or key in keys
        }
        for attempt in reader.attempts(wanted):
            yield self._episode(attempt)

    def episode(self, task: str, agent: str, policy: str, seed: int) -> Episode | None:
        """One finished episode; None where it is not finished."""
        return next(self.episodes({EpisodeKey(task, agent, policy, seed)}), None)

    def unfinished(self) -> list[Episode]:
        """What crashed or is under way, as far as it got; no result counts it."""
        reader = self._reader()
        numbers = set(reader.scan().unfinished)
        return [self._episode(a) for a in reader.attempts(numbers, unfinished=True)]

    def corrupt_lines(self) -> list[int]:
        """The numbers of the journal's damaged lines, where these are skipped."""
        return self._reader().scan().corrupt_lines

    def write_results(self) -> None:
        """Write ``results.jsonl`` from the journal, and the counts into the manifest.

        Raises:
            JournalError: The folder is open for reading only, or cannot be written.
        """
        self.journal.flush()
        results = [result_of(episode) for episode in self.episodes()]
        write_results(self.path / "results.jsonl", results)
        counts = {**self.manifest.counts, "episodes": len(results)}
        self.manifest = self.manifest.model_copy(update={"counts": counts})
        self.manifest.write(self.path / "manifest.json")

    def results(self) -> list[Result]:
        """The rows of ``results.jsonl``, or from the journal while the run is not complete."""
        path = self.path / "results.jsonl"
        if path.exists() and self._journal is None:
            return list(read_results(path))
        return sorted((result_of(e) for e in self.episodes()), key=lambda result: result.key)

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
        try:
            if self._times is not None:
                self._times.close()
        finally:
            if self._journal is not None:
                self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reader(self) -> JournalReader:
        return JournalReader(self.path / "journal.jsonl", skip_corrupt=self.skip_corrupt)

    def _episode(self, attempt: RecordedAttempt) -> Episode:
        task = self.tasks.get(attempt.key.task)
        if task is None:
            raise JournalError(
                f"Has no task {attempt.key.task!r}, of which the journal has an episode.",
                where=str(self.path / "tasks.jsonl"),
                fix="Restore the file from a copy.",
            )
        return attempt.episode(task)


def _holds_anything(path: Path) -> bool:
    """Whether a folder holds more than what a crash while creating a run leaves."""
    ours = {"journal.jsonl", "journal.jsonl.lock", "tasks.jsonl"}
    return any(file.name not in ours and file.suffix != UNFINISHED for file in path.iterdir())


def _tasks_by_id(path: Path) -> dict[str, Task]:
    tasks: dict[str, Task] = {}
    number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                number += 1
                task = Task.model_validate(parse(line))
                tasks[task.id] = task
    except OSError as error:
        raise JournalError(f"Cannot be read: {error.strerror}.", where=str(path)) from error
    except ValueError as error:  # pydantic's included
        raise JournalError(
            f"Is not a task: {error}.",
            where=f"{path}:{number}",
            fix="Restore the file from a copy.",
        ) from error
    return tasks
