"""Many episodes at once against a policy server on loopback that takes its time.

250 episodes of 12 messages against a server with 300 ms latency, and 500 against one with 1 s; the
client has one core, the server another. Ideal: 12 latencies. The server is a process of its own,
bare asyncio, and answers with a tool call of constant size.

    python -m benchmarks.policy_server
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time

from benchmarks.agents import Constant
from benchmarks.measure import table
from benchmarks.step import WEATHER
from toolenv import Task, ToolEnv
from toolenv.agents import OpenAIPolicy, ReACT

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


def one(episodes: int, address: str) -> None:
    """Run the episodes on one core and print wall seconds and processor seconds."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import uvloop

    task = Task(id="1", instruction="How is the weather in Paris?", apis=tuple(WEATHER.apis))
    env = ToolEnv([task], Constant(), max_steps=MESSAGES)
    agent = ReACT(OpenAIPolicy("m", base_url=f"http://{address}/v1", timeout=60, max_retries=0))

    async def all_of_them() -> float:
        await agent.arun(env.fresh(), task, seed=0)  # imports and the first connection
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        done = await asyncio.gather(*(agent.arun(env, task, seed=n) for n in range(episodes)))
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        short = [episode.ended for episode in done if len(episode.steps) != MESSAGES]
        assert not short, short[:3]
        print(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        return wall

    uvloop.run(all_of_them())


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
