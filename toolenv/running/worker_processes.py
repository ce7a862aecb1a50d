"""Worker processes as the parent sees them: what each runs with, how it begins and how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.planning import Planned
from toolenv.running.worker_messages import send

__all__ = ["WorkerProcess", "split_configuration", "start_worker"]

_ENDS_SECONDS = 5.0
_STANDARD_ERROR = 2
_LARGEST_READ = 1 << 26


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A worker process.

    Args:
        place: Which of the run's workers it is; one that died leaves its place to the next.
        capacity: Episodes that it may have in flight.
        process: The process.
        writer: Where messages to it go.
        listening: What reads its messages.
        ready: Whether it has opened its environment.
        alone: Whether the episode that it has in flight is to stay the only one.
        in_flight: What it has in flight, by place in the plan.
    """

    place: int
    capacity: int
    process: asyncio.subprocess.Process
    writer: asyncio.StreamWriter
    listening: asyncio.Task[None] | None = None
    ready: bool = False
    alone: bool = False
    in_flight: dict[int, Planned] = field(default_factory=dict)

    def dismiss(self) -> None:
        """Let it go if it is idle, and stop it where it is not."""
        if self.listening is not None:
            self.listening.cancel()
        self.writer.close()
        if self.in_flight or not self.ready:
            self._kill()

    async def ended(self) -> None:
        """Wait until it has ended, and see to it."""
        try:
            await asyncio.wait_for(self.process.wait(), _ENDS_SECONDS)
        except TimeoutError:
            self._kill()
            await self.process.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()


async def start_worker(
    place: int, configuration: RunConfiguration
) -> tuple[WorkerProcess, asyncio.StreamReader]:
    """Start a worker, and tell it what to run with; its messages come from the reader."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "toolenv.running.worker", str(theirs.fileno())),
            pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=_STANDARD_ERROR,  # what a policy prints is no result
            start_new_session=True,  # the terminal's Ctrl-C is for the parent
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
        )
    reader, writer = await asyncio.open_connection(sock=ours, limit=_LARGEST_READ)
    send(writer, {"configuration": configuration.model_dump(mode="json")})
    return WorkerProcess(place, configuration.concurrency, process, writer), reader


def split_configuration(configuration: RunConfiguration) -> list[RunConfiguration]:
    """What each worker runs with: its share of the limits, and nothing of the whole run's budget.

    Raises:
        ConfigurationError: A limit is smaller than the number of processes.
    """
    number = min(configuration.processes, configuration.concurrency)
    limits = configuration.policy_concurrency
    return [
        configuration.model_copy(
            update={
                "processes": 1,
                "concurrency": _share("concurrency", configuration.concurrency, place, number),
                "policy_concurrency": {
                    server: _share("policy_concurrency", limit, place, number)
                    for server, limit in limits.items()
                }
                if isinstance(limits, dict)
                else _share("policy_concurrency", limits, place, number),
                "simulator_concurrency": _share(
                    "simulator_concurrency", configuration.simulator_concurrency, place, number
                ),
                "run_money": None,
                "run_tokens": None,
                "run_seconds": None,
            }
        )
        for place in range(number)
    ]


def _share(name: str, limit: int | None, place: int, number: int) -> int | None:
    if limit is None:
        return None
    if limit < number:
        raise ConfigurationError(
            f"{limit} at once cannot be shared by {number} processes.",
            where=name,
            fix="Use fewer processes.",
        )
    return limit // number + (place < limit % number)


def _import_path() -> Iterator[str]:
    """Where this process imports from, for the others to import the same."""
    for entry in sys.path:
        yield entry or str(Path.cwd())
