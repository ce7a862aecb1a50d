"""Runs of policies with known pass rates, written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from toolenv.episodes import Episode, Outcome
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task

Decides = Callable[[int, int, int], Outcome]
"""The outcome of a policy, on a task, with a seed, all by number."""


def written(
    place: Path,
    decides: Decides,
    *,
    policies: Sequence[int] = range(8),
    tasks: int = 12,
    seeds: Sequence[int] = (0,),
    agent: str = "react",
    **environment: str,
) -> RunFolder:
    """A run in an environment whose parts have the digests given."""
    known = [Task(id=f"task {number}", instruction="?") for number in range(tasks)]
    parts = {"simulator": "simulator-1", "tasks": "tasks-1", **environment}
    with RunFolder.create(place, known, environment=parts, sync="never") as run:
        for policy in policies:
            for number, task in enumerate(known):
                for seed in seeds:
                    run.journal.write(
                        Episode(
                            task,
                            (),
                            agent=agent,
                            policy=f"policy {policy}",
                            seed=seed,
                            outcome=decides(policy, number, seed),
                        )
                    )
        run.write_results()
    return RunFolder.open(place)


def at_least(*passed: int) -> Decides:
    """The n-th policy passes the first so many tasks."""
    return lambda policy, task, seed: "passed" if task < passed[policy] else "failed"
