"""MiniToolBench's tasks, and the solutions that prove that they can be solved."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from toolenv.apis import API, name_apis
from toolenv.errors import ConfigurationError
from toolenv.formats.gold import Gold
from toolenv.jsontext import JsonValue
from toolenv.mini.rows import Row
from toolenv.mini.world import MINI_TOOLS, ROWS
from toolenv.tasks import Task

__all__ = ["MINI_SPLITS", "MiniSolution", "mini_solution", "mini_tasks"]

MINI_SPLITS: tuple[str, ...] = tuple(ROWS)
"""The names of the splits, in order."""


class MiniSolution(NamedTuple):
    """How a task is solved.

    Args:
        calls: Function names, as the task offers them, with their arguments, in order.
        answer: The final answer; None to give up, where the task cannot be solved.
    """

    calls: tuple[tuple[str, dict[str, JsonValue]], ...]
    answer: str | None


def mini_tasks(split: str | None = None) -> list[Task]:
    """The tasks of a split, or of all six.

    Args:
        split: ``I1-inst``, ``I1-tool``, ``I1-cat``, ``I2-inst``, ``I2-cat`` or ``I3-inst``.

    Raises:
        ConfigurationError: There is no such split.

    Example:
        >>> [task.id for task in mini_tasks("I3-inst")][:2]
        ['I3-inst-1', 'I3-inst-2']
    """
    if split is not None and split not in ROWS:
        raise ConfigurationError(
            f"MiniToolBench has no split {split!r}.", fix=f"Use one of {', '.join(MINI_SPLITS)}."
        )
    return [task for name in MINI_SPLITS if split in (None, name) for task in _tasks_of(name)]


def mini_solution(task_id: str) -> MiniSolution:
    """The calls and the answer that solve a task.

    Args:
        task_id: A task of MiniToolBench.

    Raises:
        ConfigurationError: There is no such task.
    """
    for task in mini_tasks():
        if task.id == task_id:
            gold = Gold.of(task)
            assert gold is not None
            return MiniSolution(
                tuple((call.function, dict(call.arguments)) for call in gold.calls or ()),
                gold.answer,
            )
    raise ConfigurationError(
        f"MiniToolBench has no task {task_id!r}.", fix="Ids look like 'I1-inst-1'."
    )


@cache
def _tasks_of(split: str) -> tuple[Task, ...]:
    return tuple(_task(row, split) for row in ROWS[split])


def _task(row: Row, split: str) -> Task:
    documents = _documents()
    offered = tuple(documents[reference] for reference in row.offers)
    names = {f"{api.tool}.{api.name}": name for name, api in name_apis(offered).items()}
    calls = [{"function": names[api], "arguments": dict(given)} for api, given in row.calls]
    return Task(
        id=row.id,
        instruction=row.instruction,
        apis=offered,
        relevant=tuple(
            (documents[reference].tool, documents[reference].name)
            for reference in dict.fromkeys(reference for reference, _ in row.calls)
        ),
        check=row.check,
        split=split,
        gold={"calls": calls, "answer": row.answer},  # type: ignore[call-arg]
    )


@cache
def _documents() -> dict[str, API]:
    return {f"{api.tool}.{api.name}": api for tool in MINI_TOOLS for api in tool.apis}
