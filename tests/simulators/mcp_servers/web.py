"""Servers that speak streamable HTTP badly, in a thread of the test: ``misbehaving(how)``."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.simulators.mcp_servers.hostile import TOOLS, text

NAMED = {"name": "Web", "version": "1"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    how = ""

    def __init__(self, how: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.how = how
        self.calls = 0
        self.seen: list[str | None] = []
        self.ending = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.reply(405, b"")

    def do_DELETE(self) -> None:
        self.reply(200, b"")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(self.headers.get("x-shop-key"))
        method = request.get("method")
        if method == "initialize":
            known = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
            self.answer(request, {**known, "serverInfo": NAMED}, session=True)
        elif method == "tools/list":
            self.answer(request, {"tools": TOOLS})
        elif method == "tools/call":
            self.server.calls += 1
            self.misbehave(request)
        elif "id" in request:
            self.reply(400, b"what?")
        else:
            self.reply(202, b"")

    def misbehave(self, request: dict[str, Any]) -> None:
        how = self.server.how
        if how.isdecimal():
            self.reply(int(how), b'{"message": "no"}')
        elif how == "json-rpc-error":
            error = {"code": -32602, "message": "no such tool"}
            body = {"jsonrpc": "2.0", "id": request["id"], "error": error}
            self.reply(400, json.dumps(body).encode())
        elif how == "redirect":
            self.reply(307, b"", location="http://example.org/mcp")
        elif how == "html":
            self.reply(200, b"<html>Welcome</html>", kind="text/html")
        elif how == "not-json":
            self.reply(200, b'{"jsonrpc"')
        elif how == "huge":
            self.reply(200, b'"' + b"x" * 3_000_000 + b'"')
        elif how == "bomb":
            self.reply(200, gzip.compress(b" " * 50_000_000), **{"content-encoding": "gzip"})
        elif how == "event-bomb":
            packed = gzip.compress(b"data: " + b" " * 50_000_000)
            self.reply(200, packed, kind="text/event-stream", **{"content-encoding": "gzip"})
        elif how == "huge-event":
            self.reply(200, b"data: " + b"x" * 3_000_000 + b"\n\n", kind="text/event-stream")
        elif how == "no-event":
            self.reply(200, b": nothing\n\n", kind="text/event-stream")
        elif how in ("drip", "drip-events"):
            self.drip("application/json" if how == "drip" else "text/event-stream")
        elif how == "hang":
            self.server.ending.wait(60)
        elif how == "cut":
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b'{"json')
            self.close_connection = True
        elif how == "forgets" and self.server.calls == 1:
            self.reply(404, b"")
        else:
            self.answer(request, text("after all"))

    def answer(self, request: dict[str, Any], result: Any, *, session: bool = False) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.reply(200, body, **({"mcp-session-id": "one"} if session else {}))

    def reply(self, code: int, body: bytes, *, kind: str = "application/json", **more: str) -> None:
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", "100000")
        self.end_headers()
        while not self.server.ending.wait(0.02):
            try:
                self.wfile.write(b":")
            except OSError:
                return


@contextmanager
def misbehaving(how: str) -> Iterator[tuple[str, list[str | None]]]:
    """A server's address, and the values of ``X-Shop-Key`` that it has seen."""
    with _Server(how) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mcp", server.seen
        finally:
            server.ending.set()
            server.shutdown()
            thread.join()
