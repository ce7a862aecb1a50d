"""What the tests of wrappers share: simulators under control, the suite, and time that flies."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from tests.simulators.worlds import ADD, CLEAR, READ, SHOW, TASK
from toolenv.apis import API
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import SimulatorError
from toolenv.jsontext import JsonValue
from toolenv.simulators import Session, SimulatorBase
from toolenv.simulators.live import LiveSimulator
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

T = TypeVar("T")

ANSWER = Response('{"error":"","response":"yes"}', Status.OK, "live", "live")

Outcome = Response | SimulatorError | None


class Scripted(SimulatorBase):
    """Gives one outcome after the other, then the last again; counts, over all its sessions."""

    fingerprint = "scripted"

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = outcomes or (ANSWER,)
        self.asked = self.closed = 0

    def open(self, task: Task, seed: int) -> Session:
        return _ScriptedSession(self)

    def close(self) -> None:
        self.closed += 1


class _ScriptedSession:
    def __init__(self, owner: Scripted) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        outcome = owner.outcomes[min(owner.asked, len(owner.outcomes) - 1)]
        owner.asked += 1
        if isinstance(outcome, SimulatorError):
            raise outcome
        return outcome

    def fork(self) -> Session:
        return self


class Live(LiveSimulator):
    """A server that cannot undo anything."""

    fingerprint = "live"

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        return ANSWER


class WorldSuite(SimulatorSuite):
    """The suite on the small world."""

    def make_task(self) -> Task:
        return TASK

    def answered_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(SHOW, {}), (READ, {}), (SHOW, {})]

    def changing_calls(self) -> Sequence[tuple[str, dict[str, object]]]:
        return [(ADD, {"item": "tea"}), (SHOW, {}), (ADD, {"item": "milk"}), (CLEAR, {})]


class _Clock(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0 if timeout is not None else None)
        if timeout and not events:
            self.now += timeout
        return events


class _Loop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time, and is counted all the same."""

    def __init__(self) -> None:
        self.clock = _Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def waited(make: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """What a coroutine gives, and how many seconds it would have waited."""

    async def whole() -> T:
        return await make()

    loop = _Loop()
    try:
        return loop.run_until_complete(whole()), loop.time()
    finally:
        loop.close()
