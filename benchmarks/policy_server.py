"""Many episodes at once against a policy server on loopback that takes its time.

250 episodes of 12 messages against a server with 300 ms latency, and 500 against one with 1 s. The
run, journal and results included, has one core, the server another. Ideal: 12 latencies. The server
is a process of its own, bare asyncio, and answers with a tool call of constant size.

    python -m benchmarks.policy_server
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.agents import Constant
from benchmarks.completions_server import (
    keep_to_one_core,
    processor,
    serve_completions,
    three_runs,
)
from benchmarks.measure import table
from benchmarks.step import WEATHER
from toolenv import Task
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.running.tally import Progress

MESSAGES = 12
CASES = ((250, 0.3, 1.25), (500, 1.0, 1.3))
"""Episodes, seconds of latency, and how many times the ideal is asked for."""

MESSAGE = {
    "content": "Let me look.",
    "tool_calls": [
        {
            "id": "call-1",
            "type": "function",
            "function": {"name": "search_for_city_weather", "arguments": '{"city":"Paris"}'},
        }
    ],
}


def tasks() -> list[Task]:
    """The tasks of a run."""
    apis = tuple(WEATHER.apis)
    return [Task(id=str(n), instruction="How is the weather?", apis=apis) for n in range(500)]


def simulator() -> Constant:
    """What answers the calls."""
    return Constant()


def one(episodes: int, address: str) -> None:
    """Run the episodes on one core and print wall seconds and processor seconds."""
    keep_to_one_core()
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
        with serve_completions(latency, MESSAGE) as address:
            given = ["--address", address, "--episodes", str(episodes)]
            found = three_runs("benchmarks.policy_server", given)
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
