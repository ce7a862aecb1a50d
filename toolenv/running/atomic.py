"""Writing a run's files, all or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from toolenv.errors import JournalError
from toolenv.files import replacing

__all__ = ["write_atomically"]


def write_atomically(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file of a run, all or nothing.

    Raises:
        JournalError: The file cannot be written.
    """
    try:
        with replacing(path) as new, new.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise JournalError(
            f"Cannot be written: {error.strerror}.",
            where=str(path),
            fix="Make room or mend the disk, and try again.",
        ) from error
