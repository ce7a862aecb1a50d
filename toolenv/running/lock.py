"""One writer per run folder: a lock that dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from toolenv.errors import JournalError

__all__ = ["FolderLock"]


class FolderLock:
    """Holds a folder's lock file until it is released or the process ends, however it ends.

    Args:
        path: The lock file; made where it does not exist, and left behind.

    Raises:
        JournalError: Another process holds the lock; its id is named.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"Cannot be locked: {error.strerror}.", where=str(path)) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip()
            os.close(self._file)
            raise JournalError(
                f"Process {holder or 'unknown'} is already writing this run.",
                where=str(path.parent),
                fix="Wait until it has finished, or give this run another folder.",
            ) from None
        os.pwrite(self._file, f"{os.getpid():<31}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back. Releasing twice is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
