"""``diskcache`` without its pickles, its eviction and its busy waiting.

``diskcache`` unpickles what it finds by default, which executes code (CVE-2025-69872), and evicts
silently at 1 GiB. Here keys are text, values are bytes, nothing else is written or read, and
nothing is evicted. Writers queue at a lock that the kernel hands on and that dies with whoever
holds it: SQLite's own lock is polled, with pauses that grow, so that of eight writers one may wait
for seconds.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import diskcache
from diskcache.core import MODE_RAW

from toolenv.errors import StoreError

__all__ = ["PlainCache", "refused"]

_FULL, _NORMAL = 2, 1

_CHECKPOINT_PAGES = 16_000
"""64 MiB: what is written over and over reaches the database once in that many pages."""


class PlainCache:
    """A folder of text keys and bytes values, written by any number of threads and processes.

    What a transaction has written survives ``kill -9`` once it has ended; see ``writing``.

    Args:
        path: The folder; made where absent.

    Raises:
        StoreError: The folder cannot be used, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue = _Queue(path / "writers.lock")
        try:
            path.mkdir(parents=True, exist_ok=True)
            with self._queue:
                self._cache = self._opened()
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise StoreError(
                f"The store cannot be opened: {error}.",
                where=str(path),
                fix="Name a folder that can be written, or one made by toolenv.",
            ) from error

    def _opened(self) -> diskcache.Cache:
        cache = diskcache.Cache(
            str(self.path),
            disk=_PlainDisk,
            disk_min_file_size=1 << 40,  # everything in the database: one file to sync
            eviction_policy="none",
            cull_limit=0,
            sqlite_synchronous=_NORMAL,
            sqlite_auto_vacuum=0,  # nothing shrinks: no pages spent on knowing who owns a page
            sqlite_mmap_size=0,  # pages are written far more often than read again
            sqlite_wal_autocheckpoint=_CHECKPOINT_PAGES,
        )
        with closing(sqlite3.connect(self.path / "cache.db", isolation_level=None)) as plain:
            # What eviction would want to know, kept up to date by triggers at every row.
            plain.execute("DELETE FROM Settings WHERE key IN ('count', 'size')")
        return cache

    def get(self, key: str) -> bytes | None:
        """The value of a key; None where there is none."""
        value: bytes | None = self._cache.get(key)
        return value

    def __iter__(self) -> Iterator[str]:
        """All keys, sorted."""
        keys: Iterator[str] = self._cache.iterkeys()
        return keys

    def add(self, key: str, value: bytes) -> bool:
        """Add a key unless it is there; inside ``writing`` only."""
        added: bool = self._cache.add(key, value)
        return added

    def set(self, key: str, value: bytes) -> None:
        """Add or replace a key; inside ``writing`` only."""
        self._cache.set(key, value)

    def delete(self, key: str) -> None:
        """Delete a key, where it is there; inside ``writing`` only."""
        self._cache.delete(key)

    @contextmanager
    def writing(self, *, power_loss_safe: bool = False) -> Iterator[None]:
        """One transaction: all of it is written at its end, or nothing where it raises.

        Args:
            power_loss_safe: Wait at its end until the disk has it.

        Raises:
            StoreError: The folder cannot be written.
        """
        with self._queue:
            try:
                if power_loss_safe:  # of this thread's connection; the folder's setting stays
                    self._cache.reset("sqlite_synchronous", _FULL, update=False)
                with self._cache.transact():
                    yield
            except diskcache.Timeout as timeout:
                cause = timeout.__context__ or "another program holds its lock"
                self._cache.close()
                raise StoreError(f"The store cannot be written: {cause}.") from timeout
            except BaseException:
                self._cache.close()  # whatever of the transaction is left ends with its connection
                raise

    def sync_folder(self) -> None:
        """Wait until the disk has the names of the files and of the folder."""
        for folder in (self.path, self.path.resolve().parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Close this thread's connection, and the others' as their threads end."""
        self._cache.close()
        self._queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Queue:
    """Lets one thread of one process in at a time; the kernel releases what a dead one held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = -1
        self._file = -1
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if self._process != os.getpid():  # a fork shares its parent's lock: take one's own
            self._process, self._file, self._lock = os.getpid(), -1, threading.Lock()
        self._lock.acquire()
        try:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def close(self) -> None:
        if self._process == os.getpid():
            with self._lock:
                if self._file >= 0:
                    os.close(self._file)
                self._file = -1

    def __del__(self) -> None:
        if self._file >= 0 and self._process == os.getpid():
            os.close(self._file)


class _PlainDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Text keys and bytes values; whatever is or wants to be pickled is refused."""

    def put(self, key: Any) -> tuple[Any, bool]:
        if not isinstance(key, str):
            raise StoreError(f"A store's keys are text, not {type(key).__name__}.")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        if not raw or not isinstance(key, str):
            raise refused()
        return key

    def store(
        self, value: Any, read: bool, key: Any = diskcache.UNKNOWN
    ) -> tuple[int, int, None, bytes | sqlite3.Binary]:
        if read or not isinstance(value, bytes):
            raise StoreError(f"A store's values are bytes, not {type(value).__name__}.")
        return len(value), MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise refused()
        return value


def refused() -> StoreError:
    """The error for a row that toolenv did not write."""
    return StoreError(
        "The store holds a row that toolenv did not write (a pickle, or a file of its own).",
        fix="Nothing was executed. Use a folder that only toolenv writes.",
    )
