"""How often a server may be asked: turns at a steady rate, a budget, pauses between attempts."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

from toolenv import bridge
from toolenv.errors import ConfigurationError

__all__ = ["Budget", "Pace", "backoff"]


class Pace:
    """Turns at a steady rate, handed out in the order asked for, over all threads and loops.

    Args:
        per_second: Turns a second, evenly; None for no limit.
        burst: Turns that may be taken at once after a pause.

    Raises:
        ConfigurationError: The rate is not above 0, or the burst is below 1.

    Example:
        >>> pace = Pace(None)
        >>> bridge.run(pace.turn())
    """

    def __init__(self, per_second: float | None, burst: int = 1) -> None:
        if per_second is not None and not per_second > 0:
            raise ConfigurationError(
                f"{per_second} turns a second is no rate.",
                where="per_second",
                fix="Give a number above 0, or leave it out for no limit.",
            )
        if burst < 1:
            raise ConfigurationError(f"A burst of {burst} lets nothing pass.", where="burst")
        self.per_second = per_second
        self.burst = burst
        self._lock = threading.Lock()
        self._next = 0.0  # when a turn without a burst would be due

    async def turn(self) -> None:
        """Wait for a turn. One that is given up while waiting is lost to the others."""
        pause = self._pause()
        if pause > 0:
            await bridge.wait(partial(asyncio.sleep, pause))

    def _pause(self) -> float:
        """Take the next turn, and say in how many seconds it comes."""
        if self.per_second is None:
            return 0.0
        each = 1 / self.per_second
        with self._lock:
            now = time.monotonic()
            due = max(self._next, now)
            self._next = due + each
        return due - (self.burst - 1) * each - now


class Budget:
    """A number of calls, counted over all threads.

    Args:
        calls: How many there are; None for no limit.

    Example:
        >>> budget = Budget(1)
        >>> budget.take(), budget.take(), budget.used
        (True, False, 1)
    """

    def __init__(self, calls: int | None) -> None:
        if calls is not None and calls < 0:
            raise ConfigurationError(f"{calls} calls is no budget.", where="calls")
        self.calls = calls
        self._used = 0
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Calls taken so far."""
        return self._used

    def take(self) -> bool:
        """Take one call; False where none is left."""
        with self._lock:
            if self.calls is not None and self._used >= self.calls:
                return False
            self._used += 1
            return True


def backoff(attempt: int, *, first: float = 0.5, longest: float = 30.0, draw: float) -> float:
    """Seconds to wait before trying again: anything up to a bound that doubles ("full jitter").

    Args:
        attempt: How many attempts have failed, from 1.
        first: The bound after the first.
        longest: The largest bound.
        draw: A random number, at least 0 and below 1.

    Example:
        >>> [backoff(attempt, draw=0.5) for attempt in (1, 2, 3, 100)]
        [0.25, 0.5, 1.0, 15.0]
    """
    return draw * min(longest, first * 2.0 ** min(max(attempt, 1) - 1, 60))
