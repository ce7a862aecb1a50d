"""Exporting: records as JSON Lines, as Parquet, and as StableToolBench's cache.

JSON Lines holds everything, and is imported again to a snapshot of the same digest. Parquet holds
the same in columns. StableToolBench's layout holds less: one answer to a call, no state, no origin,
and only what has a category, a tool and an API; what it cannot hold is counted and left out.
"""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.errors import SnapshotError
from toolenv.files import replacing
from toolenv.formats.files import write_json
from toolenv.formats.report import ReadReport
from toolenv.formats.row_columns import Columns
from toolenv.formats.row_files import write_rows
from toolenv.formats.toolbench.tools import safe_category, safe_stem
from toolenv.jsontext import JsonValue, parse, render
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.records import Recorded, encode
from toolenv.snapshots.success import classify

__all__ = ["export_lines", "export_parquet", "export_stabletoolbench"]


def export_lines(records: Iterable[Recorded], path: str | Path) -> int:
    """Write records as JSON Lines, one object each; ``import_records`` reads them.

    Returns:
        How many were written.

    Raises:
        SnapshotError: The file cannot be written.
    """
    count = 0
    try:
        with replacing(Path(path)) as new, new.open("wb") as stream:
            for count, record in enumerate(records, 1):  # noqa: B007  # the last one is returned
                stream.write(encode(record) + b"\n")
    except OSError as error:
        raise _unwritten(path, error) from error
    return count


def export_parquet(records: Iterable[Recorded], path: str | Path) -> int:
    """Write records as a Parquet file, compressed with zstd.

    Lone surrogates, which Parquet's text cannot hold, are written as their escapes.

    Returns:
        How many were written.

    Raises:
        ConfigurationError: ``pyarrow`` is not installed.
        FormatError: The file cannot be written.
    """
    return write_rows(map(_row, records), Path(path), _COLUMNS, "parquet")


_COLUMNS: Columns = {
    **dict.fromkeys(("key", "canonical"), "string"),
    **dict.fromkeys(Identity._fields, "string"),
    **dict.fromkeys(("arguments", "text"), "string"),
    "status": "int16",
    **dict.fromkeys(("success", "origin", "completeness", "recording"), "string"),
    "ordinal": "uint64",
    **dict.fromkeys(("recorded_at", "changes"), "string"),
}


def _row(record: Recorded) -> dict[str, Any]:
    response = record.response
    return {
        "key": record.key.hex(),
        "canonical": record.canonical,
        **record.identity._asdict(),
        "arguments": record.arguments,
        "text": response.text,
        "status": int(response.status),
        "success": classify(response.status, response.text),
        "origin": response.origin,
        "completeness": response.completeness,
        "recording": response.recording,
        "ordinal": response.ordinal,
        "recorded_at": record.recorded_at,
        "changes": record.changes,
    }


def export_stabletoolbench(
    records: Iterable[Recorded],
    folder: str | Path,
    *,
    documents: Documentation | None = None,
    report: ReadReport | None = None,
) -> int:
    """Write records as a ``tool_response_cache``, which StableToolBench's server takes.

    One file for each API, ``<Category>/<tool>_for_<Category>/<api>.json``, whose keys are the
    Python text of the arguments in the order in which the caller wrote them. Of several answers to
    a call the earliest is written. Names never lead out of the folder.

    Args:
        records: What to write.
        folder: The folder, which is made where absent; files of APIs that are written are replaced.
        documents: What is known of the APIs, for records that know their function's name alone.
        report: Where what the layout cannot hold is counted.

    Returns:
        How many entries were written.

    Raises:
        SnapshotError: The folder cannot be written.
    """
    report = ReadReport() if report is None else report
    folder = Path(folder)
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".exporting-", dir=folder) as place:
            connection = sqlite3.connect(Path(place) / "entries.db")
            try:
                ordered = _ordered(connection, _entries(records, documents, report))
                for path, group in groupby(ordered, key=lambda row: row[0]):
                    file: dict[str, JsonValue] = {}
                    for _, key, value in group:
                        if key in file:
                            report.note("later answer to a call, left out", path)
                        else:
                            file[key] = parse(value)
                    write_json(folder / path, file)
                    count += len(file)
            finally:
                connection.close()
    except (OSError, sqlite3.Error) as error:
        raise _unwritten(folder, error) from error
    return count


def _ordered(
    connection: sqlite3.Connection, entries: Iterator[tuple[str, str, str, str, int, bytes]]
) -> Iterator[tuple[str, str, bytes]]:
    """Path, key and value of each entry: by file, and earliest first."""
    connection.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        "CREATE TABLE entries (path, key, recorded_at, recording, ordinal, value)"
    )
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", entries)
    yield from connection.execute(
        "SELECT path, key, value FROM entries "
        "ORDER BY path, recorded_at, recording, ordinal, key, value"
    )


def _entries(
    records: Iterable[Recorded], documents: Documentation | None, report: ReadReport
) -> Iterator[tuple[str, str, str, str, int, bytes]]:
    for record in records:
        identity = record.identity
        if documents is not None and not identity.api:
            identity = documents.identity(identity)
        key, why = _key_of(record, identity)
        if why:
            report.note(f"{why}, left out", identity.function)
            continue
        response = record.response
        yield (
            _path_of(identity),
            key,
            record.recorded_at,
            response.recording.encode("utf-8", "backslashreplace").decode(),
            response.ordinal,
            _value_of(response.text),
        )


def _key_of(record: Recorded, identity: Identity) -> tuple[str, str]:
    """The Python text of the arguments, or why there is none."""
    if not (identity.category and identity.tool and identity.api):
        return "", "API whose category, tool or name is unknown"
    if record.changes:
        return "", "call after changes at its tool"
    if record.response.completeness == "unparsable":
        return "", "response that cannot be read"
    arguments, _ = read_arguments(record.arguments)
    if arguments is None:
        return "", "call whose arguments are no object"
    key = str(arguments)
    try:
        ast.literal_eval(key)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return "", "call whose arguments have no Python text"
    return key, ""


def _path_of(identity: Identity) -> str:
    category = safe_category(identity.category)
    return f"{category}/{safe_stem(identity.tool)}_for_{category}/{safe_stem(identity.api)}.json"


def _value_of(text: str) -> bytes:
    """The envelope; a text that is none, or was cut, is the response as it stands."""
    try:
        value = parse(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not {"error", "response"} <= set(value):
        value = {"error": "", "response": text if value is None else value}
    return render(value).encode()


def _unwritten(path: str | Path, error: Exception) -> SnapshotError:
    return SnapshotError(f"It cannot be written: {error}.", where=str(path))
