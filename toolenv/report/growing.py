"""Runs that may still be growing: what a served page shows of them, read again when they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from toolenv.errors import ToolenvError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, parse, render
from toolenv.judging.agreement import Label
from toolenv.report.episode_data import episode_data
from toolenv.report.index import index_data
from toolenv.report.overview import Overview, overview_of
from toolenv.report.page import page_pieces
from toolenv.report.runs import ReportedRun, Row, open_runs, row_of_episode
from toolenv.report.visible import visible
from toolenv.running.records import EpisodeKey

__all__ = ["GrowingRuns"]


class _State(NamedTuple):
    """What was read last."""

    version: str
    runs: Sequence[ReportedRun]
    rows: Sequence[Row]
    overview: Overview
    listed: bytes


class GrowingRuns:
    """Runs to be looked at while they are written; all methods may be called by several threads.

    What cannot be read, because it is half written or damaged, changes nothing: what was read is
    shown on, and ``problem`` says why.

    Args:
        paths: The run folders.
        title: The page's heading; the runs' names by default.
        labels: What people say of the episodes.

    Raises:
        JournalError: A run cannot be read at all.
    """

    def __init__(
        self, paths: Sequence[Path], *, title: str = "", labels: Sequence[Label] = ()
    ) -> None:
        self._paths = paths
        self._title = title
        self._labels = labels
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, EpisodeKey], Row] = {}
        self._tried = ""
        self.problem = ""
        self._state = self._read(self._written())

    def page(self) -> str:
        """The page as it is now, without episodes."""
        state = self._now()
        pieces = page_pieces(
            state.runs, state.overview, title=self._title, live=True, labels=self._labels
        )
        return "".join(pieces)

    def index(self, known: str) -> bytes | None:
        """The list of episodes with its version as JSON; None where the client knows it."""
        state = self._now()
        version = f"{state.version}{'!' if self.problem else ''}"
        if known == version:
            return None
        about = render({"version": version, "problem": visible(self.problem)}).encode()
        return about[:-1] + b"," + state.listed[1:]

    def episode(self, name: str, key: EpisodeKey) -> bytes | None:
        """An episode as JSON; None where there is none.

        Args:
            name: The run's name, as the list has it.
            key: The episode's key, as the list has it: with what acts made visible.

        Raises:
            JournalError: It cannot be read.
        """
        state = self._now()
        for row in state.rows:
            if row.run == name and _shown(row.result.key) == key:
                run = next(run for run in state.runs if run.name == name)
                episode = run.folder.episode(*row.result.key)
                if episode is not None:
                    return episode_data(episode, run.verdicts_on(row.result.key))
        return None

    def search(self, text: str) -> bytes:
        """The keys of the episodes in whose steps a text stands, as JSON.

        Args:
            text: The text, in lower case.

        Raises:
            JournalError: A run cannot be read.
        """
        found: list[JsonValue] = []
        for run in self._now().runs:
            for episode in run.folder.episodes():
                data = parse(episode_data(episode))
                assert isinstance(data, dict)
                if any(text in one.lower() for one in _texts(data["steps"])):
                    found.append([run.name, *_shown(EpisodeKey.of(episode))])
        return render({"found": found}).encode()

    def _now(self) -> _State:
        with self._lock:
            written = self._written()
            if written not in (self._state.version, self._tried):
                self._tried = written
                try:
                    self._state = self._read(written)
                    self.problem = ""
                except ToolenvError as error:
                    self.problem = str(error)
            return self._state

    def _read(self, version: str) -> _State:
        runs = open_runs(self._paths)
        rows: list[Row] = []
        for run in runs:
            results = run.folder.results()
            known = [self._rows.get((run.name, result.key)) for result in results]
            changed = {
                result.key
                for row, result in zip(known, results, strict=True)
                if row is None or row.result != result
            }
            for episode in run.folder.episodes(changed) if changed else ():
                row = row_of_episode(run.name, episode)
                self._rows[run.name, row.result.key] = row
            rows += [self._rows[run.name, result.key] for result in results]
        overview = overview_of([run.name for run in runs], rows)
        return _State(version, runs, rows, overview, index_data(runs, rows))

    def _written(self) -> str:
        """A digest of which files there are, how large, and when they were written."""
        parts: list[JsonValue] = []
        for path in self._paths:
            for file in sorted([*path.glob("*"), *path.glob("*/*")]):
                try:
                    about = file.stat()
                except OSError:  # it has just been replaced
                    continue
                parts.append([str(file), about.st_size, about.st_mtime_ns])
        return fingerprint("files", parts)


def _shown(key: EpisodeKey) -> EpisodeKey:
    return EpisodeKey(visible(key.task), visible(key.agent), visible(key.policy), key.seed)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
