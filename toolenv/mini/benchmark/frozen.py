"""The digests by which the splits are frozen, made before the training that is reported.

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
    "I1-inst": "tasks-7ef74965096f9c0b",
    "I1-tool": "tasks-8c5b7789993b87d4",
    "I1-cat": "tasks-9b0187935f0b94c2",
    "I2-inst": "tasks-4453b38155ce3dc2",
    "I2-cat": "tasks-4d8f88e2639fd25f",
    "I3-inst": "tasks-ff8dc4d86f0f4bbd",
    "validation": "tasks-c01a7319065d5069",
    "train": "tasks-2e55eade6c46c4af",
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
