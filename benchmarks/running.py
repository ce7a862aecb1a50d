"""What a run costs beside its policy: thousands of episodes in flight, and several processes.

The policy sleeps 200 ms in process (``asyncio.sleep``) and makes ten tool calls and a final answer;
6,000 episodes, 2,000 at a time, journal on. Ideal: 3 waves of 11 messages. Memory is the difference
of two processes' peaks, with 2,000 and with 1 in flight, over 1,999. Bare tasks that sleep as often
say what the machine gives at the time. Then episodes of a policy that computes 5 ms a message, in
one process and in two. Last, what a step costs for progress.

    python -m benchmarks.running
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import interleaved, table
from toolenv import bridge
from toolenv.actions import read_action
from toolenv.episodes import Message, Step, Usage
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.running.tally import Flight, Progress

__all__ = ["Computing", "Sleeping", "main"]

IN_FLIGHT = 2_000
WAVES = 3
CALLS = 10
SLEEP = 0.2
COMPUTES = 0.005

_CALL = '{"name": "search_for_city_weather", "arguments": {"city": "Paris"}}'
_ANSWER = '{"name": "Finish", "arguments": {"return_type": "give_answer", "final_answer": "sunny"}}'


class Sleeping:
    """Sleeps, calls ten times, and answers."""

    name = "sleeping"
    fingerprint = "policy-sleeping"

    async def __call__(
        self,
        messages: Sequence[Mapping[str, Any]],
        functions: Sequence[Mapping[str, Any]],
        *,
        seed: int,
    ) -> Message:
        await bridge.wait(lambda: asyncio.sleep(SLEEP))
        message = read_action(_CALL if len(messages) < 2 * CALLS + 2 else _ANSWER)
        return message._replace(usage=Usage(1_000, 50))


class Computing(Sleeping):
    """Computes, and does the same."""

    name = "computing"
    fingerprint = "policy-computing"

    async def __call__(
        self,
        messages: Sequence[Mapping[str, Any]],
        functions: Sequence[Mapping[str, Any]],
        *,
        seed: int,
    ) -> Message:
        until = time.thread_time() + COMPUTES
        while time.thread_time() < until:
            pass
        return read_action(_CALL if len(messages) < 2 * CALLS + 2 else _ANSWER)


def one(policy: str, episodes: int, concurrency: int, processes: int) -> dict[str, float]:
    """Run episodes: wall seconds from the first to the last, and the peak of memory in bytes."""
    configuration = RunConfiguration(
        tasks="benchmarks.policy_server:tasks",
        simulator=("local:benchmarks.policy_server:simulator",),
        policies=(f"local:benchmarks.running:{policy}",),
        first=min(episodes, 500),
        seeds=tuple(range(-(-episodes // 500))),
        concurrency=concurrency,
        processes=processes,
    )
    began: list[float] = []
    ended: list[float] = []

    def note(progress: Progress) -> None:
        if not began and (processes == 1 or progress.result is not None):
            began.append(time.perf_counter())
        if progress.done == progress.total:
            ended.append(time.perf_counter())

    with (
        tempfile.TemporaryDirectory() as folder,
        run(configuration, Path(folder) / "run", report=note) as done,
    ):
        assert {row.steps for row in done.results()} == {CALLS + 1}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": ended[0] - began[0], "peak": peak}


async def _bare(tasks: int, sleeps: int) -> float:
    async def sleep() -> None:
        for _ in range(sleeps):
            await asyncio.sleep(SLEEP)

    began = time.perf_counter()
    await asyncio.gather(*(sleep() for _ in range(tasks)))
    return time.perf_counter() - began


def in_a_process(*arguments: object) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.running", *map(str, arguments)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found


def cost_of_progress() -> float:
    """Microseconds that a step costs for being counted."""
    message = read_action(_CALL)._replace(usage=Usage(1_000, 50))
    step = Step(-1, 0, message, (), (), "", 0.0, "", None)
    written: list[Step] = []

    def write(step: Step) -> None:
        written.clear()

    flight = Flight(None, write)
    found = interleaved(
        {"counted": lambda: flight.step(step), "bare": lambda: write(step)}, calls=20_000
    )
    return found["counted"].median - found["bare"].median


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    if arguments:
        policy, *numbers = arguments
        print(json.dumps(one(policy, *map(int, numbers))))
        return
    ideal = WAVES * (CALLS + 1) * SLEEP
    runs, bare = [], []
    for _ in range(3):
        runs.append(in_a_process("Sleeping", WAVES * IN_FLIGHT, IN_FLIGHT, 1))
        bare.append(asyncio.run(_bare(IN_FLIGHT, WAVES * (CALLS + 1))) / ideal)
    ratios = sorted(run["seconds"] / ideal for run in runs)
    few = in_a_process("Computing", 20, 1, 1)
    peaks = sorted((run["peak"] - few["peak"]) / 1024 / (IN_FLIGHT - 1) for run in runs)
    alone, both = (
        sorted(in_a_process("Computing", 100, 8, processes)["seconds"] for _ in range(3))
        for processes in (1, 2)
    )
    rows = [
        ("figure", "asked", "measured"),
        (
            f"{WAVES * IN_FLIGHT:,} episodes, {IN_FLIGHT:,} in flight, of {SLEEP * 1e3:g} ms a "
            "message",
            "at most 1.1 of the ideal",
            f"{ratios[1]:.3f} of it ({ratios[0]:.3f}–{ratios[-1]:.3f}); bare tasks that sleep "
            f"{sorted(bare)[1]:.3f}",
        ),
        (
            "memory of an episode in flight",
            "at most 64 KiB",
            f"{peaks[1]:.0f} KiB ({peaks[0]:.0f}–{peaks[-1]:.0f})",
        ),
        (
            f"2 processes, {COMPUTES * 1e3:g} ms of computing a message",
            "(as many cores as processes: 2)",
            f"{alone[1] / both[1]:.2f} times as fast as 1 "
            f"({alone[0] / both[-1]:.2f}–{alone[-1] / both[0]:.2f})",
        ),
        ("counting a step for progress", "about 1 µs", f"{cost_of_progress():.2f} µs"),
    ]
    table("a run beside its policy", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
