"""Asking again after what says nothing of the API: time-outs, rate limits, broken connections.

A call that may change something is not repeated unless it is said to be safe: the first attempt may
have changed it, whatever came back. Pauses grow and are drawn anew ("full jitter"), from seeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial

from toolenv import bridge
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.seeds import derive
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.limiting import BudgetSpentError
from toolenv.simulators.pacing import backoff
from toolenv.simulators.wrapping import Wrapper
from toolenv.tasks import Task

__all__ = ["PASSING", "retry"]

PASSING = frozenset(
    {
        Status.TIMEOUT,
        Status.TOO_MANY_REQUESTS,
        Status.RATE_LIMITED,
        Status.SEND_ERROR,
        Status.SIMULATOR_FAILED,
    }
)
"""What may be gone when asked again."""


def retry(
    simulator: Simulator,
    attempts: int = 3,
    *,
    first: float = 0.5,
    longest: float = 30.0,
    statuses: Collection[Status] = PASSING,
    safe_to_repeat: Collection[str] = (),
) -> Simulator:
    """Repeat calls that failed for reasons of infrastructure.

    The last answer counts, whatever it is. Answers are what they would be without it, so the
    fingerprint is that of ``simulator``.

    Args:
        simulator: What answers.
        attempts: How often a call is made in all.
        first: Seconds that the first pause takes at most; each following bound is twice the last.
        longest: Seconds that no pause exceeds.
        statuses: What is repeated, beside simulators that break (``SimulatorError``).
        safe_to_repeat: Function names of APIs that may change something and yet may be asked
            again; ``*`` for all.

    Raises:
        ConfigurationError: A number makes no sense.

    Example:
        >>> from toolenv.simulators import first_of
        >>> retry(first_of(), attempts=5).fingerprint == first_of().fingerprint
        True
    """
    if attempts < 1:
        raise ConfigurationError(f"{attempts} attempts make no call.", where="attempts")
    for name, seconds in (("first", first), ("longest", longest)):
        if not seconds >= 0:
            raise ConfigurationError(f"{seconds} seconds is no pause.", where=name)
    return _Retry(simulator, attempts, first, longest, statuses, safe_to_repeat)


class _Retry(Wrapper):
    def __init__(
        self,
        simulator: Simulator,
        attempts: int,
        first: float,
        longest: float,
        statuses: Collection[Status],
        safe_to_repeat: Collection[str],
    ) -> None:
        super().__init__(simulator)
        self.attempts = attempts
        self.first = first
        self.longest = longest
        self.statuses = frozenset(statuses)
        self.safe_to_repeat = frozenset(safe_to_repeat)

    def open(self, task: Task, seed: int) -> Session:
        return _RetrySession(self, task, seed, self.simulator.open(task, seed))


class _RetrySession:
    __slots__ = ("_inner", "_owner", "_seed", "_statuses", "_task")

    def __init__(self, owner: _Retry, task: Task, seed: int, inner: Session) -> None:
        self._owner = owner
        self._task = task
        self._seed = seed
        self._inner = inner
        self._statuses = owner.statuses

    async def call(self, call: Call, past: Branch) -> Response | None:
        failed = 0
        while True:
            try:
                response = await self._inner.call(call, past)
            except BudgetSpentError:
                raise
            except SimulatorError:
                failed += 1
                if not self._repeats(call, failed):
                    raise
            else:
                if response is None or response.status not in self._statuses:
                    return response
                failed += 1
                if not self._repeats(call, failed):
                    return response
            await self._pause(call, failed)

    def _repeats(self, call: Call, failed: int) -> bool:
        """Whether a call is made again after so many failures."""
        owner = self._owner
        if failed >= owner.attempts:
            return False
        api = self._task.named_apis.get(call.function)
        if api is not None and not api.mutates:
            return True
        return "*" in owner.safe_to_repeat or call.function in owner.safe_to_repeat

    async def _pause(self, call: Call, failed: int) -> None:
        owner = self._owner
        drawn = derive("retry", self._seed, self._task.id, call.function, call.text, failed)
        seconds = backoff(failed, first=owner.first, longest=owner.longest, draw=drawn / 2**63)
        if seconds > 0:
            await bridge.wait(partial(asyncio.sleep, seconds))

    def fork(self) -> Session:
        return _RetrySession(self._owner, self._task, self._seed, self._inner.fork())
