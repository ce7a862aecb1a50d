"""Importing: recorded responses out of the files that others have, recognised by what they hold.

- Answer trees of ToolBench and StableToolBench (``answer_generation``).
- StableToolBench's ``tool_response_cache``: ``<Category>/<tool>_for_<Category>/<api>.json``, whose
  keys are the Python text of the arguments. What first produced an entry is not known.
- JSON Lines: our own export, or rows with ``function`` (or ``tool`` and ``api``), ``arguments``,
  and ``response`` or ``text``; ``category``, ``error``, ``status``, ``origin``, ``completeness``,
  ``recording``, ``ordinal`` and ``recorded_at`` may be added.
- ``response_examples``: sketches of responses. A sketch answers no call, so it is counted and left
  out, unless it is asked for; then it is kept as an unparsable response to no call that anyone can
  make, for whoever reads the records.

Whatever else is found (instructions, converted answers, tool documents) is counted and left alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

from toolenv.apis import Identity
from toolenv.episodes import Completeness, Origin, Response, Status, status_of
from toolenv.errors import FormatError, StoreError
from toolenv.formats.fields import json_list, json_object, kind_of, text_field
from toolenv.formats.files import read_json
from toolenv.formats.report import ReadReport
from toolenv.formats.stabletoolbench.cache import read_cache_file
from toolenv.formats.toolbench.answers import read_answer
from toolenv.formats.toolbench.tools import example_entries
from toolenv.jsontext import JsonValue, parse, render
from toolenv.names import standard_api, standard_category, standard_tool, toolbench_function_name
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.records import Recorded, decode, documented, records_of

__all__ = ["SKETCH", "import_records"]

SKETCH = "a sketch of the response, and not the answer to a call"
"""The arguments of a record that is none; no JSON, so that no call has its key."""

_LINES = (".jsonl", ".ndjson")
_LARGEST_ORDINAL = 2**63 - 1


def import_records(
    paths: Sequence[Path | str],
    *,
    origin: Origin = "unknown",
    documents: Documentation | None = None,
    sketches: bool = False,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> Iterator[Recorded]:
    """Read the recorded responses in some files and below some folders, one file after the other.

    Args:
        paths: Files and folders.
        origin: What first produced the responses that do not say so themselves.
        documents: What is known of the APIs, for canonical keys. Answer trees bring their own.
        sketches: Whether ``response_examples`` are taken too.
        skip_bad: Leave malformed files and rows out, each recorded in the report.
        report: Where what was read, skipped and left alone is counted.

    Raises:
        FormatError: A path does not exist, nothing in them holds a response, or (without
            ``skip_bad``) a file or a row is malformed.
    """
    report = ReadReport() if report is None else report
    found = False
    for path in _files(paths):
        try:
            read = _reader_of(path)
            if read is None:
                report.note("file that holds no responses", path.name)
                continue
            found = True
            for record in read(_Source(path, origin, documents, skip_bad, report)):
                if record.arguments == SKETCH and not sketches:
                    report.note("sketch of a response, left out", record.response.recording)
                elif documents is not None and not record.canonical:
                    yield documented(record, documents)
                else:
                    yield record
        except FormatError as error:
            if not skip_bad:
                raise
            report.skip(error)
    if not found:
        raise FormatError(
            "No recorded responses are here.",
            where=", ".join(map(str, paths)),
            fix="Name answer trees, a tool_response_cache, response_examples or JSON Lines.",
        )


def _files(paths: Sequence[Path | str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.exists():
            raise FormatError(
                "There is no such file or folder.", where=str(path), fix="Check the path."
            )
        if path.is_file():
            yield path
        for folder, inner, names in os.walk(path):
            inner.sort()
            for name in sorted(names):
                if name.endswith((".json", *_LINES)):
                    yield Path(folder, name)


class _Source(NamedTuple):
    """One file, and how it is read."""

    path: Path
    origin: Origin
    documents: Documentation | None
    skip_bad: bool
    report: ReadReport


_Reader = Callable[[_Source], Iterator[Recorded]]


def _reader_of(path: Path) -> _Reader | None:
    """What reads a file; None where it holds no responses."""
    if path.suffix in _LINES:
        return _read_lines
    if path.stat().st_size == 0:
        return None
    value = read_json(path)
    if not isinstance(value, dict):
        return None
    if "answer_generation" in value:
        return _read_tree
    if "function" in value and ("text" in value or "response" in value):
        return _read_lines
    entries = value.get("api_list")
    if isinstance(entries, list):
        sketched = any(isinstance(e, dict) and "schema" in e for e in entries)
        described = any(isinstance(e, dict) and "required_parameters" in e for e in entries)
        return _read_sketches if sketched and not described else None
    in_cache = len(path.absolute().parts) > 3 and value and all(map(_is_cached, value.items()))
    return _read_cache if in_cache else None


def _is_cached(item: tuple[str, JsonValue]) -> bool:
    """Whether an entry may be one of a cache: at least its key or its value looks like one."""
    key, value = item
    envelope = isinstance(value, dict) and bool({"error", "response"} & set(value))
    return key.strip()[:1] in ("{", "") or (envelope and not key.isdecimal())


def _read_tree(source: _Source) -> Iterator[Recorded]:
    source.report.note("answer tree", source.path.name)
    answer = read_answer(source.path, origin=source.origin, report=source.report)
    return records_of(answer, source.documents)


def _read_cache(source: _Source) -> Iterator[Recorded]:
    path, origin, _, skip_bad, report = source
    report.note("cache file", path.name)
    for entry in read_cache_file(path, skip_bad=skip_bad, report=report, origin=origin):
        yield Recorded(entry.api, render(entry.arguments), entry.response)


def _read_sketches(source: _Source) -> Iterator[Recorded]:
    path, origin, _, skip_bad, report = source
    report.note("file of response examples", path.name)
    category, tool = path.absolute().parent.name, path.stem
    where = f"{category}/{path.name}"
    entries = json_list(json_object(read_json(path), where).get("api_list"), f"{where}.api_list")
    for number, name, entry in example_entries(entries, where, skip_bad=skip_bad, report=report):
        yield Recorded(
            Identity(
                toolbench_function_name(tool, name),
                standard_category(category),
                standard_tool(tool),
                standard_api(name),
            ),
            SKETCH,
            Response(
                render(entry.get("schema")),
                Status.OK,
                "snapshot",
                origin,
                "unparsable",
                f"response_examples/{category}/{tool}",
                number,
            ),
        )


def _read_lines(source: _Source) -> Iterator[Recorded]:
    path, origin, _, skip_bad, report = source
    report.note("file of JSON Lines", path.name)
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            where = f"{path.name}:{number}"
            try:
                record = _read_row(line, where, origin, path, number)
            except FormatError as error:
                if not skip_bad:
                    raise
                report.skip(error)
                continue
            report.read += 1
            yield record


def _read_row(line: bytes, where: str, origin: Origin, path: Path, number: int) -> Recorded:
    try:
        row = json_object(parse(line), where)
    except ValueError as error:
        raise FormatError(f"The line is not JSON: {error}.", where=where) from None
    if "version" in row:
        try:
            record = decode(line)
        except StoreError as error:
            raise FormatError(error.what, where=where, fix=error.fix) from None
    else:
        record = _read_minimal(row, where, origin, path, number)
    return _checked(record, where)


def _read_minimal(
    row: dict[str, Any], where: str, origin: Origin, path: Path, number: int
) -> Recorded:
    tool, api = (
        text_field(row, "tool", where, default=""),
        text_field(row, "api", where, default=""),
    )
    function = text_field(row, "function", where, default="")
    if not function and not api:
        raise FormatError(
            "The row names no API.", where=where, fix="Give function, or tool and api."
        )
    identity = Identity(
        function or toolbench_function_name(tool, api),
        standard_category(text_field(row, "category", where, default="")),
        standard_tool(tool),
        standard_api(api),
    )
    arguments = row.get("arguments", {})
    error = text_field(row, "error", where, default="")
    if "text" in row:
        text = text_field(row, "text", where)
    elif "response" in row:
        text = render({"error": error, "response": row["response"]})
    else:
        raise FormatError("The row has no response.", where=where, fix="Give response or text.")
    response = Response(text, source="store", recording=f"lines/{path.name}", ordinal=number)
    failed = bool(error or response.error)
    return Recorded(
        identity,
        arguments if isinstance(arguments, str) else render(arguments),
        response._replace(
            status=_status(row.get("status"), failed, f"{where}.status"),
            origin=row.get("origin", origin),
            completeness=row.get("completeness", "whole"),
            recording=text_field(row, "recording", where, default=response.recording),
            ordinal=row.get("ordinal", number),
        ),
        _time(text_field(row, "recorded_at", where, default=""), f"{where}.recorded_at"),
    )


def _status(value: JsonValue, failed: bool, where: str) -> Status:
    if value is None:
        return Status.API_ERROR if failed else Status.OK
    if isinstance(value, str) and value in Status.__members__:
        return Status[value]
    if isinstance(value, int) and not isinstance(value, bool):
        return status_of(value)
    raise FormatError(
        f"Unknown status: {render(value)[:80]}.",
        where=where,
        fix=f"Use a number, or one of {', '.join(Status.__members__)}.",
    )


def _time(text: str, where: str) -> str:
    """A time in UTC, to the millisecond; times without a zone are in UTC."""
    if not text:
        return ""
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FormatError(
            f"This is no time: {text[:80]!r}.", where=where, fix="Write it as ISO 8601."
        ) from None
    return time.isoformat(timespec="milliseconds")


def _checked(record: Recorded, where: str) -> Recorded:
    """The record, whose fields came from outside.

    Raises:
        FormatError: One of them is of another type or out of its range.
    """
    response = record.response
    texts = (*record.identity, record.arguments, response.text, response.recording)
    for value in (*texts, record.recorded_at, record.changes):
        if not isinstance(value, str):
            raise FormatError(f"Expected text, found {kind_of(value)}.", where=where)
    if not _is_digest(record.changes):
        raise FormatError("The digest of changes is none.", where=f"{where}.changes")
    for name, kinds in (("origin", get_args(Origin)), ("completeness", get_args(Completeness))):
        if getattr(response, name) not in kinds:
            raise FormatError(
                f"Unknown {name}: {render(getattr(response, name))[:80]}.",
                where=f"{where}.{name}",
                fix=f"Use one of {', '.join(kinds)}.",
            )
    ordinal = response.ordinal
    if type(ordinal) is not int or not 0 <= ordinal <= _LARGEST_ORDINAL:
        raise FormatError("The ordinal is no whole number from 0.", where=f"{where}.ordinal")
    for value in (*record.identity, response.recording, record.recorded_at):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise FormatError("A name holds half a character.", where=where) from None
    return record


def _is_digest(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) <= 64 and text == text.strip()
    except ValueError:
        return False
