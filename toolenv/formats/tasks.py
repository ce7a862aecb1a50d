"""Task files: our own, or a ToolBench instruction file, told apart by what is in them.

Ours is ``{"format": "toolenv-tasks", "version": 1, "tasks": […]}``, or JSON lines whose first line
is that object without ``tasks``, each record being what ``Task`` holds. The object may also have
``apis``, which its tasks share: a record without ``apis`` offers all of them, or those that its
``offers`` names, by function or by API. Lines of records alone are read too: a run's
``tasks.jsonl``.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

import orjson
from pydantic import ValidationError

from toolenv.apis import API, name_apis
from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object
from toolenv.formats.files import read_text, write_text
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.instructions import parse_instructions
from toolenv.jsontext import JsonValue, parse, render
from toolenv.suggestions import did_you_mean
from toolenv.tasks import Task

__all__ = ["TaskEntries", "read_entries", "read_tasks", "same_id", "task_or_errors", "write_tasks"]

_FORMAT: Final = "toolenv-tasks"
_VERSION: Final = 1
_FIX: Final = (
    "Use a ToolBench instruction file (a JSON list of objects with a query), a file that "
    "'toolenv tasks new' wrote, or a run's tasks.jsonl."
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
    entries = read_entries(path)
    if entries.toolbench is not None:
        return parse_instructions(entries.toolbench, path, skip_bad=skip_bad, report=report)
    tasks: list[Task] = []
    seen: dict[str, str] = {}
    for where, entry in entries.records:
        try:
            if isinstance(entry, FormatError):
                raise entry
            task, errors = task_or_errors(entry, where, entries.apis)
            if task is None:
                raise errors[0]
            if task.id in seen:
                raise same_id(task.id, seen[task.id], where)
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        seen[task.id] = where
        tasks.append(task)
        report.read += 1
    return tasks


class TaskEntries(NamedTuple):
    """What a task file holds, before it is read as tasks.

    Args:
        records: Each record with its place; an error where it is no JSON.
        apis: The APIs that the records share.
        toolbench: The list of a ToolBench instruction file, which has no records.
    """

    records: list[tuple[str, JsonValue | FormatError]]
    apis: tuple[API, ...] = ()
    toolbench: list[JsonValue] | None = None


def read_entries(path: Path) -> TaskEntries:
    """Read what a task file holds.

    Raises:
        FormatError: There is no such file, it is of no known kind, or its shared APIs are
            malformed.
    """
    text = read_text(path)
    try:
        value = parse(text)
    except ValueError as error:
        return _read_lines(path, text, error)
    if isinstance(value, list):
        return TaskEntries([], toolbench=value)
    if _is_record(value):
        return TaskEntries([(f"{path.name}:1", value)])
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        raise FormatError("This is no file of tasks.", where=path.name, fix=f"{_hint(value)}{_FIX}")
    _check_version(value, path.name)
    listed = json_list(value.get("tasks", []), f"{path.name}.tasks")
    return TaskEntries(
        [(f"{path.name}.tasks[{number}]", entry) for number, entry in enumerate(listed)],
        _shared_apis(value, path.name),
    )


def write_tasks(
    tasks: Sequence[Task], path: str | PathLike[str], *, shared: Sequence[API] | None = None
) -> None:
    """Write our own task file: JSON lines where the name ends in ``.jsonl``, else one object.

    Args:
        tasks: The tasks.
        path: The file.
        shared: Write for people: indented, what is as it would be anyway left out, and once,
            behind the tasks, these APIs and all others that the tasks offer.

    Raises:
        FormatError: The file cannot be written.
    """
    path = Path(path)
    head: dict[str, JsonValue] = {"format": _FORMAT, "version": _VERSION}
    if shared is not None:
        write_text(path, _for_people(tasks, shared, head, lines=path.suffix == ".jsonl"))
        return
    records = [task.model_dump(mode="json") for task in tasks]
    if path.suffix == ".jsonl":
        write_text(path, "".join(render(line) + "\n" for line in (head, *records)))
    else:
        write_text(path, render({**head, "tasks": records}) + "\n")


def _for_people(
    tasks: Sequence[Task], shared: Sequence[API], head: dict[str, JsonValue], *, lines: bool
) -> str:
    named = name_apis([*shared, *(api for task in tasks for api in task.apis)])
    functions = {api.identity: name for name, api in named.items()}
    records: list[JsonValue] = []
    for task in tasks:
        record = task.model_dump(mode="json", exclude_defaults=True, exclude={"apis"})
        offers = [functions[api.identity] for api in task.named_apis.values()]
        check = record.pop("check", None)
        if offers != list(named):
            record["offers"] = offers
        records.append({**record, "check": check} if check is not None else record)
    apis = [api.model_dump(mode="json", exclude_defaults=True) for api in named.values()]
    if lines:
        return "".join(render(line) + "\n" for line in ({**head, "apis": apis}, *records))
    whole = {**head, "tasks": records, "apis": apis}
    try:
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode() + "\n"
    except TypeError:  # what orjson cannot write: integers over 64 bits, lone surrogates
        return render(whole) + "\n"


def _read_lines(path: Path, text: str, error: ValueError) -> TaskEntries:
    lines = [line for line in text.split("\n") if line.strip()]
    try:
        head = parse(lines[0]) if lines else None
    except ValueError:
        head = None
    if _is_record(head):
        return TaskEntries(_records(path, lines, first=1))
    if not isinstance(head, dict) or head.get("format") != _FORMAT:
        what = f"The file is not JSON: {error}." if lines else "The file is empty."
        raise FormatError(what, where=path.name, fix=_FIX)
    _check_version(head, path.name)
    return TaskEntries(_records(path, lines[1:], first=2), _shared_apis(head, path.name))


def _is_record(value: JsonValue) -> bool:
    """Whether a first line is a task already, as in a run's folder."""
    return isinstance(value, dict) and value.keys() >= {"id", "instruction"}


def _records(
    path: Path, lines: Sequence[str], *, first: int
) -> list[tuple[str, JsonValue | FormatError]]:
    records: list[tuple[str, JsonValue | FormatError]] = []
    for number, line in enumerate(lines, start=first):
        where = f"{path.name}:{number}"
        try:
            records.append((where, parse(line)))
        except ValueError as problem:
            bad = FormatError(f"The line is not JSON: {problem}.", where=where)
            records.append((where, bad))
    return records


def _shared_apis(head: dict[str, JsonValue], where: str) -> tuple[API, ...]:
    apis: list[API] = []
    for number, entry in enumerate(json_list(head.get("apis", []), f"{where}.apis")):
        place = f"{where}.apis[{number}]"
        try:
            apis.append(API.model_validate(json_object(entry, place)))
        except ValidationError as error:
            raise _errors(error, place)[0] from None
    return tuple(apis)


def task_or_errors(
    entry: JsonValue, where: str, shared: Sequence[API] = ()
) -> tuple[Task | None, list[FormatError]]:
    """The task in a record, or everything that is wrong with it.

    Args:
        entry: The record.
        where: Its place.
        shared: The APIs that the file's records share.
    """
    try:
        record = json_object(entry, where)
        if shared and "apis" not in record:
            wanted = record.get("offers")
            record = {key: value for key, value in record.items() if key != "offers"}
            offered = shared if wanted is None else _offered(wanted, shared, f"{where}.offers")
            return Task.model_validate({**record, "apis": tuple(offered)}), []
        return Task.model_validate(record), []
    except FormatError as error:
        return None, [error]
    except ValidationError as error:
        return None, _errors(error, where)


def _offered(wanted: JsonValue, shared: Sequence[API], where: str) -> list[API]:
    named = name_apis(shared)
    offered: list[API] = []
    for number, name in enumerate(json_list(wanted, where)):
        found = [api for function, api in named.items() if name in (function, api.name)]
        if len(found) != 1:
            raise FormatError(
                f"{name!r} names {len(found) or 'none'} of the file's APIs.",
                where=f"{where}[{number}]",
                fix=did_you_mean(str(name), [*named, *(api.name for api in shared)])
                or "Name one by its function.",
            )
        offered += found
    return offered


def same_id(task: str, first: str, where: str) -> FormatError:
    """The error for a record whose id another one has."""
    return FormatError(f"The id {task} is that of {first} too.", where=f"{where}.id")


def _errors(error: ValidationError, where: str) -> list[FormatError]:
    return [
        FormatError(
            f"{one['msg']}.",
            where=where + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in one["loc"]),
        )
        for one in error.errors(include_url=False, include_input=False)
    ]


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
