"""JSON files in and out: an error names the file and the cure, a write is whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from toolenv.errors import FormatError
from toolenv.files import replacing
from toolenv.jsontext import JsonValue, parse

__all__ = ["read_json", "read_text", "write_json", "write_text"]


def read_text(path: Path) -> str:
    """Read a UTF-8 file whole.

    Raises:
        FormatError: There is no such file, it is a folder, it cannot be read, or it is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        raise FormatError(
            "There is no such file.", where=str(path), fix="Check the path."
        ) from None
    except IsADirectoryError:
        raise FormatError(
            "This is a folder, not a file.", where=str(path), fix="Name a file in it."
        ) from None
    except UnicodeDecodeError as error:
        raise FormatError(
            f"The file is not UTF-8 text: {error}.",
            where=str(path),
            fix="Convert it, or name the JSON file itself if this is an archive.",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise FormatError(f"The file cannot be read: {error}.", where=repr(str(path))) from None


def read_json(path: Path) -> JsonValue:
    """Read one JSON value from a file.

    Raises:
        FormatError: The file cannot be read or is not JSON.
    """
    text = read_text(path)
    if not text.strip():
        raise FormatError("The file is empty.", where=str(path), fix="Fetch it again.")
    try:
        return parse(text)
    except ValueError as error:
        raise FormatError(
            f"The file is not JSON: {error}.",
            where=str(path),
            fix="It may have been cut while it was written or fetched: fetch it again.",
        ) from None


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole: under another name, then put in place.

    Raises:
        FormatError: The file cannot be written.
    """
    try:
        with replacing(path) as new:
            new.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise FormatError(f"The file cannot be written: {error}.", where=str(path)) from None


def write_json(path: Path, value: object) -> None:
    """Write one JSON value, indented by four and ASCII-escaped, as ToolBench's files are."""
    write_text(path, json.dumps(value, indent=4) + "\n")
