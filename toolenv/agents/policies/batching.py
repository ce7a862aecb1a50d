"""Work that is cheaper together: requests of many callers gathered into batches."""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar
from weakref import WeakSet

__all__ = ["EXITING", "Batcher"]

EXITING: Final = threading.Event()
"""Set when the interpreter exits: what a batch comes to is of no use any more."""

_PATIENCE = 60.0
_working: WeakSet[threading.Thread] = WeakSet()

Request = TypeVar("Request")
Result = TypeVar("Result")


class Batcher(Generic[Request, Result]):
    """Gathers requests from any number of threads and event loops and works on them together.

    One thread works at a time. It lives as long as there is work, so that nothing has to be closed
    and a forked process starts its own. Requests that arrive while a batch is worked on form the
    next. A batch is begun when it is full, when as many callers as last time are back, or when no
    further request came for a while: a lone caller is not kept waiting.

    A batch that fails is halved and tried again, until the request that fails stands alone: it
    gets the exception, the others their results.

    Args:
        work: Maps requests to as many results, in their order.
        size: Most requests in a batch.
        wait: Seconds without a new request after which a batch is begun that is not full.
        measure: How large a request is, in some respects. Where more wait than fit, the batch is
            the oldest and those nearest to it in size, over all respects, which saves padding;
            where None, the oldest ones.

    Example:
        >>> batcher = Batcher(lambda numbers: [2 * number for number in numbers], size=2, wait=0.0)
        >>> batcher.submit(21).result()
        42
    """

    def __init__(
        self,
        work: Callable[[list[Request]], Sequence[Result]],
        *,
        size: int,
        wait: float,
        measure: Callable[[Request], tuple[float, ...]] | None = None,
    ) -> None:
        self._work = work
        self._size = size
        self._wait = wait
        self._measure = measure
        self._expected = size
        self._waiting: list[tuple[Request, Future[Result]]] = []
        self._arrived = threading.Condition()
        self._worker: threading.Thread | None = None

    def submit(self, request: Request) -> Future[Result]:
        """Ask for a result; a future that is cancelled in time is not worked on."""
        future: Future[Result] = Future()
        with self._arrived:
            self._waiting.append((request, future))
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(
                    target=self._run, name="toolenv-batches", daemon=True
                )
                self._worker.start()
                _working.add(self._worker)
            else:
                self._arrived.notify()
        return future

    @property
    def waiting(self) -> int:
        """How many requests are in no batch yet."""
        return len(self._waiting)

    def _run(self) -> None:
        while (batch := self._next_batch()) and not EXITING.is_set():
            self._work_on([one for one in batch if one[1].set_running_or_notify_cancel()])

    def _next_batch(self) -> list[tuple[Request, Future[Result]]]:
        """The next batch; empty when the thread is to end, which is noted in the same breath."""
        with self._arrived:
            if not self._waiting:  # give those who have just been answered time to come back
                self._arrived.wait(self._wait)
            seen, until = len(self._waiting), time.monotonic() + self._wait
            while 0 < len(self._waiting) < self._expected:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._arrived.wait(left)
                if len(self._waiting) > seen:
                    seen, until = len(self._waiting), time.monotonic() + self._wait
            batch = self._take()
            if batch:
                self._expected = min(self._size, len(batch) + len(self._waiting))
            else:
                self._worker = None
            return batch

    def _take(self) -> list[tuple[Request, Future[Result]]]:
        waiting, measure = self._waiting, self._measure
        if measure is not None and len(waiting) > self._size:
            sizes = [measure(request) for request, _ in waiting]
            nearest = sorted(
                range(len(waiting)), key=lambda at: (math.dist(sizes[at], sizes[0]), at)
            )
            chosen = set(nearest[: self._size])  # the oldest is nearest to itself
        else:
            chosen = set(range(min(self._size, len(waiting))))
        self._waiting = [one for at, one in enumerate(waiting) if at not in chosen]
        return [one for at, one in enumerate(waiting) if at in chosen]

    def _work_on(self, batch: list[tuple[Request, Future[Result]]]) -> None:
        if not batch:
            return
        try:
            results = self._work([request for request, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
        else:
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)
            return
        # Outside the handler: the exception holds on to memory that the halves may need.
        middle = len(batch) // 2
        self._work_on(batch[:middle])
        self._work_on(batch[middle:])


def _end_work() -> None:
    """Let batches end: a thread that is inside a library when the interpreter goes aborts it."""
    EXITING.set()
    for thread in list(_working):
        thread.join(_PATIENCE)


atexit.register(_end_work)
