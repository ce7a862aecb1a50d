"""A completions server as a process of its own, which can be killed and begun again.

Run as a module it prints its address, and writes a byte to a file for each request.
"""

from __future__ import annotations

import json
import os
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
    log: Path, port: int = 0, reply: dict[str, Any] = ANSWER
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server, killed at the end: its process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(log), str(port), json.dumps(reply)],
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


def main(log: str, port: str, reply: str) -> None:
    said: dict[str, Any] = json.loads(reply)
    asked = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        os.write(asked, b".")
        return said

    server = ChatServer(answer, int(port))
    print(server.url, flush=True)
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
