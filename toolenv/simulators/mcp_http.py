"""HTTP beneath the protocol's client library: checked addresses, limits, and typed failures.

The library leaves the client to us (``http_client``). Ours connects only to addresses that were
checked, reads bodies within their limit of size and time, and turns every failure into a JSON-RPC
error, which the library hands to the request that it belongs to.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import httpcore
import httpx
import httpx2
import mcp_types
from mcp.client.streamable_http import streamable_http_client

from toolenv.episodes import Status
from toolenv.jsontext import parse, render
from toolenv.simulators.mcp_results import failure_data
from toolenv.simulators.web_hosts import CheckedBackend, Hosts, tls
from toolenv.simulators.web_messages import WebError, WebReply
from toolenv.simulators.web_pools import read_body
from toolenv.simulators.web_responses import response_of

__all__ = ["WebServer"]

_MOST_CONNECTIONS: Final = 100
_IDLE_SECONDS: Final = 30.0
_SESSION: Final = "mcp-session-id"
_NEWS: Final = "subscriptions/listen"
_HOP: Final = frozenset(
    {b"content-encoding", b"content-length", b"transfer-encoding", b"connection", b"keep-alive"}
)


class WebServer:
    """Carries messages to and from a server over streamable HTTP; a transport of ``mcp.Client``.

    Args:
        url: The server's endpoint.
        headers: Sent with every request; they may hold keys.
        allow_private: Hosts that may have a private, loopback or link-local address.
        connect: Seconds to connect.
        total: Seconds for one request and its whole reply.
        size: The longest message in bytes.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        allow_private: Collection[str],
        connect: float,
        total: float,
        size: int,
    ) -> None:
        parts = httpx.URL(url)
        self._url = url
        self._headers = dict(headers)
        self._size = size
        self._hosts = Hosts([parts.netloc.decode("ascii")], allow_private)
        self._transport = _Transport(self, self._hosts, connect=connect, total=total, size=size)
        self.last_words = ""
        self.heard = 0
        """How many replies have come."""
        self.gone = False
        """Whether the server has ended our session."""

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Any]:
        """Open the session; it is ended on leaving."""
        client = httpx2.AsyncClient(
            transport=self._transport,
            headers={"accept-encoding": "identity", **self._headers},
            timeout=None,  # the transport has its own, which hold for whole replies
            trust_env=False,
        )
        async with client, self._streams(client) as streams:
            yield streams

    def _streams(self, client: httpx2.AsyncClient) -> AbstractAsyncContextManager[Any]:
        return streamable_http_client(self._url, http_client=client, max_sse_event_size=self._size)


class _Transport(httpx2.AsyncBaseTransport):
    """Sends requests within the limits; every failure becomes a reply."""

    def __init__(
        self, server: WebServer, hosts: Hosts, *, connect: float, total: float, size: int
    ) -> None:
        self._server = server
        self._hosts = hosts
        self._connect = connect
        self._total = total
        self._size = size
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            async with asyncio.timeout(self._connect + self._total):
                return await self._send(request)
        except WebError as error:
            return _failed(request, 502, error.status, str(error))
        except (TimeoutError, httpcore.TimeoutException):
            return _failed(request, 504, Status.TIMEOUT, "The server did not reply in time.")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            reason = f": {error}" if str(error) else ""
            return _failed(request, 502, Status.SEND_ERROR, f"The request failed{reason}.")

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        url = httpx.URL(str(request.url))
        self._hosts.origin(url)
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=tls() if url.scheme == "https" else None,
                max_connections=_MOST_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=CheckedBackend(self._hosts),
            )
        started = asyncio.get_running_loop().time()
        reply = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                str(url),
                headers=request.headers.raw,
                content=await request.aread(),
                extensions={"timeout": {"connect": self._connect, "pool": self._connect}},
            )
        )
        self._server.heard += 1
        headers = httpx2.Headers(reply.headers)
        kept = [(name, value) for name, value in reply.headers if name.lower() not in _HOP]
        encoding = headers.get("content-encoding", "")
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        if reply.status < 400 and media == "text/event-stream":
            # News of the server may come for as long as it lives; a reply may not.
            news = request.method == "GET" or request.headers.get("mcp-method") == _NEWS
            deadline = None if news else started + self._total
            if encoding not in ("", "identity"):
                await reply.aclose()
                raise WebError("The reply is compressed, which was not asked for.")
            return httpx2.Response(reply.status, headers=kept, stream=_Events(reply, deadline))
        try:
            body = await read_body(reply, encoding, self._size)
        finally:
            await reply.aclose()
        if reply.status >= 400:
            return self._refused(request, reply.status, headers, body)
        return httpx2.Response(reply.status, headers=kept, content=body)

    def _refused(
        self, request: httpx2.Request, code: int, headers: httpx2.Headers, body: bytes
    ) -> httpx2.Response:
        """A refusal: the server's own error where it is one, else what its HTTP status says."""
        if code == 404 and _SESSION in request.headers:
            self._server.gone = True
        own = _error_in(body)
        if own is not None:
            return _reply(request, code, own)
        read = response_of(WebReply(code, dict(headers.items()), body))
        return _failed(request, code, read.status, f"The server refused: {read.error}.")


class _Events(httpx2.AsyncByteStream):
    """A stream of events, which ends in time."""

    def __init__(self, reply: httpcore.Response, deadline: float | None) -> None:
        self._reply = reply
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._reply.aiter_stream())
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except (TimeoutError, OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
                raise httpx2.ReadError(f"the stream of events ended early: {error}") from None
            yield chunk

    async def aclose(self) -> None:
        await self._reply.aclose()


def _error_in(body: bytes) -> dict[str, Any] | None:
    """The JSON-RPC error that a body is, if it is one."""
    try:
        value = parse(body)
    except ValueError:
        return None
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return None
    if not isinstance(error.get("code"), int) or not isinstance(error.get("message"), str):
        return None
    return dict(error)


def _failed(request: httpx2.Request, code: int, status: Status, problem: str) -> httpx2.Response:
    error = {
        "code": mcp_types.INTERNAL_ERROR,
        "message": problem,
        "data": failure_data(status),
    }
    return _reply(request, code, error)


def _reply(request: httpx2.Request, code: int, error: Mapping[str, Any]) -> httpx2.Response:
    """A reply that the library takes for a JSON-RPC error to the request that it just sent."""
    body = render({"jsonrpc": "2.0", "id": None, "error": error})
    return httpx2.Response(
        code, headers={"content-type": "application/json"}, content=body.encode(), request=request
    )
