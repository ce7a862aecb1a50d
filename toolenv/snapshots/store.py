"""The live store: responses that can still grow, on diskcache without its pickles.

``diskcache`` unpickles what it finds by default, which executes code (CVE-2025-69872), and evicts
silently at 1 GiB. Here keys are text, values are bytes, nothing else is written or read, and
nothing is evicted. Any number of threads and processes may write at once; what ``add`` has returned
for survives ``kill -9`` of the process. With ``power_loss_safe`` it also survives a power cut.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import diskcache
from diskcache.core import MODE_RAW

from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import StoreError
from toolenv.fingerprint import fingerprint
from toolenv.snapshots.records import Recorded, decode, encode

__all__ = ["Store"]

_KEY = re.compile(r"(?P<namespace>[^:]*):[0-9a-f]{32}:[0-9]+")


class Store:
    """A folder of recorded values, by namespace: responses, completions, verdicts.

    Args:
        path: The folder; made where absent.
        namespace: Which kind of record this handle reads and writes.
        power_loss_safe: Whether ``add`` waits until the disk has the record.

    Raises:
        StoreError: The folder cannot be used, or holds something else.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        namespace: str = "responses",
        power_loss_safe: bool = False,
    ) -> None:
        self.path = Path(path)
        self.namespace = namespace
        try:
            self._cache = diskcache.Cache(
                str(self.path),
                disk=_PlainDisk,
                disk_min_file_size=1 << 40,  # everything in the database: one file to sync
                eviction_policy="none",
                cull_limit=0,
                sqlite_synchronous=2 if power_loss_safe else 1,
            )
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise StoreError(
                f"The store cannot be opened: {error}.",
                where=str(path),
                fix="Name a folder that can be written, or one made by toolenv.",
            ) from error

    @property
    def fingerprint(self) -> str:
        """A digest of where the store is: what it holds may still grow."""
        return fingerprint("store", [self.path.name, self.namespace])

    def add(self, record: Recorded) -> bool:
        """Append an answer to a call; the same answer of the same recording is kept once.

        Returns:
            Whether it was new.

        Raises:
            StoreError: The disk refused it; what was recorded before stays readable.
        """
        prefix = self._prefix(record.key)
        value = encode(record)
        number = 0
        with self._named("The response could not be recorded"):
            while not self._cache.add(f"{prefix}{number}", value, retry=True):
                found = self._cache.get(f"{prefix}{number}", retry=True)
                if found is not None and _same_place(decode(found), decode(value)):
                    return False
                number += 1
        return True

    def lookup(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers recorded for a call, earliest first.

        Raises:
            StoreError: It cannot be read, or holds a row that toolenv did not write.
        """
        found = [
            record
            for record in self._numbered(self._prefix(key))
            if record.identity.joins(identity)
        ]
        found.sort(key=lambda record: record.order)
        return [record.response for record in found]

    def records(self) -> Iterator[Recorded]:
        """Every record of the namespace, by key and place.

        Raises:
            StoreError: It cannot be read, or holds a row that toolenv did not write.
        """
        with self._named("The store cannot be read"):
            for key in self._cache.iterkeys():
                own = _KEY.fullmatch(key)
                if own is None:
                    raise _refused()
                if own["namespace"] == self.namespace:
                    value = self._cache.get(key, retry=True)
                    if value is not None:
                        yield decode(value)

    def __len__(self) -> int:
        return sum(1 for _ in self.records())

    def close(self) -> None:
        """Close the database; closing twice is harmless."""
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prefix(self, key: bytes) -> str:
        return f"{self.namespace}:{key.hex()}:"

    def _numbered(self, prefix: str) -> Iterator[Recorded]:
        number = 0
        with self._named("The store cannot be read"):
            while (value := self._cache.get(f"{prefix}{number}", retry=True)) is not None:
                yield decode(value)
                number += 1

    @contextmanager
    def _named(self, failure: str) -> Iterator[None]:
        """Errors of the disk and of what is on it as ours, naming the folder."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{failure}: {error}.", where=str(self.path)) from error
        except StoreError as error:
            raise StoreError(
                error.what, where=error.where or str(self.path), fix=error.fix
            ) from None


class _PlainDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Text keys and bytes values; whatever is or wants to be pickled is refused."""

    def put(self, key: Any) -> tuple[Any, bool]:
        if not isinstance(key, str):
            raise StoreError(f"A store's keys are text, not {type(key).__name__}.")
        return key, True

    def get(self, key: Any, raw: bool) -> Any:
        if not raw or not isinstance(key, str):
            raise _refused()
        return key

    def store(
        self, value: Any, read: bool, key: Any = diskcache.UNKNOWN
    ) -> tuple[int, int, None, bytes | sqlite3.Binary]:
        if read or not isinstance(value, bytes):
            raise StoreError(f"A store's values are bytes, not {type(value).__name__}.")
        return len(value), MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise _refused()
        return value


def _refused() -> StoreError:
    return StoreError(
        "The store holds a row that toolenv did not write (a pickle, or a file of its own).",
        fix="Nothing was executed. Use a folder that only toolenv writes.",
    )


def _same_place(one: Recorded, other: Recorded) -> bool:
    """Whether both are the same answer of the same recording, whenever it was written."""
    return one._replace(recorded_at="") == other._replace(recorded_at="")
