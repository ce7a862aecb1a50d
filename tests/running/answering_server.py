"""A completions server as a process of its own, which can be killed and begun again.

Run as a module it prints its address, and writes a byte to a file for each request.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chat.scripted_server import ChatServer, completion, tool_call
from tests.running.processes import ROOT, environment
from toolenv.apis import FINISH

ANSWER = completion(
    None, tool_calls=[tool_call(FINISH, '{"return_type":"give_answer","final_answer":"42"}', "c1")]
)
"""The final answer of every episode; costs 18 tokens, as its usage says."""


@contextmanager
def answering_server(
    log: Path, port: int = 0, reply: dict[str, Any] = ANSWER, *, deadly: int = 0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server, killed at the end: its process and its address.

    Args:
        log: Gets a byte for each request.
        port: Where it listens; 0 for any that is free.
        reply: What it answers.
        deadly: The request, from 1 on, that is its death before it answers; 0 for none.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(log), str(port), json.dumps(reply), str(deadly)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def port_of(url: str) -> int:
    """Where a server listened, for another in its place."""
    return int(url.removesuffix("/v1").rpartition(":")[2])


def main(log: str, port: str, reply: str, deadly: str) -> None:
    said: dict[str, Any] = json.loads(reply)
    requests = itertools.count(1)
    asked = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        os.write(asked, b".")
        if next(requests) == int(deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        return said

    server = ChatServer(answer, int(port))
    print(server.url, flush=True)
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
