"""Policies for runs in this process and in others; specifications name them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from toolenv import bridge
from toolenv.actions import read_action
from toolenv.episodes import Message
from toolenv.errors import ActionError, ConfigurationError, FormatError, PolicyError, SimulatorError
from toolenv.seeds import derive
from toolenv.tasks import Task

GIVE_UP = '{"name": "Finish", "arguments": {"return_type": "give_up_and_restart"}}'


class Named:
    """A policy with a name of its own."""

    fingerprint = "policy-by-hand"

    @property
    def name(self) -> str:
        return type(self).__name__


class Waiting(Named):
    """Really waits, a different number of turns of the loop each time, before it gives up."""

    name = "waiting"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        async def turns() -> None:
            for _ in range(derive(seed, str(messages[1]["content"])) % 7):
                await asyncio.sleep(0)

        await bridge.wait(turns)
        return read_action(f"{seed}" if len(messages) < 5 else GIVE_UP)


class Failing(Named):
    """Fails on every other seed."""

    name = "failing"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        if len(messages) > 2 and seed % 2:
            raise PolicyError("The server is gone.", where="nowhere")
        return read_action("hm" if len(messages) < 5 else GIVE_UP)


class Endless(Named):
    """Never gets there; only a limit or a signal stops it."""

    name = "endless"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        async def a_while() -> None:
            await asyncio.sleep(0.005)

        await bridge.wait(a_while)
        return Message("on and on")


class Moody(Named):
    """Says what it is told to beforehand; its fingerprint does not tell."""

    name = "moody"
    mood = "hm"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        return read_action(self.mood if len(messages) < 5 else GIVE_UP)


class Crowd(Named):
    """Notes how many are asked at once; gives up."""

    name = "crowd"
    under_way = most = 0

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        Crowd.under_way += 1
        Crowd.most = max(Crowd.most, Crowd.under_way)
        await bridge.wait(lambda: asyncio.sleep(0.001))
        Crowd.under_way -= 1
        return read_action(GIVE_UP)


class Odd(Named):
    """Its own code is wrong, in another way for each seed."""

    name = "odd"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        odd: list[Any] = [
            ValueError("a"),
            FormatError("b"),
            ActionError("c"),
            SimulatorError("d"),
            asyncio.CancelledError(),
            TimeoutError(),
            SystemExit("e"),
            None,
        ]
        raised = odd[derive(seed, "odd") % len(odd)]
        if raised is None:
            return None  # type: ignore[return-value]  # no message at all
        raise raised


class Deadly(Named):
    """Kills the process that it is asked in: so often for each seed, as files in a folder count.

    Args:
        folder: Where deaths are noted.
        times: How often for each.
        one_in: It kills in one of so many episodes.
    """

    name = "deadly"

    def __init__(self, folder: str, times: int, one_in: int = 8) -> None:
        self._folder = Path(folder)
        self._times = times
        self._one_in = one_in

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        await bridge.wait(lambda: asyncio.sleep(0))
        if len(messages) < 5:
            return read_action(f"{seed}")
        (self._folder / f"in {os.getpid()}").touch()
        if derive(seed, "deadly") % self._one_in == 0:
            for time in range(self._times):
                mark = self._folder / f"death {seed} {time}"
                with contextlib.suppress(FileExistsError):
                    mark.touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
        return read_action(GIVE_UP)


class Refusing(Named):
    """Cannot be used, as it finds when it is asked."""

    name = "refusing"

    async def __call__(self, messages: Any, functions: Any, *, seed: int) -> Message:
        raise ConfigurationError("It was never trained.", where="refusing", fix="Train it.")


def fickle_tasks() -> list[Task]:
    """Other tasks in each process."""
    return [Task(id=f"{os.getpid()}", instruction="?")]
