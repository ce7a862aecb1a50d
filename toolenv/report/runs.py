"""Runs as a report shows them: opened, named, each episode as a row with what went wrong in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from toolenv.episodes import Episode
from toolenv.errors import JournalError
from toolenv.judging.error_taxonomy import errors_of
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.results import Result, result_of
from toolenv.running.verdict_sets import AnyVerdict, VerdictManifest, VerdictSet, verdict_sets

__all__ = ["JudgedSet", "ReportedRun", "Row", "open_runs", "row_of_episode"]


class Row(NamedTuple):
    """An episode in the list.

    Args:
        run: The run's name.
        result: What the episode came to.
        errors: How often what went wrong, by kind; see ``toolenv.judging.error_taxonomy``.
    """

    run: str
    result: Result
    errors: Mapping[str, int]


class JudgedSet(NamedTuple):
    """A set of verdicts beside a run.

    Args:
        name: The set's name.
        manifest: Who judged.
        verdicts: All of them.
        by_episode: The verdicts on each episode; a set of comparisons may hold several.
    """

    name: str
    manifest: VerdictManifest
    verdicts: Sequence[AnyVerdict]
    by_episode: Mapping[EpisodeKey, Sequence[AnyVerdict]]


class ReportedRun(NamedTuple):
    """A run with its name in the report and the verdicts beside it."""

    name: str
    folder: RunFolder
    judged: Sequence[JudgedSet]

    def verdicts_on(self, key: EpisodeKey) -> list[tuple[str, AnyVerdict]]:
        """The verdicts on an episode, each with the name of its set."""
        return [(one.name, verdict) for one in self.judged for verdict in one.by_episode[key]]


def open_runs(run_folders: Iterable[RunFolder | Path | str]) -> list[ReportedRun]:
    """Open runs, name each by its folder, and read the verdicts beside them.

    Raises:
        JournalError: None is named, one cannot be read, or a set of verdicts cannot.
    """
    opened = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in run_folders]
    if not opened:
        raise JournalError("No run was named.", fix="Name at least one run folder.")
    return [
        ReportedRun(name, run, _judged(run))
        for name, run in zip(_names(opened), opened, strict=True)
    ]


def row_of_episode(run: str, episode: Episode) -> Row:
    """An episode's row; of one whose calls and responses do not pair, no error can be told."""
    paired = all(len(step.calls) == len(step.responses) for step in episode.steps)
    return Row(run, result_of(episode), errors_of(episode) if paired else {})


def _judged(run: RunFolder) -> list[JudgedSet]:
    found = []
    for name, manifest in verdict_sets(run.path).items():
        verdicts = VerdictSet(run.path, name).read()
        by_episode: dict[EpisodeKey, list[AnyVerdict]] = defaultdict(list)
        for one in verdicts:
            by_episode[EpisodeKey(one.task, one.agent, one.policy, one.seed)].append(one)
        found.append(JudgedSet(name, manifest, verdicts, by_episode))
    return found


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """The runs' folder names, numbered where two are alike."""
    names: list[str] = []
    for run in runs:
        name = plain = run.path.resolve().name
        number = 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.append(name)
    return names
