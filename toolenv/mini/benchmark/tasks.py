"""MiniToolBench-v1's tasks: test splits and validation, frozen, and training without end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count as counted
from itertools import islice
from typing import Final
from weakref import WeakValueDictionary

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.mini.benchmark.plans import TEST_SPLITS, Goal, Plan, plan_of
from toolenv.mini.benchmark.simulator import Booking, answer, first_booking
from toolenv.mini.benchmark.values import code_of, value_of
from toolenv.tasks import Check, Task

__all__ = [
    "TASKS_OF_A_SPLIT",
    "TASKS_OF_VALIDATION",
    "TEST_SPLITS",
    "benchmark_task",
    "benchmark_tasks",
    "train_tasks",
    "validation_tasks",
]

TASKS_OF_A_SPLIT: Final = 200
"""Tasks of each test split."""

TASKS_OF_VALIDATION: Final = 300
"""Tasks of the validation split: as many of each test split's kind."""

_HELD: Final = WeakValueDictionary[str, Task]()
"""Drawing takes half a millisecond, and a run's expert names the tasks that the run holds."""


def benchmark_tasks(split: str | None = None) -> list[Task]:
    """The tasks of a test split, or of all six.

    Args:
        split: One of ``TEST_SPLITS``; ``validation`` gives the validation split.

    Raises:
        ConfigurationError: There is no such split.

    Example:
        >>> benchmark_tasks("I3-inst")[0].id
        'I3-inst-0'
    """
    if split == "validation":
        return validation_tasks()
    if split is not None and split not in TEST_SPLITS:
        raise ConfigurationError(
            f"MiniToolBench-v1 has no split {split!r}.",
            fix=f"Use one of {', '.join(TEST_SPLITS)}, validation; train_tasks draws training.",
        )
    names = TEST_SPLITS if split is None else (split,)
    return [task for name in names for task in _frozen(name, TASKS_OF_A_SPLIT)]


def validation_tasks() -> list[Task]:
    """The tasks to tune on: of the six test splits' kinds, with words and tools of their own."""
    return list(_frozen("validation", TASKS_OF_VALIDATION))


def train_tasks(seed: int = 0, count: int | None = 2000, start: int = 0) -> Iterator[Task]:
    """Tasks to train on; the n-th of a seed is always the same.

    Args:
        seed: Another seed, other tasks.
        count: How many; None for an endless stream.
        start: The number of the first.

    Example:
        >>> [task.id for task in train_tasks(seed=7, count=2)]
        ['train-7-0', 'train-7-1']
    """
    numbers = islice(counted(start), count)
    return (benchmark_task(f"train-{seed}-{number}") for number in numbers)


@cache
def _frozen(split: str, count: int) -> tuple[Task, ...]:
    return tuple(benchmark_task(f"{split}-{number}") for number in range(count))


def benchmark_task(task: str) -> Task:
    """A task by its id; the same object for as long as someone holds it.

    Raises:
        ConfigurationError: It is no id of this benchmark.
    """
    held = _HELD.get(task)
    if held is not None:
        return held
    plan = plan_of(task)
    drawn = _HELD[task] = Task(
        id=plan.id,
        instruction=plan.sentence.text,
        apis=tuple(one.api for one in plan.offers),
        relevant=tuple((one.api.tool, one.api.name) for one in plan.relevant),
        check=_check(plan),
        split=plan.split,
        max_steps=plan.max_steps,
    )
    return drawn


def _check(plan: Plan) -> Check:
    """All values that were asked for, nothing else from their responses, and the state left."""
    if not plan.solvable:
        return Check(kind="gives_up")
    reported = [goal for goal in plan.goals if goal.reported]
    parts = [_states(goal.value) for goal in reported]
    wrong = _decoys(plan, reported)
    if wrong:
        inner = wrong[0] if len(wrong) == 1 else Check(kind="any", checks=tuple(wrong))
        parts.append(Check(kind="not", checks=(inner,)))
    if any(goal.need.kind in ("reserve", "cancel") for goal in plan.goals):
        shown: list[JsonValue] = [one.shown() for one in _left(plan)]
        parts.append(Check(kind="state", path="$.bookings", value=shown))
    return parts[0] if len(parts) == 1 else Check(kind="all", checks=tuple(parts))


def _states(value: JsonValue) -> Check:
    if isinstance(value, int | float):
        return Check(kind="number", value=value)
    return Check(kind="contains", value=value)


def _decoys(plan: Plan, reported: list[Goal]) -> list[Check]:
    """Checks of the other values in the responses: an answer that copies all of them is wrong."""
    said = plan.sentence.text.casefold()
    right = [str(goal.value).casefold() for goal in reported]
    found: dict[str, JsonValue] = {}
    for goal in reported:
        for one in plan.providers(goal):
            code = goal.given.get("code") or code_of(goal.need.noun, str(goal.given.get("name")))
            for _, attribute in one.decoys:
                value = value_of(attribute.head, attribute.key, goal.need.noun, code, "")
                found[str(value).casefold()] = value
    return [
        _states(value)
        for text, value in found.items()
        if text not in said and not any(text in known or known in text for known in right)
    ]


def _left(plan: Plan) -> tuple[Booking, ...]:
    bookings: tuple[Booking, ...] = (first_booking(plan.id),)
    for goal in plan.goals:
        bookings = answer(goal.need, goal.given, bookings).bookings
    return bookings
