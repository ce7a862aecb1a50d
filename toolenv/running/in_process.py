"""Running episodes in this process: one event loop, thousands in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from toolenv.env import ToolEnv
from toolenv.running.folder import RunFolder
from toolenv.running.planning import Planned
from toolenv.running.results import Result
from toolenv.running.scheduling import Schedule
from toolenv.running.stopping import Stopping
from toolenv.running.tally import Flight, Tally

__all__ = ["run_in_process", "watch_budget"]

_APART = 16
"""Turns of the event loop between the beginnings of episodes: enough for a request to leave. Those
that begin together stay together, and the work of all of them then waits for the slowest."""

_WATCH_SECONDS = 0.1


async def run_in_process(
    env: ToolEnv,
    schedule: Schedule[Planned],
    folder: RunFolder,
    concurrency: int,
    tally: Tally,
    stopping: Stopping,
    finished: Callable[[Result], None],
) -> None:
    """Keep so many episodes in flight; the first that raises stops the run.

    Args:
        env: The environment of all episodes.
        schedule: Hands them out.
        folder: Where they are written.
        concurrency: How many are in flight.
        tally: What is told of those in flight.
        stopping: Whether another may begin.
        finished: Told of each that has finished and is written.
    """

    async def work() -> None:
        while stopping.allows() and (item := schedule.next()) is not None:
            finished(await _run_one(env, item, folder, tally))
            schedule.ended(item)
            await asyncio.sleep(0)  # lets Ctrl-C and other episodes in where nothing waits

    workers: list[asyncio.Task[None]] = []
    watch = asyncio.create_task(
        watch_budget(stopping, lambda: [worker.cancel() for worker in workers])
    )
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(schedule))):
                workers.append(group.create_task(work()))
                for _ in range(_APART):
                    await asyncio.sleep(0)
    finally:
        watch.cancel()


async def watch_budget(stopping: Stopping, end: Callable[[], object]) -> None:
    """Call ``end`` once episodes in flight have exceeded the run's budget by too much."""
    while stopping.is_limited:
        await asyncio.sleep(_WATCH_SECONDS)
        if stopping.must_end():
            end()
            return


async def _run_one(env: ToolEnv, item: Planned, folder: RunFolder, tally: Tally) -> Result:
    key = item.key
    attempt = folder.journal.begin(key)
    flight = Flight(item.agent.price, attempt.step)
    tally.in_flight.add(flight)
    began = time.perf_counter()
    try:
        episode = await item.agent.arun(env, item.task, seed=item.seed, observer=flight.step)
    finally:
        tally.in_flight.discard(flight)
    result = attempt.end(episode)
    folder.write_times(key, {"seconds": time.perf_counter() - began})
    return result
