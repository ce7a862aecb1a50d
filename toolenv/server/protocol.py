"""uvicorn's HTTP protocol with limits: on the size of a head, and on the time to send a request.

What is refused before it reaches the application is refused in JSON too.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from toolenv.server.replies import error_reply

__all__ = ["limited_protocol", "sweep"]


class LimitedProtocol(HttpToolsProtocol):
    """One connection; ``limited_protocol`` sets the limits."""

    head_limit = 1 << 15
    seconds = 30.0

    _refusal: tuple[int, str] | None = None
    _received = 0
    _in_head = True
    _begun: float | None = None
    """When the request that is arriving began; None between requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._begun = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head grows too large."""
        if self._in_head:
            self._received += len(data)
            if self._begun is None:
                self._begun = self.loop.time()
        super().data_received(data)
        if self._in_head and self._received > self.head_limit and not self.transport.is_closing():
            self._too_large()
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is too large."""
        if self._received > self.head_limit:
            pairs = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if len(self.url) + pairs > self.head_limit:
                self._too_large()
                raise ValueError("the head is too large")
        self._in_head = False
        self._received = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        self._in_head = True
        self._begun = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, and close."""
        http, problem = self._refusal or (400, "This is no HTTP request that can be read.")
        self._refuse(http, problem)

    def give_up_if_late(self) -> None:
        """Close the connection where its request has not arrived in time."""
        if self._begun is None or self.loop.time() - self._begun < self.seconds:
            return
        if not self.transport.is_closing():
            self._refuse(408, f"The request did not arrive within {self.seconds:g} seconds.")

    def _too_large(self) -> None:
        self._refusal = (431, f"The head is larger than {self.head_limit:,} bytes.")

    def _refuse(self, http: int, problem: str) -> None:
        if self._may_answer():
            body = error_reply(problem)
            head = (
                f"HTTP/1.1 {http} {HTTPStatus(http).phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether what is written now answers this request, and not an earlier one."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started and not self.pipeline


def limited_protocol(head_limit: int, seconds: float) -> type[LimitedProtocol]:
    """The protocol with these limits.

    Args:
        head_limit: Bytes of a request's line and headers.
        seconds: Seconds in which a request must arrive whole.
    """
    return type("Protocol", (LimitedProtocol,), {"head_limit": head_limit, "seconds": seconds})


def sweep(server: uvicorn.Server) -> None:
    """Close the connections whose requests are late."""
    for connection in list(server.server_state.connections):
        if isinstance(connection, LimitedProtocol):
            connection.give_up_if_late()
