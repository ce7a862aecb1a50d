"""Files that are either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from toolenv.errors import JournalError

__all__ = ["write_atomically"]


def write_atomically(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file beside its place, sync it, and move it there.

    Raises:
        JournalError: The file cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise JournalError(
            f"Cannot be written: {error.strerror}.",
            where=str(path),
            fix="Make room or mend the disk, and try again.",
        ) from error
