"""Places to write to: files that are the old one or the new one, and folders that are empty."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolenv.errors import ConfigurationError

__all__ = ["UNFINISHED", "replacing", "require_empty"]

UNFINISHED = ".unfinished"
"""Suffix of a file that a crash left before it could take its place."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file to write to, which takes its place when the block ends without an exception.

    It is synced before it is moved, and its folder after. Folders are made where absent.

    Args:
        path: The place to take.

    Raises:
        OSError: The place cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with replacing(Path(folder, "a.txt")) as new:
        ...         _ = new.write_text("whole")
        ...     Path(folder, "a.txt").read_text()
        'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.name[:100]}.", suffix=UNFINISHED, dir=path.parent
    )
    os.close(handle)
    new = Path(name)
    try:
        yield new
        new.chmod(0o666 & ~_umask())
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def require_empty(folder: Path, fix: str = "Name another folder.") -> None:
    """Refuse a place that is neither absent nor an empty folder.

    Args:
        folder: The place.
        fix: What to do.

    Raises:
        ConfigurationError: There is something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError("Is not an empty folder.", where=str(folder), fix=fix)


def _umask() -> int:
    """The process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
