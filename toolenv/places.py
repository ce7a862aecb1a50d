"""Places at a server: how many requests may be under way at once, fewer where it says too many.

A server that answers "too many requests" is asked less, and one that answers is asked more again,
as TCP does it (additive increase, multiplicative decrease: Chiu and Jain, 1989): a refusal halves
the number of places, once for all requests that were under way when it came; as many answers as
there are places add one. There is never less than one place.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from toolenv import bridge
from toolenv.errors import ConfigurationError

__all__ = ["Occupancy", "Place", "Places"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds of rest after a refusal that asks for none; twice as long after each further one."""

_PATIENCE = 120.0
"""Seconds without one answer after which asking again is held to be of no use."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How a server's places are used at the moment.

    Args:
        under_way: Requests under way.
        limit: How many may be; None where nothing limits them.
        refusals: How often the server has said that there are too many.
    """

    under_way: int
    limit: int | None
    refusals: int


class Places:
    """So many may be under way at once; the others wait in the order in which they came.

    Threads and event loops share them.

    Args:
        most: The largest number of places; None for no limit until a server refuses.

    Raises:
        ConfigurationError: There would be none.

    Example:
        >>> async def ask(places: Places) -> Occupancy:
        ...     async with places.place() as place:
        ...         place.refused()
        ...     return places.occupancy()
        >>> asyncio.run(ask(Places(8)))
        Occupancy(under_way=0, limit=1, refusals=1)
    """

    def __init__(self, most: int | None = None) -> None:
        if most is not None and most < 1:
            raise ConfigurationError(f"{most} at once let nothing pass.", where="in_flight")
        self._most = float("inf") if most is None else float(most)
        self._limit = self._most
        self._under_way = 0
        self._refusals = 0
        self._in_a_row = 0
        self._lowered_at = -float("inf")
        self._refused_since: float | None = None
        self._resting_until = 0.0
        self._lock = threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    def place(self) -> Place:
        """A place, taken on entering and left on leaving ``async with``."""
        return Place(self)

    def occupancy(self) -> Occupancy:
        """How the places are used at the moment."""
        with self._lock:
            limit = None if self._limit == float("inf") else int(self._limit)
            return Occupancy(self._under_way, limit, self._refusals)

    async def enter(self) -> bool:
        """Wait for a place; False for a caller that must not wait, and goes on without one."""
        if not self._take() and not await bridge.wait(partial(self._wait, _running_loop())):
            return False
        if self._resting_until:
            rest = self._resting_until - time.monotonic()
            if rest > 0:
                try:
                    await bridge.wait(partial(asyncio.sleep, rest))
                except BaseException:
                    self.leave()
                    raise
        return True

    def leave(self) -> None:
        """Hand the place to the next that waits."""
        with self._lock:
            self._under_way -= 1
            self._let_in()

    def answered(self) -> None:
        """A request was answered: a little more is possible."""
        with self._lock:
            self._in_a_row = 0
            self._refused_since = None
            if self._limit < self._most:
                self._limit = min(self._most, self._limit + 1 / self._limit)
                self._let_in()

    def refused(self, began: float, pause: float = 0.0) -> bool:
        """A request was refused because there are too many.

        Args:
            began: When the request began, by ``time.monotonic``.
            pause: Seconds that the server asks to wait; 0 where it does not say.

        Returns:
            Whether asking again may help: not where the server has answered nothing for two
            minutes, or wants to be left alone for longer.
        """
        with self._lock:
            now = time.monotonic()
            self._refusals += 1
            if self._refused_since is None:
                self._refused_since = now
            if began > self._lowered_at:
                self._in_a_row += 1
                self._limit = max(1.0, min(self._limit, self._under_way) / 2)
                self._lowered_at = now
                pause = pause or min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (self._in_a_row - 1))
            if pause > _PATIENCE:
                return False
            self._resting_until = max(self._resting_until, now + pause)
            return now - self._refused_since < _PATIENCE

    def _take(self) -> bool:
        """Take a place if one is free and no one waits for it."""
        with self._lock:
            if self._waiting or not self._is_free():
                return False
            self._under_way += 1
            return True

    def _is_free(self) -> bool:
        return self._under_way + 1 <= self._limit

    def _let_in(self) -> None:
        while self._waiting and self._is_free():
            self._under_way += 1
            self._waiting.popleft().set_result(None)

    async def _wait(self, asked_in: asyncio.AbstractEventLoop | None) -> bool:
        if asked_in is not None and asked_in is not asyncio.get_running_loop():
            return False  # it blocks a loop, which may be the one that those under way need
        turn: Future[None] = Future()
        with self._lock:
            if not self._waiting and self._is_free():  # left since it was asked for
                self._under_way += 1
                return True
            self._waiting.append(turn)
        try:
            await asyncio.shield(asyncio.wrap_future(turn))
        except BaseException:
            self._give_up(turn)
            raise
        return True

    def _give_up(self, turn: Future[None]) -> None:
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.leave()  # it was given a place meanwhile


class Place:
    """One request's place; it also says how the server took the request."""

    __slots__ = ("_began", "_places", "_taken")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._taken = False
        self._began = 0.0

    async def __aenter__(self) -> Place:
        self._taken = await self._places.enter()
        self._began = time.monotonic()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._taken:
            self._places.leave()

    def answered(self) -> None:
        """The request was answered."""
        self._places.answered()

    def refused(self, pause: float = 0.0) -> bool:
        """The request was refused as one too many; whether asking again may help.

        Args:
            pause: Seconds that the server asks to wait; 0 where it does not say.
        """
        return self._places.refused(self._began, pause)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
