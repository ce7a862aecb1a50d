"""Stopping a run in order: a budget that is spent, or Ctrl-C.

No episode begins any more, and those in flight finish, unless they exceed the budget by too much or
Ctrl-C comes again.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from toolenv.running.tally import Limits, Spending, Tally

__all__ = ["INTERRUPTED", "Stopping", "first_interrupt_stops"]

INTERRUPTED = "interrupted"


class Stopping:
    """Decides whether another episode may begin, and whether those in flight may go on.

    Args:
        tally: What the run may spend, and has spent.
        overrun: By which share episodes in flight may exceed that.
        told: Called once, when no episode begins any more.
    """

    def __init__(self, tally: Tally, overrun: float, told: Callable[[], None]) -> None:
        self._tally = tally
        self._told = told
        self._share = 1 + overrun

    def stop(self, why: str) -> None:
        """Let no episode begin any more."""
        if not self._tally.stopping:
            self._tally.stopping = why
            self._told()

    def allows(self) -> bool:
        """Whether another episode may begin now.

        Where the budget is nearly spent it may not as long as those in flight can be expected to
        spend the rest.
        """
        tally = self._tally
        if tally.stopping:
            return False
        if not self.is_limited:
            return True
        if self._stops_for(tally.finished):
            return False
        flying = tally.flying()
        return not flying or not tally.done or not self._expects_more(flying + 1)

    def must_end(self) -> bool:
        """Whether those in flight have exceeded the budget by too much."""
        if not self.is_limited:
            return False
        spending = self._tally.spending()
        return self._stops_for(spending) and bool(self._spent(spending, self._share))

    @property
    def is_limited(self) -> bool:
        """Whether there is a budget at all."""
        return any(limit is not None for limit in self._tally.limits)

    def _stops_for(self, spending: Spending) -> bool:
        spent = self._spent(spending)
        if spent:
            self.stop(f"budget: {spent}")
        return bool(spent)

    def _spent(self, spending: Spending, share: float = 1.0) -> str:
        """The first limit of which such a share is spent; empty where none is."""
        spent = (spending.money, spending.tokens, self._tally.seconds)
        for name, limit, so_far in zip(Limits._fields, self._tally.limits, spent, strict=True):
            if limit is not None and so_far >= limit * share:
                return f"run_{name}"
        return ""

    def _expects_more(self, episodes: int) -> bool:
        """Whether so many episodes, of the mean cost, would exceed the budget."""
        done, finished, limits = self._tally.done, self._tally.finished, self._tally.limits
        return any(
            limit is not None and spent * (1 + episodes / done) > limit
            for limit, spent in ((limits.money, finished.money), (limits.tokens, finished.tokens))
        )


@contextmanager
def first_interrupt_stops(stopping: Stopping) -> Iterator[None]:
    """Let the first Ctrl-C stop the run in order, and the second do what it always does.

    To be used in a coroutine. Only where it can be caught: in the main thread, and where nobody
    ignores it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield
        return

    loop = asyncio.get_running_loop()

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        loop.call_soon_threadsafe(stopping.stop, INTERRUPTED)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
