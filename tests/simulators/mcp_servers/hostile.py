"""Servers that speak the protocol badly, by hand: ``python hostile.py HOW``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

TOOLS: list[dict[str, Any]] = [
    {
        "name": name,
        "description": name,
        "inputSchema": {"type": "object", "properties": {"x": {}}},
        "annotations": {"readOnlyHint": True},
    }
    for name in ("misbehave", "behave")
]


def send(message: Any) -> None:
    line = message if isinstance(message, bytes) else json.dumps(message).encode()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def answer(request: dict[str, Any], result: Any) -> None:
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def text(said: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}]}


def list_tools(how: str, request: dict[str, Any]) -> None:
    if how == "endless-list":
        answer(request, {"tools": TOOLS, "nextCursor": "more"})
    elif how == "bad-tools":
        answer(request, {"tools": [{"name": " ", "inputSchema": {"type": "object"}}]})
    elif how == "no-list":
        answer(request, {"tools": 7})
    else:
        answer(request, {"tools": TOOLS})


def misbehave(how: str, request: dict[str, Any]) -> None:
    number = request["id"]
    if how == "not-json":
        send(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[}' % number)
    elif how == "not-json-unnumbered":
        send(b'{"jsonrpc" oops')
    elif how == "no-answer":
        send({"id": number, "jsonrpc": "2.0"})
    elif how == "not-a-result":
        answer(request, {"content": "text"})
    elif how == "invalid-utf-8":
        send(
            b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\xff"}]}}'
            % number
        )
    elif how == "deep":
        send(b'{"jsonrpc":"2.0","id":%d,"result":%s' % (number, b"[" * 100_000))
    elif how == "huge-numbered-last":
        body = b'{"result":{"content":[{"type":"text","text":"%s"}]},"jsonrpc":"2.0","id":%d}'
        send(body % (b"x" * 3_000_000, number))
    elif how == "huge":
        send(b"{" + b" " * 30_000_000)
    elif how == "chatter":
        for line in ("Listening…", '{"level": "info"}', "[1, 2]", "", "{}", '{"jsonrpc":"2.0"}'):
            send(line.encode())
        send({"jsonrpc": "2.0", "id": 999_999, "result": {}})
        answer(request, text("after all"))
    elif how == "notifications":
        for _ in range(3000):
            send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": 1}})
        answer(request, text("after all"))
    elif how == "asks-back":
        asked = {"messages": [], "maxTokens": 10}
        params = {"jsonrpc": "2.0", "id": "mine", "method": "sampling/createMessage"}
        send({**params, "params": asked})
        refused = json.loads(sys.stdin.readline())
        answer(request, text(refused["error"]["message"]))
    elif how == "error":
        error = {"code": -32602, "message": "Unknown tool: misbehave"}
        send({"jsonrpc": "2.0", "id": number, "error": error})
    elif how == "closes":
        os.close(1)
        time.sleep(3600)
    elif how == "flood":
        while True:
            sys.stderr.write("noise " * 10_000)
    else:  # hang, stubborn, unreading, family
        time.sleep(3600)


def main(how: str) -> None:
    if how == "exits":
        sys.exit(f"no licence; the key is {os.environ.get('SHOP_KEY')}")
    if how == "silent":
        time.sleep(3600)
    if how in ("stubborn", "family"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = ""
    if how == "family":
        program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(3600)"
        child = str(subprocess.Popen([sys.executable, "-c", program]).pid)
    while line := sys.stdin.readline():
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            known = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}}
            answer(request, {**known, "serverInfo": {"name": "Hostile", "version": "1"}})
        elif method == "tools/list":
            list_tools(how, request)
        elif method == "tools/call":
            if request["params"]["name"] == "behave":
                answer(request, text(f"{os.getpid()} {child}".strip()))
            else:
                misbehave(how, request)
        elif "id" in request and method:
            error = {"code": -32601, "message": "Method not found"}
            send({"jsonrpc": "2.0", "id": request["id"], "error": error})
    if how in ("stubborn", "family"):
        time.sleep(3600)  # the end of the input means nothing to it


if __name__ == "__main__":
    main(sys.argv[1])
