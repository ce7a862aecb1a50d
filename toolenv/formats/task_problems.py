"""Everything that is wrong with a task file, each with its file, row, field and cure."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from toolenv.checks.problems import Problem, problems_of
from toolenv.errors import FormatError
from toolenv.formats.report import ReadReport
from toolenv.formats.tasks import read_entries, same_id, task_or_errors
from toolenv.formats.toolbench.instructions import parse_instructions
from toolenv.suggestions import did_you_mean
from toolenv.tasks import Task

__all__ = ["find_problems"]

_RESERVED = {*Task.model_fields, "offers"}


def find_problems(path: str | PathLike[str]) -> tuple[list[Task], list[Problem]]:
    """Read a task file, and say everything that is wrong with it.

    Args:
        path: Our own file, or a ToolBench instruction file.

    Returns:
        The tasks that could be read, and the problems, in the order of the file.

    Raises:
        FormatError: There is no such file, or it is no file of tasks.
    """
    path = Path(path)
    entries = read_entries(path)
    if entries.toolbench is not None:
        report = ReadReport()
        tasks = parse_instructions(entries.toolbench, path, skip_bad=True, report=report)
        return tasks, [Problem(where, what) for where, what in report.skipped]
    tasks, problems = [], []
    if not entries.records:
        problems.append(Problem(path.name, "There are no tasks.", "'toolenv tasks new' adds one."))
    seen: dict[str, str] = {}
    for where, entry in entries.records:
        if isinstance(entry, FormatError):
            problems.append(_problem(entry))
            continue
        task, errors = task_or_errors(entry, where, entries.apis)
        problems += map(_problem, errors)
        if task is None:
            continue
        if task.id in seen:
            problems.append(_problem(same_id(task.id, seen[task.id], where)))
        seen.setdefault(task.id, where)
        tasks.append(task)
        problems += [Problem(f"{where}.{field}", what, fix) for field, what, fix in _of_task(task)]
    return tasks, problems


def _problem(error: FormatError) -> Problem:
    return Problem(error.where, error.what, error.fix or _cure(error.what))


def _cure(what: str) -> str:
    if "Field required" in what:
        return "Add the key."
    return "Give every task an id of its own." if what.startswith("The id ") else ""


def _of_task(task: Task) -> list[Problem]:
    problems: list[Problem] = []
    if not task.id.strip():
        problems.append(Problem("id", "The id is empty.", "Give every task an id of its own."))
    if not task.instruction.strip():
        problems.append(
            Problem("instruction", "The instruction is empty.", "Write what the user asks for.")
        )
    for key in task.unknown:
        fix = did_you_mean(key, _RESERVED)
        if key == "offers":
            what = "There are no shared APIs to offer."
            problems.append(Problem(key, what, "Give the file apis, or the task apis of its own."))
        elif fix:  # other keys are kept, whatever they are
            problems.append(Problem(key, "A task has no such key.", fix))
    if task.check is not None:
        problems += problems_of(task.check, task)
    return problems
