"""Running episodes in several processes: one parent writes the journal, workers run episodes.

The parent hands out episodes one by one, so that the schedule is the whole run's. A worker that
dies takes no result with it: what it had in flight is run again by others. An episode that was in
flight at two deaths is run alone in a worker from then on, and reported when it meets a third.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from toolenv.env import ToolEnv
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError, ToolenvError
from toolenv.places import Occupancy
from toolenv.running.attempts import encode_attempt
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.in_process import watch_budget
from toolenv.running.planning import Planned, digest_of
from toolenv.running.results import Result
from toolenv.running.scheduling import Schedule
from toolenv.running.stopping import Stopping
from toolenv.running.tally import Spending, Tally
from toolenv.running.worker_messages import (
    Message,
    attempt_message,
    read_ended_message,
    read_failed_message,
    read_live_message,
    receive,
    send,
)
from toolenv.running.worker_processes import WorkerProcess, split_configuration, start_worker

__all__ = ["MOST_DEATHS", "WorkerPool"]

MOST_DEATHS = 3
"""Deaths of workers that an episode may be in flight at before it is given up."""

_ALONE_AFTER = 2
_MOST_IDLE_DEATHS = 3


class _Event(NamedTuple):
    """What a worker said; None where it has died."""

    worker: WorkerProcess
    message: Message | None


class WorkerPool:
    """Runs a schedule in worker processes.

    Args:
        configuration: The run's.
        env: The environment of all its episodes; workers open their own.
        planned: Its episodes, in order.
        folder: Where results are written.
        tally: What is told of those in flight.
        stopping: Whether another may begin.
        finished: Told of each that has finished and is written.
    """

    def __init__(
        self,
        configuration: RunConfiguration,
        env: ToolEnv,
        planned: Sequence[Planned],
        folder: RunFolder,
        tally: Tally,
        stopping: Stopping,
        finished: Callable[[Result], None],
    ) -> None:
        self._configurations = split_configuration(configuration)
        self._environment = env.fingerprint
        self._digest = digest_of(env, planned)
        self._places = {item.key: place for place, item in enumerate(planned)}
        self._folder = folder
        self._tally = tally
        self._stopping = stopping
        self._finished = finished
        self._workers: list[WorkerProcess] = []
        self._events: asyncio.Queue[_Event | None] = asyncio.Queue()
        self._deaths: dict[int, int] = {}
        self._idle_deaths = 0
        self._suspects: deque[Planned] = deque()
        self._servers: dict[int, dict[str, Occupancy]] = {}
        tally.servers = self._all_servers

    async def run(self, schedule: Schedule[Planned]) -> None:
        """Run what is scheduled until it is done, or may not go on.

        Raises:
            ToolenvError: A worker cannot be started, or met what every episode would meet.
        """
        watch = asyncio.create_task(
            watch_budget(self._stopping, lambda: self._events.put_nowait(None))
        )
        try:
            for place in range(min(len(self._configurations), len(schedule))):
                await self._start(place)
            while self._hand_out(schedule):
                event = await self._events.get()
                if event is None:  # the budget is overspent
                    break
                await self._handle(event, schedule)
        finally:
            watch.cancel()
            await self._end()

    # --- handing out --------------------------------------------------------------------------

    def _hand_out(self, schedule: Schedule[Planned]) -> bool:
        """Give every worker what it has room for; whether anything is in flight."""
        draining = min(
            (worker for worker in self._workers if self._suspects and not worker.alone),
            key=lambda worker: len(worker.in_flight),
            default=None,
        )
        for worker in self._workers:
            while worker.ready and not worker.alone and len(worker.in_flight) < worker.capacity:
                if worker is draining and (worker.in_flight or not self._stopping.allows()):
                    break
                if worker is draining:
                    item: Planned | None = self._suspects.popleft()
                    worker.alone = True
                else:
                    item = schedule.next() if self._stopping.allows() else None
                if item is None:
                    break
                self._hand_to(worker, item)
        return any(worker.in_flight for worker in self._workers) or (
            not self._tally.stopping
            and bool(len(schedule) or self._suspects)
            and any(not worker.ready for worker in self._workers)
        )

    def _hand_to(self, worker: WorkerProcess, item: Planned) -> None:
        place = self._places[item.key]
        worker.in_flight[place] = item
        send(worker.writer, attempt_message(place, self._folder.journal.allot(item.key)))
        self._count(worker)

    def _count(self, worker: WorkerProcess, spent: Spending | None = None) -> None:
        _, before = self._tally.elsewhere.get(worker.place, (0, Spending()))
        if spent is None:
            spent = before if worker.in_flight else Spending()
        self._tally.elsewhere[worker.place] = len(worker.in_flight), spent

    # --- what workers say ---------------------------------------------------------------------

    async def _handle(self, event: _Event, schedule: Schedule[Planned]) -> None:
        worker, message = event
        if message is None:
            await self._bury(worker, schedule)
            return
        told, content = message
        if "ended" in told:
            self._take(worker, told, content, schedule)
        elif "live" in told:
            spent, self._servers[worker.place] = read_live_message(told)
            self._count(worker, spent)
        elif "ready" in told:
            if told["ready"] != self._digest:
                raise ConfigurationError(
                    "A worker process made another run of the same configuration.",
                    where="processes",
                    fix="Let 'module:name' give the same tasks, simulators and policies each time.",
                )
            worker.ready = True
            self._idle_deaths = 0
        elif "failed" in told:
            raise read_failed_message(told)

    def _take(
        self, worker: WorkerProcess, told: dict[str, Any], frame: bytes, schedule: Schedule[Planned]
    ) -> None:
        """Write an episode that has ended."""
        item = worker.in_flight.pop(told["ended"])
        worker.alone = False
        encoded = read_ended_message(told, frame)
        self._folder.journal.append(encoded)
        self._folder.write_times(item.key, {"seconds": told["seconds"]})
        self._count(worker)
        schedule.ended(item)
        self._finished(encoded.summary.result)

    async def _bury(self, worker: WorkerProcess, schedule: Schedule[Planned]) -> None:
        """Give back what a worker that died had in flight, and begin another."""
        self._workers.remove(worker)
        code = await worker.process.wait()
        if not worker.ready and not self._deaths and not self._tally.done > self._tally.done_before:
            raise ToolenvError(
                f"A worker process could not be started: it ended with status {code}.",
                where="processes",
                fix="What it said is above.",
            )
        self._idle_deaths += not worker.in_flight
        if self._idle_deaths > _MOST_IDLE_DEATHS:
            raise ToolenvError(
                f"Worker processes die without work to do, the last with status {code}.",
                where="processes",
                fix="What they said is above.",
            )
        again = []
        for place, item in worker.in_flight.items():
            deaths = self._deaths[place] = self._deaths.get(place, 0) + 1
            if deaths >= MOST_DEATHS:
                self._give_up(item, code, schedule)
            elif deaths >= _ALONE_AFTER:
                self._suspects.append(item)
            else:
                again.append(item)
        schedule.put_back(again)
        worker.in_flight.clear()
        self._count(worker)
        if not self._tally.stopping and (len(schedule) or self._suspects):
            await self._start(worker.place)

    def _give_up(self, item: Planned, code: int, schedule: Schedule[Planned]) -> None:
        ended = (
            f"error:worker: the process that ran it died {MOST_DEATHS} times, the last time "
            f"with status {code}"
        )
        agent = item.agent
        episode = Episode(
            item.task,
            (),
            agent=agent.name,
            policy=agent.policy.name,
            seed=item.seed,
            ended=ended,
            outcome="infrastructure_error",
            fingerprints={"environment": self._environment, "agent": agent.fingerprint},
        )
        encoded = encode_attempt(self._folder.journal.allot(item.key), episode)
        self._folder.journal.append(encoded)
        schedule.ended(item)
        self._finished(encoded.summary.result)

    # --- processes ----------------------------------------------------------------------------

    async def _start(self, place: int) -> None:
        worker, reader = await start_worker(place, self._configurations[place])
        worker.listening = asyncio.create_task(self._listen(worker, reader))
        self._workers.append(worker)

    async def _listen(self, worker: WorkerProcess, reader: asyncio.StreamReader) -> None:
        while (message := await receive(reader)) is not None:
            self._events.put_nowait(_Event(worker, message))
        self._events.put_nowait(_Event(worker, None))

    async def _end(self) -> None:
        """Let idle workers go, and stop those that have something in flight."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            await worker.ended()
        self._workers.clear()
        self._tally.elsewhere.clear()

    def _all_servers(self) -> dict[str, Occupancy]:
        """How the places of each server are used, over all processes."""
        found: dict[str, Occupancy] = {}
        for servers in list(self._servers.values()):
            for name, places in servers.items():
                before = found.get(name)
                found[name] = places if before is None else _together(before, places)
        return found


def _together(one: Occupancy, other: Occupancy) -> Occupancy:
    known = one.limit is not None and other.limit is not None
    return Occupancy(
        one.under_way + other.under_way,
        (one.limit or 0) + (other.limit or 0) if known else None,
        one.refusals + other.refusals,
    )
