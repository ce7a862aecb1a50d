"""Runs made by hand, to be judged."""

from __future__ import annotations

from pathlib import Path

from tests.judging.judged_by_hand import attempt, task
from toolenv.episodes import Episode
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task


def written(path: Path, episodes: list[Episode], tasks: list[Task] | None = None) -> RunFolder:
    known = tasks or list({episode.task.id: episode.task for episode in episodes}.values())
    with RunFolder.create(path, known, sync="never") as run:
        for episode in episodes:
            run.journal.write(episode)
        run.write_results()
    return RunFolder.open(path)


def run_of(path: Path, count: int = 6, word: str = "°C", policy: str = "script") -> RunFolder:
    return written(
        path, [attempt(task(str(n)), f"{n} {word}", policy=policy) for n in range(count)]
    )
