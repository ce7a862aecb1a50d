"""A chat-completions server that takes its time, and clients measured against it on one core.

The server is a process of its own, bare asyncio, and answers every request with the same message:

    python -m benchmarks.completions_server LATENCY MESSAGE
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["keep_to_one_core", "processor", "serve_completions", "three_runs"]


@contextmanager
def serve_completions(latency: float, message: Mapping[str, Any]) -> Iterator[str]:
    """Run a server; its address, as host and port.

    Args:
        latency: Seconds until each reply.
        message: The assistant's message in OpenAI's form, without its role.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, str(latency), json.dumps(message)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield f"127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def three_runs(module: str, options: Sequence[str]) -> list[tuple[float, float]]:
    """Wall and processor seconds that a module prints, sorted; each run has its own process."""
    found = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-m", module, *options], check=True, stdout=subprocess.PIPE, text=True
        )
        wall, spent = map(float, done.stdout.split())
        found.append((wall, spent))
    return sorted(found)


def keep_to_one_core() -> None:
    """Leave the other cores to the server."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def processor() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class _Completions(asyncio.Protocol):
    def __init__(self, latency: float, reply: bytes) -> None:
        self._latency = latency
        self._reply = reply
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end]).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._read) < end + 4 + size:
                return
            del self._read[: end + 4 + size]
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, self._reply)


async def _serve(latency: float, message: Mapping[str, Any]) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
    usage = {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920}
    completion = {"id": "c", "object": "chat.completion", "created": 0, "model": "m"}
    body = json.dumps({**completion, "choices": [choice], "usage": usage}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    server = await asyncio.get_running_loop().create_server(
        lambda: _Completions(latency, head % len(body) + body), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), json.loads(sys.argv[2])))
