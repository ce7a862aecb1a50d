"""Connections: a stack of them for each host and event loop, and bodies read within the limits.

A pool of connections scans all of them for each request, so that one pool for 64 requests in flight
costs more than the requests: a pool for each connection costs next to nothing. The one that was
used last is used next. Each host has its own, so that one that hangs takes nothing from another.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

import httpcore

from toolenv.episodes import Status
from toolenv.simulators.web_hosts import CheckedBackend, Hosts, Origin, tls
from toolenv.simulators.web_messages import WebError, WebLimits

__all__ = ["Pools", "read_body"]

_IDLE_SECONDS: Final = 30.0
_CHUNK: Final = 1 << 16
_SLACK: Final = 1 << 16
"""Bytes that a compressed body may be longer than what is in it."""

_CLOSING_SECONDS: Final = 5.0


class _Lanes:
    """The connections to one host, of one event loop."""

    def __init__(self, limits: WebLimits, backend: CheckedBackend, context: ssl.SSLContext | None):
        self._turns = asyncio.Semaphore(max(1, limits.in_flight))
        self._backend = backend
        self._context = context
        self._pools: list[httpcore.AsyncConnectionPool] = []
        self._free: list[httpcore.AsyncConnectionPool] = []

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """A pool of one connection, which nobody else uses meanwhile."""
        async with self._turns:
            pool = self._free.pop() if self._free else self._made()
            try:
                yield pool
            finally:
                self._free.append(pool)

    def _made(self) -> httpcore.AsyncConnectionPool:
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context,
            max_connections=1,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._backend,
        )
        self._pools.append(pool)
        return pool

    async def close(self) -> None:
        for pool in self._pools:
            await pool.aclose()


class Pools:
    """The connections of one client, by event loop and host: they belong to the loop.

    Args:
        hosts: Which hosts may have which addresses.
        limits: How many requests to one host may be in flight.
    """

    def __init__(self, hosts: Hosts, limits: WebLimits) -> None:
        self._limits = limits
        self._backend = CheckedBackend(hosts)
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Origin, _Lanes]]
        self._lanes = WeakKeyDictionary()
        self._closing: set[asyncio.Task[None]] = set()

    def of(self, origin: Origin) -> _Lanes:
        """The connections to a host, of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            mine = self._lanes.get(loop)
            if mine is None:
                for ended in [other for other in self._lanes if other.is_closed()]:
                    del self._lanes[ended]  # its connections refer to it: it never goes by itself
                mine = self._lanes[loop] = {}
            lanes = mine.get(origin)
            if lanes is None:
                if origin.scheme == "https" and self._context is None:
                    self._context = tls()
                lanes = mine[origin] = _Lanes(self._limits, self._backend, self._context)
            return lanes

    def close(self) -> None:
        """Close all connections, each on its own loop; a loop that has ended closed its own."""
        with self._lock:
            held = list(self._lanes.items())
            self._lanes = WeakKeyDictionary()
        for loop, lanes in held:
            if loop.is_closed() or not loop.is_running():
                continue
            if loop is _running_loop():
                task = loop.create_task(_close(list(lanes.values())))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
                continue
            future = asyncio.run_coroutine_threadsafe(_close(list(lanes.values())), loop)
            try:
                future.result(_CLOSING_SECONDS)
            except (TimeoutError, RuntimeError):
                future.cancel()


async def read_body(reply: httpcore.Response, encoding: str, size: int) -> bytes:
    """Read and decompress a body, and stop as soon as it is too large.

    Args:
        reply: The reply, its body not yet read.
        encoding: Its ``Content-Encoding``.
        size: The largest number of bytes, decompressed.

    Raises:
        WebError: The body is too large, cut, or not compressed as the server says.
    """
    encoding = encoding.strip().lower()
    unpacked = _Unpacked(encoding, size)
    received = 0
    async for chunk in reply.aiter_stream():
        received += len(chunk)
        if received > size + _SLACK:
            raise _too_large(size)
        for start in range(0, len(chunk), _CHUNK):
            unpacked.add(chunk[start : start + _CHUNK])
    return unpacked.end()


class _Unpacked:
    """A body as it grows, never much beyond its largest size."""

    def __init__(self, encoding: str, size: int) -> None:
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise WebError(
                f"The body is compressed with {encoding[:40]!r}, which was not asked for."
            )
        self._size = size
        self._content = bytearray()
        self._packed = encoding not in ("", "identity")
        self._deflate = encoding == "deflate"
        self._unpack = zlib.decompressobj(zlib.MAX_WBITS | (0 if self._deflate else 16))
        self._began = False

    def add(self, chunk: bytes) -> None:
        if not self._packed:
            self._content += chunk
        while self._packed and chunk:
            if self._unpack.eof:  # gzip may have several parts
                self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
            room = self._size + 1 - len(self._content)
            try:
                self._content += self._unpack.decompress(chunk, room)
            except zlib.error:
                if not self._deflate or self._began:
                    raise WebError("The body is not compressed as the server says.") from None
                self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)  # as many servers send it
                self._began = True
                continue
            self._began = True
            chunk = self._unpack.unconsumed_tail or self._unpack.unused_data
            if self._unpack.eof and self._deflate:
                chunk = b""
            if len(self._content) > self._size:
                break
        if len(self._content) > self._size:
            raise _too_large(self._size)

    def end(self) -> bytes:
        if self._packed and self._began and not self._unpack.eof:
            raise WebError("The compressed body was cut.", again=True)
        return bytes(self._content)


def _too_large(size: int) -> WebError:
    return WebError(f"The response is larger than {size} bytes.", status=Status.API_ERROR)


async def _close(lanes: Sequence[_Lanes]) -> None:
    for one in lanes:
        await one.close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
