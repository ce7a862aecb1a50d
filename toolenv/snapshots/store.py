"""The live store: responses that can still grow, on diskcache without its pickles.

Any number of threads and processes may write at once; what ``add`` has returned for survives
``kill -9`` of the process. With ``power_loss_safe`` it also survives a power cut. Callers that wait
at the same time share one transaction, and so one wait for the disk; each is answered after it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from toolenv import bridge
from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import StoreError
from toolenv.fingerprint import fingerprint
from toolenv.snapshots.leases import Leases
from toolenv.snapshots.plain_cache import PlainCache, refused
from toolenv.snapshots.records import Recorded, decode, encode

__all__ = ["Store"]

_KEY = re.compile(r"(?P<namespace>[^:]*):[0-9a-f]{32}:[0-9]+")


class Store:
    """A folder of recorded values, by namespace: responses, completions, verdicts.

    Args:
        path: The folder; made where absent.
        namespace: Which kind of record this handle reads and writes.
        power_loss_safe: Whether ``add`` waits until the disk has the record. By default it waits
            until the operating system has it, which survives the process but not a power cut.

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
        self.power_loss_safe = power_loss_safe
        self._cache = PlainCache(self.path)
        self._writers = _Writers()
        if power_loss_safe:
            with self._named("The store cannot be opened"):
                self._cache.sync_folder()

    @property
    def fingerprint(self) -> str:
        """A digest of where the store is: what it holds may still grow."""
        return fingerprint("store", [self.path.name, self.namespace])

    @cached_property
    def leases(self) -> Leases:
        """Who is making which call at the moment, of all processes that use the folder."""
        return Leases(self.path / "leases")

    def add(self, record: Recorded) -> bool:
        """Append an answer to a call; the same answer of the same recording is kept once.

        Returns:
            Whether it was new.

        Raises:
            StoreError: The disk refused it; what was recorded before stays readable.
        """
        pending = self._queued(record)
        self._settle(pending)
        return pending.was_new()

    async def aadd(self, record: Recorded) -> bool:
        """``add`` for coroutines: where it waits for the disk, the event loop goes on meanwhile."""
        if not self.power_loss_safe:
            return self.add(record)

        async def settle() -> bool:
            pending = self._queued(record)
            thread = self._here.thread
            await asyncio.get_running_loop().run_in_executor(thread, self._settle, pending)
            return pending.was_new()

        return await bridge.wait(settle)

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

    def lookup_canonical(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers to the calls with a canonical key, earliest first.

        Raises:
            StoreError: It cannot be read, or holds a row that toolenv did not write.
        """
        canonical = key.hex()
        found = [
            record
            for exact in self._values(self._alias_prefix(canonical))
            for record in self._numbered(self._prefix(exact))
            if record.canonical == canonical and record.identity.joins(identity)
        ]
        found.sort(key=lambda record: record.order)
        return [record.response for record in found]

    def records(self) -> Iterator[Recorded]:
        """Every record of the namespace, by key and place.

        Raises:
            StoreError: It cannot be read, or holds a row that toolenv did not write.
        """
        with self._named("The store cannot be read"):
            for key in self._cache:
                own = _KEY.fullmatch(key)
                if own is None:
                    raise refused()
                if own["namespace"] == self.namespace:
                    value = self._cache.get(key)
                    if value is not None:
                        yield decode(value)

    def __len__(self) -> int:
        return sum(1 for _ in self.records())

    def close(self) -> None:
        """Close the database; closing twice is harmless."""
        self._here.close()
        self._cache.close()
        if "leases" in self.__dict__:
            self.leases.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prefix(self, key: bytes) -> str:
        return f"{self.namespace}:{key.hex()}:"

    def _alias_prefix(self, canonical: str) -> str:
        """Of the rows that name the exact keys with a canonical key."""
        return f"{self.namespace}~canonical:{canonical}:"

    def _numbered(self, prefix: str) -> Iterator[Recorded]:
        with self._named("The store cannot be read"):
            yield from map(decode, self._values(prefix))

    def _values(self, prefix: str) -> Iterator[bytes]:
        number = 0
        with self._named("The store cannot be read"):
            while (value := self._cache.get(f"{prefix}{number}")) is not None:
                yield value
                number += 1

    @property
    def _here(self) -> _Writers:
        """The writers of this process; those of a parent are none of ours."""
        if self._writers.process != os.getpid():
            self._writers = _Writers()
        return self._writers

    def _queued(self, record: Recorded) -> _Pending:
        key = record.key
        alias = self._alias_prefix(record.canonical) if record.canonical else ""
        pending = _Pending(self._prefix(key), encode(record), alias, key)
        self._here.enter(pending)
        return pending

    def _settle(self, pending: _Pending) -> None:
        """Return when a record is written: by this thread, with all that wait, or by another."""
        here = self._here
        if not here.begin(pending):
            return
        batch = here.batch()
        try:
            self._write(batch)
        except BaseException:  # interrupted: the others' records wait for the next thread
            here.put_back([one for one in batch if not one.done and one is not pending])
            raise
        finally:
            here.end()

    def _write(self, batch: Sequence[_Pending]) -> None:
        """Write records in one transaction; where that fails, each in its own."""
        try:
            with (
                self._named("The response could not be recorded"),
                self._cache.writing(power_loss_safe=self.power_loss_safe),
            ):
                new = [self._place(one) for one in batch]
        except StoreError as error:
            if len(batch) == 1:
                batch[0].settle(error)
                return
            for one in batch:
                self._write([one])
            return
        for one, is_new in zip(batch, new, strict=True):
            one.settle(is_new)

    def _place(self, pending: _Pending) -> bool:
        number = 0
        while not self._cache.add(f"{pending.prefix}{number}", pending.value):
            found = self._cache.get(f"{pending.prefix}{number}")
            if found is not None and _same_place(decode(found), decode(pending.value)):
                return False
            number += 1
        number = 0
        while pending.alias and not self._cache.add(f"{pending.alias}{number}", pending.key):
            if self._cache.get(f"{pending.alias}{number}") == pending.key:
                break
            number += 1
        return True

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


class _Pending:
    """A record on its way to the disk."""

    __slots__ = ("_outcome", "_wakes", "alias", "attended", "key", "leads", "prefix", "value")

    def __init__(self, prefix: str, value: bytes, alias: str, key: bytes) -> None:
        self.prefix = prefix
        self.value = value
        self.alias = alias
        self.key = key
        self.attended = False
        self.leads = False
        self._outcome: bool | StoreError | None = None
        self._wakes = threading.Lock()
        self._wakes.acquire()

    @property
    def done(self) -> bool:
        """Whether it is written or refused."""
        return self._outcome is not None

    def wait(self) -> None:
        """Until it is done, or its thread is to write what waits."""
        self._wakes.acquire()

    def settle(self, outcome: bool | StoreError) -> None:
        self._outcome = outcome
        self._wakes.release()

    def lead(self) -> None:
        """Let its thread write what waits."""
        self.leads = True
        self._wakes.release()

    def was_new(self) -> bool:
        """Whether it was new; raises what refused it."""
        if isinstance(self._outcome, StoreError):
            raise self._outcome
        return bool(self._outcome)


class _Writers:
    """What the threads of one process share: the records that wait, and whether one writes."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: deque[_Pending] = deque()
        self._writing = False
        self._thread: ThreadPoolExecutor | None = None

    def enter(self, pending: _Pending) -> None:
        """A record is to be written."""
        with self._lock:
            self._waiting.append(pending)

    def begin(self, pending: _Pending) -> bool:
        """Wait for a record; returns whether its thread is to write what waits, then ``end``."""
        with self._lock:
            if pending.done:
                return False
            if not self._writing:
                self._writing = True
                return True
            pending.attended = True
        try:
            pending.wait()
        except BaseException:  # interrupted: nobody waits for this record any more
            with self._lock:
                if pending.leads:
                    self._hand_on()
                elif pending in self._waiting:
                    self._waiting.remove(pending)
            raise
        return not pending.done

    def batch(self) -> list[_Pending]:
        """All that wait, which are now the caller's."""
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
            return batch

    def put_back(self, batch: Sequence[_Pending]) -> None:
        """Let records wait again, before the others."""
        with self._lock:
            self._waiting.extendleft(reversed(batch))

    def end(self) -> None:
        """Let the thread of the next record write."""
        with self._lock:
            self._hand_on()

    def _hand_on(self) -> None:
        """To a record that a thread waits for; the others are written along, or by their own."""
        following = next((one for one in self._waiting if one.attended), None)
        if following is not None:
            following.lead()
        else:
            self._writing = False

    @property
    def thread(self) -> ThreadPoolExecutor:
        """Writes for coroutines."""
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, "toolenv-store")
            return self._thread

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()


def _same_place(one: Recorded, other: Recorded) -> bool:
    """Whether both are the same answer of the same recording, whenever it was written."""
    one, other = (record._replace(recorded_at="", canonical="") for record in (one, other))
    return one == other
