"""Appending lines or frames to a file so that a crash leaves whole ones and at most one torn one.

They are gathered and handed to the system in one ``os.write`` when somebody needs them there
(``flush``), when 64 KiB have gathered, or when a second has passed since the last time. What has
been handed over survives the death of the process; what also survives a power loss is ``Sync``.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Literal, TypeAlias

from toolenv.errors import JournalError

__all__ = ["Appender", "Sync"]

Sync: TypeAlias = Literal["never", "second", "episode"]
"""When the disk must have what was written: whenever the system likes, within a second, at once."""

_GATHERED_BYTES = 64 * 1024
_GATHERED_SECONDS = 1.0


class Appender:
    """Appends to one file; safe to use from several threads of one process.

    Args:
        path: The file; made where it does not exist.
        sync: ``second`` runs a thread that syncs once a second while there is something to sync.

    Raises:
        JournalError: The file cannot be opened.
    """

    def __init__(self, path: Path, *, sync: Sync = "never") -> None:
        self.path = path
        self.sync: Sync = sync
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._flushed_at = time.monotonic()
        self._lock = threading.Lock()
        self._torn = False
        self._unsynced = False
        self._sync_problem: OSError | None = None
        self._closing = threading.Event()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(f"Cannot be written: {error.strerror}.", where=str(path)) from error
        self._end = os.fstat(self._file).st_size
        self._syncer: threading.Thread | None = None
        if sync == "second":
            self._syncer = threading.Thread(
                target=self._sync_every_second, name="toolenv-journal-sync", daemon=True
            )
            self._syncer.start()

    @property
    def written(self) -> int:
        """Where the file ends: what has been handed to the system."""
        return self._end

    @property
    def end(self) -> int:
        """Where the next bytes will begin: behind what is written and what is gathered."""
        return self._end + self._gathered_bytes

    def append(self, lines: bytes, *, flush: bool = False) -> None:
        """Add whole lines; they reach the file with the next flush, at the latest a second on.

        Args:
            lines: What is added.
            flush: Hand everything to the system at once.

        Raises:
            JournalError: This call flushed, and the file could not be written.
        """
        with self._lock:
            self._gathered.append(lines)
            self._gathered_bytes += len(lines)
            if (
                flush
                or self._gathered_bytes >= _GATHERED_BYTES
                or time.monotonic() - self._flushed_at >= _GATHERED_SECONDS
            ):
                self._flush()

    def flush(self, *, durable: bool = False) -> None:
        """Hand everything to the system; with ``durable`` wait until the disk has it.

        Raises:
            JournalError: The file could not be written. What was to be written is kept, and the
                file ends with a whole line: once there is room, flushing again succeeds.
        """
        with self._lock:
            self._flush()
            if durable:
                self._sync()

    def close(self) -> None:
        """Flush, sync unless ``never``, and close. Closing twice is harmless."""
        if self._file < 0:
            return
        self._closing.set()
        if self._syncer is not None:
            self._syncer.join()
        with self._lock:
            try:
                self._flush()
                if self.sync != "never":
                    self._sync()
            finally:
                os.close(self._file)
                self._file = -1

    def _flush(self) -> None:
        if self._sync_problem is not None:
            problem, self._sync_problem = self._sync_problem, None
            raise self._failure(problem) from problem
        if self._file < 0:
            raise JournalError("Is closed.", where=str(self.path))
        self._flushed_at = time.monotonic()
        if not self._gathered:
            return
        waiting = memoryview(b"".join(self._gathered))
        size = len(waiting)
        try:
            self._mend()
            self._torn = True
            while waiting:
                waiting = waiting[os.write(self._file, waiting) :]
            self._torn = False
        except OSError as error:
            with contextlib.suppress(OSError):  # then the next flush mends it, or the next reader
                self._mend()
            raise self._failure(error) from error
        self._end += size
        self._gathered.clear()
        self._gathered_bytes = 0
        self._unsynced = True

    def _mend(self) -> None:
        if self._torn:
            os.ftruncate(self._file, self._end)
            self._torn = False

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._failure(error) from error
        self._unsynced = False

    def _sync_every_second(self) -> None:
        while not self._closing.wait(1.0):
            if self._unsynced:
                self._unsynced = False  # before syncing: a line written meanwhile sets it again
                try:
                    os.fsync(self._file)
                except OSError as error:
                    self._sync_problem = error

    def _failure(self, error: OSError) -> JournalError:
        return JournalError(
            f"Cannot be written: {error.strerror}.",
            where=str(self.path),
            fix="Make room or mend the disk, and resume the run: nothing finished is lost.",
        )
