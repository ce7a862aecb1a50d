"""Instruction files: a JSON list of queries with the APIs that each offers.

``query``, ``query_id``, ``api_list`` and ``relevant APIs``, as in ToolBench's ``instruction``
folder and StableToolBench's ``solvable_queries``; the inference demos leave most keys out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object, kind_of, text_field
from toolenv.formats.files import read_json, write_json
from toolenv.formats.leftovers import keep, restore
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.api_entries import IN_INSTRUCTIONS, read_api, write_api
from toolenv.jsontext import JsonValue
from toolenv.tasks import Task

__all__ = ["parse_instructions", "read_instructions", "read_query_ids", "write_instructions"]

_FIELDS: Final = frozenset(Task.model_fields)
_RELEVANT: Final = "relevant APIs"


def read_instructions(
    path: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[Task]:
    """Read an instruction file.

    Args:
        path: The file.
        skip_bad: Leave malformed entries out, each recorded in the report, instead of stopping at
            the first.
        report: Where entries read and skipped and unusual forms are counted.

    Raises:
        FormatError: The file is no instruction file, or (without ``skip_bad``) an entry is
            malformed; the message names file, entry and field.
    """
    path = Path(path)
    return parse_instructions(read_json(path), path, skip_bad=skip_bad, report=report)


def parse_instructions(
    value: JsonValue, path: Path, *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[Task]:
    """Read the value of an instruction file that was parsed already; see ``read_instructions``."""
    report = ReadReport() if report is None else report
    tasks: list[Task] = []
    ids: dict[str, int] = {}
    entries = json_list(
        value, path.name, fix="An instruction file is a JSON list of objects with a query."
    )
    for index, entry in enumerate(entries):
        where = f"{path.name}[{index}]"
        found = ReadReport()
        try:
            task = _read_entry(entry, index, where, path.stem, found)
            if task.id in ids:
                raise FormatError(
                    f"The id {task.id} is that of entry {ids[task.id]} too.",
                    where=f"{where}.query_id",
                    fix="Give every query an id of its own.",
                )
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        ids[task.id] = index
        tasks.append(task)
        report.read += 1
        for kind, count in found.found.items():
            report.note(kind, found.first[kind], count)
    return tasks


def write_instructions(tasks: Sequence[Task], path: str | PathLike[str]) -> None:
    """Write an instruction file; what was read from one is written as it was.

    Raises:
        FormatError: The file cannot be written, or an API is known by its recorded function
            alone, which an instruction file cannot express.
    """
    path = Path(path)
    for task in tasks:
        for api in task.apis:
            if api.function is not None:
                raise FormatError(
                    f"The API {api.name} of task {task.id} is known by its recorded function "
                    "alone; an instruction file needs its category, tool and name.",
                    where=path.name,
                    fix="Write such tasks with write_tasks.",
                )
    entries = [restore(_rebuild(task), task.unknown) for task in tasks]
    write_json(path, entries)


def read_query_ids(path: str | PathLike[str]) -> list[str]:
    """Read a ``test_query_ids`` file: an object whose keys are the ids of a test set.

    Raises:
        FormatError: The file is no such object.
    """
    path = Path(path)
    return list(json_object(read_json(path), path.name))


def _read_entry(value: JsonValue, index: int, where: str, split: str, report: ReadReport) -> Task:
    raw = json_object(value, where)
    apis: list[API] = []
    if "api_list" in raw:
        entries = json_list(raw["api_list"], f"{where}.api_list")
        apis = [
            read_api(item, f"{where}.api_list[{number}]", IN_INSTRUCTIONS, report)
            for number, item in enumerate(entries)
        ]
        _note_apis(apis, f"{where}.api_list", report)
    else:
        report.note("no api_list (open domain)", where)
    relevant = _read_relevant(raw, where, report)
    if relevant is not None and "api_list" in raw:
        offered = {(api.tool, api.name) for api in apis}
        missing = [pair for pair in relevant if pair not in offered]
        report.note("relevant API that is not in the api_list", where, len(missing))
    plain = Task(
        id=_read_id(raw, index, where, report),
        instruction=_read_query(raw, where, report),
        apis=tuple(apis),
        relevant=relevant,
        split=split,
    )
    return plain.model_copy(update=keep(raw, _rebuild(plain), _FIELDS))


def _rebuild(task: Task) -> dict[str, JsonValue]:
    """An entry from a task's fields alone."""
    entry: dict[str, JsonValue] = {
        "api_list": [write_api(api, IN_INSTRUCTIONS) for api in task.apis],
        "query": task.instruction,
    }
    if task.relevant is not None:
        entry[_RELEVANT] = [[tool, api] for tool, api in task.relevant]
    entry["query_id"] = int(task.id) if _is_plain_number(task.id) else task.id
    return entry


def _is_plain_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18 and str(int(text)) == text


def _read_query(raw: Mapping[str, JsonValue], where: str, report: ReadReport) -> str:
    """The request; of a list of requests the first, as ToolBench's retriever takes it."""
    value = raw.get("query")
    if not isinstance(value, list):
        return text_field(raw, "query", where, filled=True)
    report.note("query that is a list (its first element is taken)", where)
    if not value:
        raise FormatError("The list of queries is empty.", where=f"{where}.query")
    return text_field({"query[0]": value[0]}, "query[0]", where, filled=True)


def _read_id(raw: Mapping[str, JsonValue], index: int, where: str, report: ReadReport) -> str:
    """The id as text; the entry's index where there is none, as ToolBench's runner does."""
    value = raw.get("query_id")
    if value is None:
        report.note("no query_id (the index is taken)", where)
        return str(index)
    if isinstance(value, str):
        report.note("query_id that is text", where)
        return text_field(raw, "query_id", where, filled=True)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(
            f"Expected a whole number or text, found {kind_of(value)}.", where=f"{where}.query_id"
        )
    return str(value)


def _read_relevant(
    raw: Mapping[str, JsonValue], where: str, report: ReadReport
) -> tuple[tuple[str, str], ...] | None:
    """The ``[tool, api]`` pairs, each once."""
    if raw.get(_RELEVANT) is None:
        report.note("no relevant APIs", where)
        return None
    place = f"{where}.{_RELEVANT}"
    pairs: list[tuple[str, str]] = []
    for number, item in enumerate(json_list(raw[_RELEVANT], place)):
        match item:
            case [str(tool), str(api)]:
                pairs.append((tool, api))
            case _:
                raise FormatError("Expected [tool, api].", where=f"{place}[{number}]")
    unique = tuple(dict.fromkeys(pairs))
    report.note("pair that is in relevant APIs twice", where, len(pairs) - len(unique))
    return unique


def _note_apis(apis: Sequence[API], where: str, report: ReadReport) -> None:
    """Count what is legal but shadows something in ToolBench's own tables."""
    if not apis:
        report.note("empty api_list", where)
    raw = {(api.category, api.tool, api.name) for api in apis}
    report.note("API that is in one api_list twice", where, len(apis) - len(raw))
    identities = {api.identity[1:] for api in apis}
    report.note("APIs of one tool that standardise to one name", where, len(raw) - len(identities))
    functions = {api.identity.function for api in apis}
    merged = len(identities) - len(functions)
    report.note("APIs that ToolBench's 64-character names merge", where, merged)
    tools = {(api.category, api.tool) for api in apis}
    twice = len(tools) - len({tool for _, tool in tools})
    report.note("tool that is in two categories of one api_list", where, twice)
    unnamed = sum(not api.identity.api or not api.identity.tool for api in apis)
    report.note("API or tool whose name standardises to nothing", where, unnamed)
