"""Task files: our own, or a ToolBench instruction file, told apart by what is in them.

Ours is ``{"format": "toolenv-tasks", "version": 1, "tasks": […]}``, or JSON lines whose first line
is that object without ``tasks``, each record being what ``Task`` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object
from toolenv.formats.files import read_text, write_text
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.instructions import parse_instructions
from toolenv.jsontext import JsonValue, parse, render
from toolenv.tasks import Task

__all__ = ["read_tasks", "write_tasks"]

_FORMAT: Final = "toolenv-tasks"
_VERSION: Final = 1
_FIX: Final = (
    "Use a ToolBench instruction file (a JSON list of objects with a query), or a file that "
    "write_tasks wrote."
)


def read_tasks(
    path: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[Task]:
    """Read tasks from our own file or from a ToolBench instruction file.

    Args:
        path: The file.
        skip_bad: Leave malformed entries out, each recorded in the report.
        report: Where entries read and skipped and unusual forms are counted.

    Raises:
        FormatError: There is no such file, it is of neither kind, or (without ``skip_bad``) an
            entry is malformed.
    """
    path = Path(path)
    report = ReadReport() if report is None else report
    text = read_text(path)
    try:
        value = parse(text)
    except ValueError as error:
        return _read_lines(path, text, error, skip_bad=skip_bad, report=report)
    if isinstance(value, list):
        return parse_instructions(value, path, skip_bad=skip_bad, report=report)
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        raise FormatError("This is no file of tasks.", where=path.name, fix=f"{_hint(value)}{_FIX}")
    _check_version(value, path.name)
    entries = json_list(value.get("tasks", []), f"{path.name}.tasks")
    numbered: list[tuple[str, JsonValue]] = [
        (f"{path.name}.tasks[{number}]", entry) for number, entry in enumerate(entries)
    ]
    return _read_records(numbered, skip_bad=skip_bad, report=report)


def write_tasks(tasks: Sequence[Task], path: str | PathLike[str]) -> None:
    """Write our own task file: JSON lines where the name ends in ``.jsonl``, else one object.

    Raises:
        FormatError: The file cannot be written.
    """
    path = Path(path)
    records = [task.model_dump(mode="json") for task in tasks]
    head: dict[str, JsonValue] = {"format": _FORMAT, "version": _VERSION}
    if path.suffix == ".jsonl":
        write_text(path, "".join(render(line) + "\n" for line in (head, *records)))
    else:
        write_text(path, render({**head, "tasks": records}) + "\n")


def _read_lines(
    path: Path, text: str, error: ValueError, *, skip_bad: bool, report: ReadReport
) -> list[Task]:
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        head = parse(lines[0]) if lines else None
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != _FORMAT:
        what = f"The file is not JSON: {error}." if lines else "The file is empty."
        raise FormatError(what, where=path.name, fix=_FIX)
    _check_version(head, path.name)
    entries: list[tuple[str, JsonValue]] = []
    for number, line in enumerate(lines[1:], start=2):
        where = f"{path.name}:{number}"
        try:
            entries.append((where, parse(line)))
        except ValueError as problem:
            bad = FormatError(f"The line is not JSON: {problem}.", where=where)
            if not skip_bad:
                raise bad from None
            report.skip(bad)
    return _read_records(entries, skip_bad=skip_bad, report=report)


def _read_records(
    entries: Sequence[tuple[str, JsonValue]], *, skip_bad: bool, report: ReadReport
) -> list[Task]:
    tasks: list[Task] = []
    seen: dict[str, str] = {}
    for where, entry in entries:
        try:
            task = _read_record(entry, where)
            if task.id in seen:
                raise FormatError(
                    f"The id {task.id} is that of {seen[task.id]} too.", where=f"{where}.id"
                )
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        seen[task.id] = where
        tasks.append(task)
        report.read += 1
    return tasks


def _read_record(entry: JsonValue, where: str) -> Task:
    try:
        return Task.model_validate(json_object(entry, where))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
        raise FormatError(f"{first['msg']}.", where=f"{where}{place}") from None


def _check_version(head: dict[str, JsonValue], where: str) -> None:
    if head.get("version") != _VERSION:
        raise FormatError(
            f"The file is of version {head.get('version')!r}; this toolenv reads {_VERSION}.",
            where=f"{where}.version",
            fix="Read it with the toolenv that wrote it.",
        )


def _hint(value: JsonValue) -> str:
    """What the file seems to be instead."""
    if not isinstance(value, dict):
        return ""
    if "answer_generation" in value:
        return "It looks like an answer file (read_answer). "
    first = next(iter(value.values()), None)
    if isinstance(first, dict) and "answer" in first:
        return "It looks like converted answers (read_converted). "
    if value and all(item == 0 for item in value.values()):
        return "It looks like a list of test ids (read_query_ids). "
    return ""
