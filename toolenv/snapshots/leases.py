"""Leases: who is making which call, over all processes that share a folder.

A lease is a row with its owner. It is lost when its owner is dead, which is seen at once on the
same machine, or when it has not been renewed in time, which is what is left across machines and
containers. A lease is advice that saves equal calls, never what keeps data whole.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

from toolenv.errors import StoreError, ToolenvError
from toolenv.jsontext import parse, render
from toolenv.snapshots.plain_cache import PlainCache, refused

__all__ = ["Lease", "Leases"]

_LONGEST_SECONDS = 3600.0
"""A row that claims to live longer is not believed."""


class _Owner(NamedTuple):
    """A lease's row.

    Args:
        host: Where process ids mean what they mean here.
        process: The process's id.
        started: When that process started, by its machine's clock; empty where unknown.
        token: Drawn for this lease alone.
        expires: Seconds since 1970.
    """

    host: str
    process: int
    started: str
    token: str
    expires: float

    def holds(self) -> bool:
        """Whether the lease is still held."""
        left = self.expires - time.time()
        if not 0 < left <= _LONGEST_SECONDS:
            return False
        return self.host != _host() or _is_alive(self.process, self.started)


class Lease:
    """A lease that this process holds; renewed until it is released."""

    def __init__(self, leases: Leases, name: str, token: str) -> None:
        self._leases = leases
        self.name = name
        self.token = token

    def release(self) -> None:
        """Let others in; harmless where the lease was lost or released before."""
        self._leases._release(self)


class Leases:
    """Leases by name, of all processes that use a folder.

    Args:
        path: The folder; made at the first lease.
        seconds: How long a lease lives without being renewed. It is renewed three times as often.
    """

    def __init__(self, path: Path, *, seconds: float = 30.0) -> None:
        self.path = path
        self.seconds = seconds
        self._lock = threading.Lock()
        self._cache: PlainCache | None = None
        self._held: dict[str, Lease] = {}
        self._process = os.getpid()
        self._renewing: threading.Thread | None = None
        self._closed = threading.Event()

    def take(self, name: str) -> Lease | None:
        """Take a lease; None while somebody holds it.

        Raises:
            StoreError: The folder cannot be written, or holds a row that toolenv did not write.
        """
        try:
            cache = self._opened()
            found = cache.get(name)
            if found is not None and _read(found).holds():
                return None
            lease = Lease(self, name, secrets.token_hex(8))
            with cache.writing():
                found = cache.get(name)
                if found is not None and _read(found).holds():
                    return None
                cache.set(name, self._row(lease))
        except StoreError as error:
            raise self._named(error) from None
        except (OSError, ValueError) as error:
            raise self._named(StoreError(f"A lease cannot be taken: {error}.")) from error
        with self._lock:
            self._held[lease.token] = lease
            if self._renewing is None:
                self._closed = threading.Event()
                self._renewing = threading.Thread(
                    target=self._renew, args=(self._closed,), name="toolenv-leases", daemon=True
                )
                self._renewing.start()
        return lease

    def close(self) -> None:
        """Give back what is held. Closing twice is harmless."""
        if self._process != os.getpid():
            return
        self._closed.set()
        with self._lock:
            held, self._renewing = list(self._held.values()), None
        for lease in held:
            self._release(lease)
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> PlainCache:
        if self._process != os.getpid():  # a fork holds none of its parent's leases
            self._process, self._held, self._renewing = os.getpid(), {}, None
            self._lock, self._cache = threading.Lock(), None
        with self._lock:
            if self._cache is None:
                self._cache = PlainCache(self.path)
            return self._cache

    def _release(self, lease: Lease) -> None:
        with self._lock:
            if self._held.pop(lease.token, None) is None or self._cache is None:
                return
            cache = self._cache
        with contextlib.suppress(ToolenvError, OSError, sqlite3.Error), cache.writing():
            if self._is_ours(cache, lease):  # else it dies of age, or with this process
                cache.delete(lease.name)

    def _renew(self, closed: threading.Event) -> None:
        """Renew what is held, until closed."""
        while not closed.wait(self.seconds / 3):
            with self._lock:
                held, cache = list(self._held.values()), self._cache
            if not held or cache is None:
                continue
            with contextlib.suppress(ToolenvError, OSError, sqlite3.Error), cache.writing():
                for lease in held:
                    if self._is_ours(cache, lease):
                        cache.set(lease.name, self._row(lease))

    def _is_ours(self, cache: PlainCache, lease: Lease) -> bool:
        found = cache.get(lease.name)
        return found is not None and _read(found).token == lease.token

    def _row(self, lease: Lease) -> bytes:
        process = os.getpid()
        expires = time.time() + self.seconds
        owner = _Owner(_host(), process, _started(process), lease.token, expires)
        return render({"version": 1, **owner._asdict()}).encode()

    def _named(self, error: StoreError) -> StoreError:
        return StoreError(error.what, where=error.where or str(self.path), fix=error.fix)


def _read(value: bytes) -> _Owner:
    try:
        fields: Any = parse(value)
        kinds = {"host": str, "process": int, "started": str, "token": str, "expires": float}
        if fields["version"] != 1 or any(type(fields[k]) is not kinds[k] for k in kinds):
            raise ValueError("of another version or form")
        return _Owner(*(fields[name] for name in _Owner._fields))
    except (ValueError, KeyError, TypeError):
        raise refused() from None


@functools.cache
def _host() -> str:
    """Where process ids mean the same: this boot of this machine, and this container of it."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()]
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _is_alive(process: int, started: str) -> bool:
    """Whether a process of this machine still runs, and is not another that got its id."""
    try:
        os.kill(process, 0)
    except PermissionError:
        pass  # somebody else's, and alive
    except (OSError, OverflowError):
        return False
    return not started or _started(process) == started


def _started(process: int) -> str:
    """When a process started, in ticks since the machine did; empty where nobody says.

    A process that has ended and was not waited for has not started.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
        fields = text.rpartition(")")[2].split()  # a command's name may hold anything
        return "ended" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""
