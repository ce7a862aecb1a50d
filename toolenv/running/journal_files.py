"""A journal's file, how it begins, and the files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolenv.errors import JournalError
from toolenv.jsontext import parse, render
from toolenv.running.framing import Damage, Frame, compress, walk

__all__ = ["beside", "check_header", "header_frame", "is_barely_begun"]

_FORMAT = "toolenv"
_VERSION = 1
_SUFFIX = ".jsonl.zst"


def beside(journal: Path, suffix: str) -> Path:
    """A file beside a journal: ``journal.index`` beside ``journal.jsonl.zst``."""
    return journal.with_name(f"{journal.name.removesuffix(_SUFFIX)}{suffix}")


def header_frame() -> bytes:
    """A journal's first frame, which names the format and its version."""
    return compress(f"{render({'journal': _FORMAT, 'version': _VERSION})}\n".encode())


def is_barely_begun(journal: Path) -> bool:
    """Whether a file holds only a part of a journal's first frame, as an early crash leaves it."""
    header = header_frame()
    with journal.open("rb") as file:
        begun = file.read(len(header))
    return len(begun) < len(header) and header.startswith(begun)


def check_header(journal: Path, *, skip_corrupt: bool = False) -> None:
    """Refuse what is no journal, or one of a newer version.

    Raises:
        JournalError: As said, or the file cannot be read.
    """
    try:
        if is_barely_begun(journal):
            return
        first = next(walk(journal), None)
    except OSError as error:
        raise JournalError(f"Cannot be read: {error.strerror}.", where=str(journal)) from error
    header = _object(first.content) if isinstance(first, Frame) else {}
    if header.get("journal") == _FORMAT:
        version = header.get("version")
        if isinstance(version, int) and version > _VERSION:
            raise JournalError(
                f"Was written in format {version}; this version reads up to {_VERSION}.",
                where=str(journal),
                fix="Upgrade toolenv to read it.",
            )
    elif not (skip_corrupt and isinstance(first, Damage)):
        raise JournalError(
            "Is not a journal of toolenv, or its beginning is damaged.",
            where=str(journal),
            fix="Name a run's journal, or skip what is damaged if it is one.",
        )


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = parse(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
