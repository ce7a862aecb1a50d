"""StableToolBench's ``tool_response_cache``: responses by category, tool, API and arguments.

``<Category>/<standard tool>_for_<Category>/<standard API>.json`` holds one object whose keys are
the Python ``str()`` of the arguments and whose values are ``{"error": …, "response": …}``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from toolenv.apis import Identity
from toolenv.episodes import Origin, Response, Status
from toolenv.errors import FormatError
from toolenv.formats.fields import json_object, kind_of
from toolenv.formats.files import read_json
from toolenv.formats.report import ReadReport
from toolenv.jsontext import JsonValue, parse, render
from toolenv.names import FUNCTION_NAME_LENGTH

__all__ = ["CachedResponse", "read_cache_file", "read_response_cache"]


class CachedResponse(NamedTuple):
    """One entry of the cache.

    Args:
        api: The API, by category, tool and name as the folder spells them.
        arguments: The arguments of the call.
        response: The response; its text is the entry's value, compactly rendered.
        where: The file and key it was read from.
    """

    api: Identity
    arguments: dict[str, JsonValue]
    response: Response
    where: str


def read_response_cache(
    folder: str | PathLike[str],
    *,
    skip_bad: bool = False,
    report: ReadReport | None = None,
    origin: Origin = "unknown",
) -> Iterator[CachedResponse]:
    """Read a cache folder, one entry after the other.

    Args:
        folder: The folder that holds one folder per category.
        skip_bad: Leave unreadable files and entries out, each recorded in the report.
        report: Where entries read and skipped and empty files are counted.
        origin: What first produced the responses. The cache mixes recorded and simulated ones and
            does not say which is which.

    Raises:
        FormatError: There is no such folder, or (without ``skip_bad``) a file or an entry is
            malformed.
    """
    report = ReadReport() if report is None else report
    root = Path(folder)
    if not root.is_dir():
        raise FormatError(
            "There is no such folder.",
            where=str(root),
            fix="Name the folder that holds one folder per category.",
        )
    for path in sorted(root.glob("*/*/*.json")):
        yield from read_cache_file(path, skip_bad=skip_bad, report=report, origin=origin)


def read_cache_file(
    path: Path,
    *,
    skip_bad: bool = False,
    report: ReadReport | None = None,
    origin: Origin = "unknown",
) -> Iterator[CachedResponse]:
    """Read one file of a cache; the two folders above it name the category and the tool.

    Args:
        path: The file.
        skip_bad: Leave an unreadable file or entry out, recorded in the report.
        report: Where entries read and skipped and empty files are counted.
        origin: What first produced the responses.

    Raises:
        FormatError: Without ``skip_bad``: the file or an entry is malformed.
    """
    report = ReadReport() if report is None else report
    place = "/".join(path.absolute().parts[-3:])
    try:
        entries = json_object(read_json(path), place)
    except FormatError as error:
        if not skip_bad:
            raise
        report.skip(FormatError(error.what, where=place))
        return
    if not entries:
        report.note("file without entries", place)
    api = _identity(path.absolute())
    arguments_seen: dict[str, int] = {}
    for key, value in entries.items():
        where = f"{place}[{key!r}]"
        try:
            arguments = _read_key(key, where)
            response = _read_value(value, where, origin, report)
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
            continue
        same = _canonical(arguments)
        ordinal = arguments_seen.get(same, 0)
        arguments_seen[same] = ordinal + 1
        if ordinal:
            report.note("entry whose arguments equal those of another key", where)
        report.read += 1
        yield CachedResponse(
            api,
            arguments,
            response._replace(recording=f"cache/{place}", ordinal=ordinal),
            where,
        )


def _identity(path: Path) -> Identity:
    category = path.parent.parent.name
    tool = path.parent.name.removesuffix(f"_for_{category}")
    function = f"{path.stem}_for_{tool}"[-FUNCTION_NAME_LENGTH:]
    return Identity(function, category, tool, path.stem)


def _read_key(key: str, where: str) -> dict[str, JsonValue]:
    """The arguments that a key spells, as a Python literal and never by evaluation."""
    if not key.strip():
        return {}
    try:
        value = ast.literal_eval(key)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise FormatError(
            "The key is not the text of a Python dictionary.",
            where=where,
            fix="Keys look like {'q': 'x', 'limit': 3}.",
        ) from None
    if not isinstance(value, dict):
        raise FormatError(f"The key spells {kind_of(value)}, not arguments.", where=where)
    try:
        arguments = parse(render(value))
    except (TypeError, ValueError):
        raise FormatError("The arguments have no JSON form.", where=where) from None
    return json_object(arguments, where)


def _read_value(value: JsonValue, where: str, origin: Origin, report: ReadReport) -> Response:
    envelope = json_object(value, where)
    if "error" not in envelope or "response" not in envelope:
        report.note("entry without error or response", where)
    failed = bool(envelope.get("error"))
    return Response(
        render(envelope),
        Status.API_ERROR if failed else Status.OK,
        source="snapshot",
        origin=origin,
    )


def _canonical(arguments: dict[str, JsonValue]) -> str:
    return render(dict(sorted(arguments.items())))
