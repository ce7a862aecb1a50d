"""A chat-completions server on loopback, as hostile as a test wants it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """What the server sends: a JSON value, or bytes as they are; cut off where asked."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    cut_to: int | None = None
    drips: bool = False
    """Sends a byte at a time, without end."""


DROPPED = 0
"""The status of a reply that never comes: the connection is closed instead."""


def completion(content: Any = None, **message: Any) -> dict[str, Any]:
    """A well-formed completion; ``finish_reason`` is the choice's, the rest the message's."""
    finish_reason = message.pop("finish_reason", "stop")
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def tool_call(name: str, arguments: str, id: str = "") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


class ChatServer:
    """Answers with what it is given: a function of the request, or replies one after the other."""

    def __init__(
        self, answer: Callable[[dict[str, Any]], Reply | dict[str, Any]], port: int = 0
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.models: Reply | dict[str, Any] = {"object": "list", "data": [{"id": "m"}]}
        self.headers: list[dict[str, str]] = []
        self._answer = answer
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = json.loads(body)
                with owner._lock:
                    owner.requests.append(request)
                    owner.bodies.append(body)
                    owner.headers.append({k.lower(): v for k, v in self.headers.items()})
                self._send(owner._answer(request))

            def do_GET(self) -> None:
                known = self.path.endswith("/models")
                self._send(owner.models if known else Reply({}, 404))

            def _send(self, given: Reply | dict[str, Any]) -> None:
                reply = given if isinstance(given, Reply) else Reply(given)
                raw = (
                    reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                )
                if reply.status == DROPPED:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                length = len(raw) + (1 << 20 if reply.drips else 0)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                while reply.drips and not owner.stopping.wait(0.02):
                    self.wfile.write(b" ")
                self.wfile.write(raw[: reply.cut_to])
                self.close_connection = reply.cut_to is not None

            def handle(self) -> None:
                with suppress(ConnectionError):  # the client had enough
                    super().handle()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def chat_server(
    answer: Callable[[dict[str, Any]], Reply | dict[str, Any]] | Sequence[Reply | dict[str, Any]],
) -> Iterator[ChatServer]:
    """A running server; a sequence of replies ends with its last one again and again."""
    if callable(answer):
        server = ChatServer(answer)
    else:
        replies = iter(answer)
        last = answer[-1]
        server = ChatServer(lambda _: next(replies, last))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
