"""A real server on a real socket that does, by path, whatever a server can do wrong."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Self

from toolenv import bridge
from toolenv.episodes import Response
from toolenv.simulators.web import WebClient, WebLimits, WebRequest, respond


class Received(NamedTuple):
    """A request as it came, for the test to look at."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Behaviour = Callable[[Received, asyncio.StreamWriter], Awaitable[bool]]
"""Answers a request; returns whether the connection stays open."""


def reply(body: object = b"", status: int = 200, reason: str = "Any", **headers: str) -> bytes:
    """A whole reply; whatever is not bytes is sent as JSON."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("content_type", "application/json")
    lines = [f"HTTP/1.1 {status} Any"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "content_length" not in headers:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def says(*replies: bytes) -> Behaviour:
    """Sends these replies, one per request, and the last again and again."""
    left = list(replies)

    async def behave(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        return True

    return behave


def then_closes(raw: bytes) -> Behaviour:
    """Sends these bytes and closes the connection."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw)
        await writer.drain()
        return False

    return behave


def then_resets(raw: bytes) -> Behaviour:
    """Sends these bytes and resets the connection."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(raw)
        await writer.drain()
        writer.transport.abort()
        return False

    return behave


def repeats(head: bytes, part: bytes, pause: float = 0.0) -> Behaviour:
    """Sends a head and then one part after the other, without end."""

    async def behave(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        while not writer.transport.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return False

    return behave


async def hangs(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Never says anything."""
    while not writer.transport.is_closing():
        await asyncio.sleep(0.05)
    return False


async def echoes(received: Received, writer: asyncio.StreamWriter) -> bool:
    """Sends the request back, headers and all."""
    shown = {"target": received.target, "headers": received.headers, "body": received.body.decode()}
    key = received.headers.get("x-rapidapi-key", "none")
    writer.write(reply(shown, x_seen=key))
    await writer.drain()
    return True


def bomb(size: int) -> bytes:
    """So many zeros, compressed a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = bytes(1 << 20)
    parts = [packer.compress(zeros) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


LIMITS = WebLimits(connect=2, total=0.5, size=1 << 16, attempts=1)
PATIENT = LIMITS._replace(total=8, attempts=4)
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"


class HostileServer:
    """A server in a thread of its own, on a free port of the loopback.

    Args:
        behaviours: By path; further ones may be added while it runs.
        tls: What it encrypts with; None for plain HTTP.
    """

    def __init__(
        self, behaviours: dict[str, Behaviour] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.behaviours: dict[str, Behaviour] = {"/echo": echoes, "/hang": hangs}
        self.behaviours.update(behaviours or {})
        self.received: list[Received] = []
        self.port = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def seen(self, path: str) -> list[Received]:
        """The requests that came for a path."""
        return [one for one in self.received if one.path == path]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(method, target, headers, body, head + body)
        self.received.append(received)
        behaviour = self.behaviours.get(received.path)
        if behaviour is None:
            behaviour = says(reply({"message": "Not found"}, 404))
        return await behaviour(received, writer)


def zipped(body: bytes) -> bytes:
    """A reply whose body is compressed."""
    return reply(gzip.compress(body), content_encoding="gzip", content_type="application/json")


def ask(
    server: HostileServer,
    path: str,
    behaviour: Behaviour | None = None,
    *,
    method: str = "GET",
    limits: WebLimits = LIMITS,
    secrets: tuple[str, ...] = (),
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> Response:
    if behaviour is not None:
        server.behaviours[path] = behaviour
    client = WebClient(
        [server.address], allow_private=["127.0.0.1"], limits=limits, secrets=secrets
    )
    try:
        request = WebRequest(method, server.url(path), headers or {}, content)
        return bridge.run(respond(client, request))
    finally:
        client.close()
