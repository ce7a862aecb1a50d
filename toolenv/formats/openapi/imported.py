"""Files that hold APIs with their routes: a description itself, or what was made of one."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from toolenv.apis import API, Identity
from toolenv.errors import FormatError
from toolenv.formats.openapi.description import description_of, is_description
from toolenv.formats.openapi.text import read_value
from toolenv.formats.report import ReadReport
from toolenv.formats.tasks import read_tasks
from toolenv.formats.toolbench.tools import read_tools

__all__ = ["read_apis", "read_listed_apis"]


def read_apis(
    path: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[API]:
    """Read the APIs of a description, a task file, or a folder of tool files.

    Args:
        path: The file or folder.
        skip_bad: Leave malformed operations and entries out, each recorded in the report.
        report: Where what was read and skipped is counted.

    Returns:
        Each API once.

    Raises:
        FormatError: It is none of them, or (without ``skip_bad``) something in it is malformed.
    """
    apis: dict[Identity, API] = {}
    for api in read_listed_apis(path, skip_bad=skip_bad, report=report):
        apis.setdefault(api.identity, api)
    return list(apis.values())


def read_listed_apis(
    path: str | PathLike[str], *, skip_bad: bool = False, report: ReadReport | None = None
) -> list[API]:
    """The same, each API as often as it is listed; see ``read_apis``."""
    path = Path(path)
    if path.is_dir():
        return read_tools(path, skip_bad=skip_bad, report=report)
    if path.suffix != ".jsonl":
        value = read_value(path)
        if is_description(value):
            return description_of(value, path, skip_bad=skip_bad, report=report)
        if not isinstance(value, list) and not (isinstance(value, dict) and "format" in value):
            raise FormatError(
                "This is neither an OpenAPI description nor a file of tasks.",
                where=str(path),
                fix="Name a description, a task file, or a folder of tool files.",
            )
    tasks = read_tasks(path, skip_bad=skip_bad, report=report)
    return [api for task in tasks for api in task.apis]
