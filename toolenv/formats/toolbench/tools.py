"""Tool folders: ``tools/<Category>/<standard tool>.json``, and the ``response_examples`` beside.

A tool's name never becomes a path: ``safe_stem`` makes the file's name, and two tools whose names
standardise alike get two files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.apis import API
from toolenv.errors import FormatError
from toolenv.formats.fields import json_list, json_object, text_field
from toolenv.formats.files import read_json, write_json
from toolenv.formats.report import ReadReport
from toolenv.formats.toolbench.api_entries import IN_TOOLS, read_api, write_api
from toolenv.jsontext import JsonValue
from toolenv.names import standard_category, standard_tool
from toolenv.tasks import Task

__all__ = [
    "ResponseExample",
    "complete_tasks",
    "example_entries",
    "read_response_examples",
    "read_tools",
    "safe_category",
    "safe_stem",
    "write_tools",
]

_TOOL_FILE: Final = "tool_file"
"""The key of an API under which its tool file's other keys and name are kept."""

_LONGEST_STEM: Final = 100
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


class ResponseExample(NamedTuple):
    """One recorded example response of an API, as a sketch of types.

    Args:
        category: The folder's name.
        tool: The tool's standardised name, which is the file's.
        api: The API's name as the source spells it.
        schema: The sketch.
    """

    category: str
    tool: str
    api: str
    schema: JsonValue


def safe_stem(name: str) -> str:
    """A tool's name as the name of a file: never empty, never a path, never too long.

    Example:
        >>> safe_stem("SEO API"), safe_stem("../../x")
        ('seo_api', 'x')
        >>> safe_stem("🎵") == safe_stem("🎶")
        False
    """
    stem = standard_tool(name)
    if stem and len(stem) <= _LONGEST_STEM:
        return stem
    return f"{stem[:_LONGEST_STEM] or 'tool'}_{_digest(name)}"


def safe_category(name: str) -> str:
    """A category as the name of a folder: ToolBench's, without what would make it a path.

    Example:
        >>> safe_category("Video, Images"), safe_category("..")
        ('Video_Images', '_')
    """
    return _UNSAFE.sub("_", standard_category(name))[:_LONGEST_STEM].strip(". ") or "_"


def read_tools(
    folder: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[API]:
    """Read a folder of tool files, category by category.

    Args:
        folder: The folder that holds one folder per category.
        skip_bad: Leave malformed files and APIs out, each recorded in the report.
        report: Where APIs read, files and APIs skipped, and unusual forms are counted.

    Raises:
        FormatError: There is no such folder, or (without ``skip_bad``) a file or an API in it is
            malformed.
    """
    report = ReadReport() if report is None else report
    apis: list[API] = []
    for path, where in _tool_files(Path(folder)):
        try:
            raw = json_object(read_json(path), where)
            entries = json_list(raw.get("api_list"), f"{where}.api_list")
            tool = text_field(raw, "tool_name", where)
            about = text_field(raw, "tool_description", where, default="")
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        if not entries:
            report.note("tool without APIs", where)
        if raw.get("tool_description") is None:
            report.note("tool without a description", where)
        other = {
            key: value
            for key, value in raw.items()
            if key not in ("api_list", "tool_name")
            and not (key == "tool_description" and value is not None)
        }
        for index, entry in enumerate(entries):
            try:
                api = read_api(
                    entry,
                    f"{where}.api_list[{index}]",
                    IN_TOOLS,
                    report,
                    category=path.parent.name,
                    tool=tool,
                    tool_description=about,
                )
            except FormatError as error:
                if not skip_bad:
                    raise
                report.skip(error)
                continue
            report.read += 1
            apis.append(api.model_copy(update={_TOOL_FILE: {"stem": path.stem, "keys": other}}))
    return apis


def write_tools(apis: Sequence[API], folder: str | PathLike[str]) -> list[Path]:
    """Write APIs as a folder of tool files, which ``read_tools`` reads.

    Returns:
        The files written, each inside the folder.

    Raises:
        FormatError: A file cannot be written.
    """
    folder = Path(folder)
    tools: dict[tuple[str, str], list[API]] = {}
    for api in apis:
        tools.setdefault((safe_category(api.category), api.tool), []).append(api)
    written: dict[Path, str] = {}
    for (category, tool), its_apis in tools.items():
        path = folder / category / f"{safe_stem(tool)}.json"
        if path in written:
            path = path.with_name(f"{path.stem}_{_digest(tool)}.json")
        written[path] = tool
        kept = its_apis[0].unknown.get(_TOOL_FILE)
        other = kept.get("keys") if isinstance(kept, dict) else None
        entry: dict[str, JsonValue] = {
            "tool_name": tool,
            "tool_description": its_apis[0].tool_description,
            **(other if isinstance(other, dict) else {}),
            "api_list": [write_api(_without_tool_file(api), IN_TOOLS) for api in its_apis],
        }
        write_json(path, entry)
    return list(written)


def read_response_examples(
    folder: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[ResponseExample]:
    """Read a ``response_examples`` folder.

    A file of 0 bytes holds no examples and is counted; one of the published files is like that.

    Args:
        folder: The folder that holds one folder per category.
        skip_bad: Leave malformed files and entries out, each recorded in the report.
        report: Where examples read, files and entries skipped, and empty files are counted.

    Raises:
        FormatError: There is no such folder, or (without ``skip_bad``) a file is malformed.
    """
    report = ReadReport() if report is None else report
    examples: list[ResponseExample] = []
    for path, where in _tool_files(Path(folder)):
        if path.stat().st_size == 0:
            report.note("empty file", where)
            continue
        try:
            raw = json_object(read_json(path), where)
            entries = json_list(raw.get("api_list"), f"{where}.api_list")
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        if not entries:
            report.note("file without examples", where)
        found = example_entries(entries, where, skip_bad=skip_bad, report=report)
        examples += [
            ResponseExample(path.parent.name, path.stem, name, entry.get("schema"))
            for _, name, entry in found
        ]
    return examples


def example_entries(
    entries: Sequence[JsonValue], where: str, *, skip_bad: bool, report: ReadReport
) -> Iterator[tuple[int, str, Mapping[str, JsonValue]]]:
    """The entries of one file of response examples: their numbers, their APIs' names, themselves.

    Args:
        entries: What its ``api_list`` holds.
        where: Where the file is, for errors.
        skip_bad: Leave malformed entries out, each recorded in the report.
        report: Where entries read and skipped are counted.

    Raises:
        FormatError: An entry is malformed, without ``skip_bad``.
    """
    for number, value in enumerate(entries):
        place = f"{where}.api_list[{number}]"
        try:
            entry = json_object(value, place)
            name = text_field(entry, "name", place, filled=True)
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        report.read += 1
        yield number, name, entry


def complete_tasks(
    tasks: Sequence[Task], apis: Sequence[API], report: ReadReport | None = None
) -> list[Task]:
    """Give tasks the documentation that a tool folder holds.

    An instruction file may name its APIs alone (category, tool, API), and never describes their
    tools. An API that names nothing but itself gets the folder's documentation; any other gets its
    tool's description. An API that the folder lacks is counted and kept as it is.

    Args:
        tasks: The tasks.
        apis: The APIs of the tool folder.
        report: Where APIs that were found and not found are counted.
    """
    report = ReadReport() if report is None else report
    documented = {api.identity[1:]: api for api in reversed(apis) if api.function is None}
    return [
        task.model_copy(
            update={"apis": tuple(_complete(api, documented, task.id, report) for api in task.apis)}
        )
        for task in tasks
    ]


def _complete(
    api: API, documented: dict[tuple[str, str, str], API], task: str, report: ReadReport
) -> API:
    found = documented.get(api.identity[1:]) if api.function is None else None
    if found is None:
        where = f"task {task}: {api.category}/{api.tool}/{api.name}"
        report.note("API that the tool folder lacks", where)
        return api
    report.note("API found in the tool folder", f"task {task}")
    if api.parameters or api.description.strip() or api.response_schema is not None:
        about = api.tool_description or found.tool_description
        return api.model_copy(update={"tool_description": about})
    names = {"category": api.category, "tool": api.tool, "name": api.name}
    kept = {key: value for key, value in dict(found).items() if key in API.model_fields}
    return API.model_validate({**kept, **names})


def _without_tool_file(api: API) -> API:
    fields = {key: value for key, value in dict(api).items() if key != _TOOL_FILE}
    return API.model_construct(**fields)


def _tool_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every ``<Category>/<tool>.json`` of a folder, in order, and how messages name it."""
    if not folder.is_dir():
        raise FormatError(
            "There is no such folder.",
            where=str(folder),
            fix="Name the folder that holds one folder per category.",
        )
    for path in sorted(folder.glob("*/*.json")):
        if path.is_file():
            yield path, f"{path.parent.name}/{path.name}"


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
