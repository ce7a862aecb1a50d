"""How fast, how many at once and how often in all a simulator is asked."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Literal, TypeAlias, get_args

from toolenv import bridge
from toolenv.episodes import Branch, Call, Response
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.pacing import Budget, Pace
from toolenv.simulators.wrapping import Wrapper
from toolenv.tasks import Task

__all__ = ["BudgetSpentError", "limit"]

Spent: TypeAlias = Literal["fail", "pass"]


class BudgetSpentError(SimulatorError):
    """The calls that a run may make are used up; asking again does not help."""


def limit(
    simulator: Simulator,
    *,
    per_second: float | None = None,
    burst: int = 1,
    in_flight: int | None = None,
    calls: int | None = None,
    spent: Spent = "fail",
) -> Simulator:
    """Limit how a simulator is asked, over all episodes of a run, threads and event loops.

    Calls wait for their turn in the order in which they come. Wrap what costs: calls that a rung
    before it answers are not counted.

    Args:
        simulator: What answers.
        per_second: Calls begun per second.
        burst: Calls that may begin at once after a pause.
        in_flight: Calls under way at the same time.
        calls: Calls in all, as long as this simulator is open.
        spent: What happens when those are used up. ``fail``: a typed failure of infrastructure,
            which ends the episode's branch and is never recorded as an answer. ``pass``: the next
            simulator of the ladder is asked.

    Raises:
        ConfigurationError: A number makes no sense.

    Example:
        >>> from toolenv.simulators import first_of
        >>> limit(first_of(), per_second=5).fingerprint == first_of().fingerprint
        True
    """
    if in_flight is not None and in_flight < 1:
        raise ConfigurationError(f"{in_flight} calls at once let nothing pass.", where="in_flight")
    if spent not in get_args(Spent):
        raise ConfigurationError(
            f"It is {spent!r}.", where="spent", fix=f"Use one of {', '.join(get_args(Spent))}."
        )
    pace = None if per_second is None else Pace(per_second, burst)
    places = None if in_flight is None else _Places(in_flight)
    return _Limit(simulator, pace, places, None if calls is None else Budget(calls), spent)


class _Limit(Wrapper):
    def __init__(
        self,
        simulator: Simulator,
        pace: Pace | None,
        places: _Places | None,
        budget: Budget | None,
        spent: Spent,
    ) -> None:
        super().__init__(simulator)
        self.pace = pace
        self.places = places
        self.budget = budget
        self.spent = spent

    def open(self, task: Task, seed: int) -> Session:
        return _LimitSession(self, self.simulator.open(task, seed))


class _LimitSession:
    __slots__ = ("_inner", "_owner")

    def __init__(self, owner: _Limit, inner: Session) -> None:
        self._owner = owner
        self._inner = inner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        budget, places, pace = owner.budget, owner.places, owner.pace
        if budget is not None and not budget.take():
            if owner.spent == "pass":
                return None
            raise BudgetSpentError(
                f"All {budget.calls} calls of this run are used up.",
                where="calls",
                fix="Allow more calls, record what was answered, or name a simulator after it.",
            )
        if places is None:
            if pace is not None:
                await pace.turn()
            return await self._inner.call(call, past)
        taken = places.take() or await places.wait()
        try:
            if pace is not None:
                await pace.turn()
            return await self._inner.call(call, past)
        finally:
            if taken:
                places.leave()

    def fork(self) -> Session:
        return _LimitSession(self._owner, self._inner.fork())


class _Places:
    """So many may be under way at once; the others wait in the order in which they came."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._lock = threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    def take(self) -> bool:
        """Take a place if one is free and no one waits for it."""
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return True
            return False

    async def wait(self) -> bool:
        """Wait for a place; False for a caller that must not wait, and goes on without one."""
        return await bridge.wait(partial(self._wait, _running_loop()))

    async def _wait(self, asked_in: asyncio.AbstractEventLoop | None) -> bool:
        if asked_in is not None and asked_in is not asyncio.get_running_loop():
            return False  # it blocks a loop, which may be the one that those under way need
        turn: Future[None] = Future()
        with self._lock:
            if self._free and not self._waiting:  # left since it was asked for
                self._free -= 1
                return True
            self._waiting.append(turn)
        try:
            await asyncio.shield(asyncio.wrap_future(turn))
        except BaseException:
            self._give_up(turn)
            raise
        return True

    def leave(self) -> None:
        """Hand the place to the next that waits."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set_result(None)
            else:
                self._free += 1

    def _give_up(self, turn: Future[None]) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.leave()  # it was given a place meanwhile


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
