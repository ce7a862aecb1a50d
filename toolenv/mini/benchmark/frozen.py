"""The digests by which the splits are frozen: made before anything was trained.

A digest covers all that a result on a task depends on: the task, which of the offered APIs fail and
how, and what the others answer to the calls that solve it. ``python -m
toolenv.mini.benchmark.frozen`` prints them anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from toolenv.fingerprint import fingerprint
from toolenv.mini.benchmark.plans import TEST_SPLITS, plan_of
from toolenv.mini.benchmark.tasks import benchmark_tasks, train_tasks
from toolenv.tasks import Task

__all__ = ["DIGESTS", "digest", "digests"]

DIGESTS: Final[dict[str, str]] = {
    "I1-inst": "tasks-6beca2ead12151a3",
    "I1-tool": "tasks-89672e677aef2473",
    "I1-cat": "tasks-6d9718060a9a18e2",
    "I2-inst": "tasks-488055ab70b91412",
    "I2-cat": "tasks-2750d723514e826a",
    "I3-inst": "tasks-556824197ecd3541",
    "validation": "tasks-9901b38b3c6f3b35",
    "train": "tasks-b0ec5d4c9852dfb9",
}
"""Split to digest; of training, of the first hundred tasks of seed 0."""


def digest(tasks: Iterable[Task]) -> str:
    """A digest of tasks and of what happens in them."""
    told = []
    for task in tasks:
        plan = plan_of(task.id)
        solution = [[goal.need.kind, goal.given, goal.value] for goal in plan.goals]
        told.append([task.model_dump(mode="json"), list(plan.fates), solution])
    return fingerprint("tasks", told)


def digests() -> dict[str, str]:
    """The digests of the tasks as they are generated now."""
    found = {split: digest(benchmark_tasks(split)) for split in (*TEST_SPLITS, "validation")}
    return {**found, "train": digest(train_tasks(seed=0, count=100))}


if __name__ == "__main__":
    for name, value in digests().items():
        print(f'    "{name}": "{value}",')
