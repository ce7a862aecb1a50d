"""Calls to live simulators: on a loop and a thread of their own, so many at a time, not for ever.

What is recorded is answered on the server's loop. Everything else may hang, block or compute, and
does so elsewhere: a call that is recorded never waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from toolenv.server.wanted import Refusal

__all__ = ["LiveCalls"]

T = TypeVar("T")

_GOODBYE_SECONDS = 1.0


class LiveCalls:
    """A thread with an event loop, and how many calls it may have in flight.

    Args:
        limit: Calls in flight; more of them wait for their turn.
        seconds: Seconds after which a call is given up, waiting included.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.in_flight = 0
        self.waiting = 0
        self._turns = asyncio.Semaphore(limit)
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def make(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a call; cancelling this gives the call up.

        Args:
            call: Makes the coroutine, which runs on the thread's loop.

        Raises:
            Refusal: It took too long (504).
        """
        self.waiting += 1
        waits = True
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                self.waiting -= 1
                waits = False
                self.in_flight += 1
                try:
                    return await asyncio.wrap_future(
                        asyncio.run_coroutine_threadsafe(_called(call), self._running())
                    )
                finally:
                    self.in_flight -= 1
        except TimeoutError:
            what = "was made for want of a turn" if waits else "came from the simulator"
            raise Refusal(504, f"No answer {what} within {self._seconds:g} seconds.") from None
        finally:
            if waits:
                self.waiting -= 1

    def close(self) -> None:
        """Give up what is in flight and end the thread; one that blocks is left behind."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(loop.stop)
            thread.join(_GOODBYE_SECONDS)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_run, args=(self._loop,), name="toolenv-live-calls", daemon=True
            )
            self._thread.start()
        return self._loop


async def _called(call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        return await call()
    except TimeoutError as error:  # the simulator's own, and not ours
        raise RuntimeError(f"TimeoutError: {error}") from error


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_GOODBYE_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
