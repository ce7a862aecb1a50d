"""Many episodes at once against a policy server on loopback that takes its time.

250 episodes of 12 messages against a server with 300 ms latency, and 500 against one with 1 s. The
run, journal and results included, has one core, the server another. Ideal: 12 latencies. The server
is a process of its own, bare asyncio, and answers with a tool call of constant size.

    python -m benchmarks.policy_server
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.agents import Constant
from benchmarks.measure import table
from benchmarks.step import WEATHER
from toolenv import Task
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import Progress, run

MESSAGES = 12
CASES = ((250, 0.3, 1.25), (500, 1.0, 1.3))
"""Episodes, seconds of latency, and how many times the ideal is asked for."""

SERVER = """
import asyncio, sys

LATENCY = float(sys.argv[1])
BODY = (b'{"id":"c","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,'
        b'"finish_reason":"tool_calls","message":{"role":"assistant","content":"Let me look.",'
        b'"tool_calls":[{"id":"call-1","type":"function","function":{"name":'
        b'"search_for_city_weather","arguments":"{\\\\"city\\\\":\\\\"Paris\\\\"}"}}]}}],'
        b'"usage":{"prompt_tokens":900,"completion_tokens":20,"total_tokens":920}}')
REPLY = (b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n"
         % len(BODY)) + BODY


class Completions(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, bytearray()

    def data_received(self, data):
        self.read += data
        while (end := self.read.find(b"\\r\\n\\r\\n")) >= 0:
            head = bytes(self.read[:end]).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\\r\\n")[0])
            if len(self.read) < end + 4 + size:
                return
            del self.read[: end + 4 + size]
            asyncio.get_running_loop().call_later(LATENCY, self.transport.write, REPLY)


async def main():
    server = await asyncio.get_running_loop().create_server(
        Completions, "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
"""


def tasks() -> list[Task]:
    """The tasks of a run."""
    apis = tuple(WEATHER.apis)
    return [Task(id=str(n), instruction="How is the weather?", apis=apis) for n in range(500)]


def simulator() -> Constant:
    """What answers the calls."""
    return Constant()


def one(episodes: int, address: str) -> None:
    """Run the episodes on one core and print wall seconds and processor seconds."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    configuration = RunConfiguration(
        tasks="benchmarks.policy_server:tasks",
        simulator=("local:benchmarks.policy_server:simulator",),
        policies=(f"openai:m?base_url=http://{address}/v1&timeout=60&max_retries=0",),
        first=episodes,
        max_steps=MESSAGES,
        concurrency=episodes,
    )
    began: list[float] = []

    def note(_: Progress) -> None:
        if not began:  # what a run opens once is not an episode's
            began.extend((time.perf_counter(), processor()))

    import openai  # noqa: F401  half a second that is not an episode's

    with (
        tempfile.TemporaryDirectory() as folder,
        run(configuration, Path(folder) / "run", report=note) as done,
    ):
        wall, spent = time.perf_counter() - began[0], processor() - began[1]
        rows = done.results()
    assert {row.steps for row in rows} == {MESSAGES}, {row.ended for row in rows}
    print(wall, spent)


def processor() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(episodes: int, latency: float) -> list[tuple[float, float]]:
    """Wall and processor seconds of three runs, each in a process of its own."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = f"127.0.0.1:{server.stdout.readline().strip()}"
        command = [sys.executable, "-m", "benchmarks.policy_server", "--address", address]
        found = []
        for _ in range(3):
            done = subprocess.run(
                [*command, "--episodes", str(episodes)], check=True, capture_output=True, text=True
            )
            wall, processor = map(float, done.stdout.split())
            found.append((wall, processor))
        return sorted(found)
    finally:
        server.terminate()
        server.wait()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address")
    parser.add_argument("--episodes", type=int, default=1)
    options = parser.parse_args([] if arguments is None else arguments)
    if options.address:
        one(options.episodes, options.address)
        return
    rows = [("figure", "asked", "measured")]
    for episodes, latency, asked in CASES:
        found = measure(episodes, latency)
        ideal = MESSAGES * latency
        wall, processor = found[len(found) // 2]
        rows.append(
            (
                f"{episodes} episodes at {latency:g} s",
                f"at most {asked} of the ideal",
                f"{wall / ideal:.2f} of it ({found[0][0] / ideal:.2f}–{found[-1][0] / ideal:.2f}); "
                f"{processor / episodes / MESSAGES * 1e3:.2f} ms of processor a call",
            )
        )
    table(f"episodes of {MESSAGES} messages in flight against a policy server, one core", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
