"""Runs written as tables of episodes and steps, with a card that says what made them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from toolenv import __version__
from toolenv.episodes import Episode
from toolenv.errors import FormatError
from toolenv.formats.dataset_cards import write_card
from toolenv.formats.row_files import RowFormat, row_path, writing_rows
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.run_tables import EPISODES, STEPS, episode_row, step_rows
from toolenv.running.verdict_sets import pass_verdicts

__all__ = ["RunExport", "export_runs"]


class RunExport(NamedTuple):
    """What an export wrote.

    Args:
        folder: Where.
        episodes: How many episodes.
        steps: How many steps.
        left_out: Attempts that have not finished, by run.
    """

    folder: Path
    episodes: int
    steps: int
    left_out: Mapping[str, int]


def export_runs(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    format: RowFormat = "parquet",
    verdicts: str = "",
    report: Callable[[int, int], None] = lambda done, total: None,
) -> RunExport:
    """Write the finished episodes of runs as two tables, ``episodes`` and ``steps``.

    Rows are in the order of runs, then of tasks, agents, policies and seeds, so that equal runs
    give equal bytes. Memory does not grow with them.

    Args:
        paths: The runs' folders.
        out: The folder to write; tables that are there are replaced.
        format: ``parquet``, ``jsonl`` or ``datasets``.
        verdicts: The set of pass verdicts beside each run that fills the column ``verdict``.
        report: Told how many episodes are written, and of how many.

    Raises:
        FormatError: No episode has finished, or the folder cannot be written.
        ConfigurationError: What the format needs is not installed, or a set holds no pass verdict.
        JournalError: A run or its verdicts cannot be read.
    """
    out = Path(out)
    runs = [RunFolder.open(path) for path in paths]
    names = [run.path.name for run in runs]
    names = [
        name if names.count(name) == 1 else str(run.path)
        for name, run in zip(names, runs, strict=True)
    ]
    total = sum(len(run.finished()) for run in runs)
    if not total:
        raise FormatError(
            "No episode has finished.",
            where=", ".join(map(str, paths)),
            fix="Run some: toolenv run --out RUN.",
        )
    episodes = steps = 0
    report(0, total)
    with ExitStack() as tables:
        write_episode, write_step = (
            tables.enter_context(writing_rows(row_path(out, name, format), columns, format))
            for name, columns in (("episodes", EPISODES), ("steps", STEPS))
        )
        for name, run in zip(names, runs, strict=True):
            judged = pass_verdicts(run.path, verdicts) if verdicts else {}
            attempts = run.attempt_numbers()
            for episode in _sorted(run):
                key = EpisodeKey.of(episode)
                attempt, verdict = attempts[key], judged.get(key)
                write_episode(
                    episode_row(name, episode, attempt, verdict.decision if verdict else None)
                )
                for row in step_rows(name, episode, attempt):
                    write_step(row)
                episodes += 1
                steps += len(episode.steps)
                report(episodes, total)
    unfinished = {name: len(run.unfinished()) for name, run in zip(names, runs, strict=True)}
    left_out = {name: count for name, count in unfinished.items() if count}
    found = RunExport(out, episodes, steps, left_out)
    text = "\n".join(_card(dict(zip(names, runs, strict=True)), found, verdicts))
    write_card(out, text, {"episodes": EPISODES, "steps": STEPS}, format)
    return found


def _sorted(run: RunFolder) -> Iterator[Episode]:
    _ = run.tasks  # read once for all the look-ups
    for key in sorted(run.finished()):
        if (episode := run.episode(*key)) is not None:
            yield episode


def _card(runs: Mapping[str, RunFolder], found: RunExport, verdicts: str) -> Iterator[str]:
    yield "# Episodes of tool use"
    yield ""
    yield (
        f"Made by toolenv {__version__}: {found.episodes} episodes and {found.steps} steps. A step "
        "belongs to the episode of the same run, task, agent, policy and seed; steps are numbered "
        "in pre-order, and `parent` is the number of the step before, -1 for none. Columns with "
        "arguments, states and counts hold JSON text."
    )
    if verdicts:
        yield f"\n`verdict` is that of the verdict set `{verdicts}`."
    for name, run in runs.items():
        manifest = run.manifest
        yield f"\n## {name}\n"
        if name in found.left_out:
            yield f"{found.left_out[name]} attempts had not finished and are left out.\n"
        yield "```json"
        yield manifest.model_dump_json(
            indent=2, include={"versions", "tasks", "fingerprints", "environment", "configuration"}
        )
        yield "```"
