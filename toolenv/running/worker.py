"""A worker process of a run: it opens what a configuration describes and runs what it is told.

Begun by ``toolenv.running.worker_pool`` as ``python -m toolenv.running.worker SOCKET``. It writes
no journal: an attempt is encoded here and sent to the parent. When the parent is gone, it ends.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import suppress

from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import Step
from toolenv.errors import ToolenvError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.garbage_collection import collecting_less
from toolenv.running.planning import Plan, digest_of, occupancies, open_completions, plan
from toolenv.running.tally import Flight, Tally
from toolenv.running.worker_messages import (
    ended_message,
    failed_message,
    live_message,
    read_attempt_message,
    receive,
    send,
)

__all__ = ["main"]

_TELLS_SECONDS = 0.25


class _Worker:
    """Runs episodes as the parent asks for them.

    Args:
        env: The environment of all of them.
        planned: The run's episodes, in the parent's order.
        writer: Where messages to the parent go.
    """

    def __init__(self, env: ToolEnv, planned: Plan, writer: asyncio.StreamWriter) -> None:
        self._env = env
        self._planned = planned
        self._writer = writer
        self._tally = Tally(len(planned.episodes))

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Run what is asked for until the parent is gone."""
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell())
            running: set[asyncio.Task[None]] = set()
            while (message := await receive(reader)) is not None:
                told, _ = message
                task = group.create_task(self._run_one(told))
                running.add(task)
                task.add_done_callback(running.discard)
            for task in (telling, *running):
                task.cancel()

    async def _run_one(self, told: dict[str, int]) -> None:
        place = told["run"]
        item = self._planned.episodes[place]
        flight = Flight(item.agent.price, _keep_nothing)
        self._tally.in_flight.add(flight)
        began = time.perf_counter()
        try:
            episode = await item.agent.arun(
                self._env, item.task, seed=item.seed, observer=flight.step
            )
        finally:
            self._tally.in_flight.discard(flight)
        attempt = read_attempt_message(told, item.key)
        send(self._writer, *ended_message(place, attempt, episode, time.perf_counter() - began))
        await self._writer.drain()

    async def _tell(self) -> None:
        """Say a few times a second what those in flight have consumed."""
        while True:
            await asyncio.sleep(_TELLS_SECONDS)
            servers = occupancies(self._env, self._planned.servers)
            send(self._writer, live_message(self._tally.spending(), servers))


def _keep_nothing(step: Step) -> None:
    """Steps are encoded together at the end."""


async def _work(link: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=link, limit=1 << 26)
    begun = await receive(reader)
    if begun is None:
        return
    try:
        configuration = RunConfiguration.model_validate(begun[0]["configuration"])
        env = configuration.open_environment()
        completions = open_completions(configuration.completions)
        try:
            planned = plan(configuration, env.tasks, completions)
            send(writer, {"ready": digest_of(env, planned.episodes)})
            with collecting_less():
                await _Worker(env, planned, writer).run(reader)
        finally:
            env.simulator.close()
            env.close()
            if completions is not None:
                completions.close()
    except ToolenvError as error:
        send(writer, failed_message(error))
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, ToolenvError):
            raise
        send(writer, failed_message(first))
    writer.close()
    with suppress(ConnectionError):  # the parent may be gone
        await writer.wait_closed()


def main(descriptor: str) -> None:
    """Work for the parent at the other end of a socket, an open file descriptor."""
    link = socket.socket(fileno=int(descriptor))
    bridge.run_on_loop(lambda: _work(link))


if __name__ == "__main__":
    main(sys.argv[1])
