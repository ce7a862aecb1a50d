"""Making equal calls in flight once, within a process and over processes.

Whoever comes first makes the call; whoever asks the same meanwhile waits and gets its answer. Two
calls are equal if their exact keys are, earlier changes included. A call that may change something
is always made. A failure is handed to nobody: the next of those that wait makes the call.

Over processes, the first holds a lease in a store, and the others find its answer there; so what
is recorded there belongs inside: ``coalesce(record(simulator, store), store)``. To make each call
once for all, now and later, look into the store before waiting and again after::

    once = first_of(store, coalesce(first_of(store, record(simulator, store)), store))
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from contextvars import ContextVar
from enum import Enum, auto
from functools import partial
from typing import NamedTuple, TypeAlias

from toolenv import bridge
from toolenv.apis import Identity
from toolenv.episodes import Branch, Call, Response
from toolenv.fingerprint import fingerprint
from toolenv.simulators.base import PathChanges, Session, Simulator, SimulatorBase
from toolenv.simulators.composition import NOT_ANSWERS
from toolenv.snapshots.key import exact_key
from toolenv.snapshots.leases import Lease
from toolenv.snapshots.store import Store
from toolenv.tasks import Task

__all__ = ["coalesce"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
"""Seconds between looks at another process's lease."""

Make: TypeAlias = Callable[[], Awaitable[Response | None]]
Loop: TypeAlias = asyncio.AbstractEventLoop


def coalesce(simulator: Simulator, store: Store | None = None) -> Simulator:
    """Make equal calls that are in flight at the same time once.

    Args:
        simulator: What answers.
        store: Where processes find each other's leases and answers, recorded there by
            ``simulator``; closed with the simulator. None to coalesce within this process.

    Example:
        >>> from toolenv.simulators import first_of
        >>> coalesce(first_of()).fingerprint == first_of().fingerprint
        True
    """
    return _Coalesce(simulator, store)


class _Coalesce(SimulatorBase):
    def __init__(self, simulator: Simulator, store: Store | None) -> None:
        self.simulator = simulator
        self.store = store
        # Wrappers of one simulator over one store share their flights, as processes do.
        self.scope: Hashable = (
            (str(store.path.resolve()), store.namespace, simulator.fingerprint)
            if store is not None
            else object()
        )

    @property
    def fingerprint(self) -> str:
        return self.simulator.fingerprint  # who made the call changes no answer

    def open(self, task: Task, seed: int) -> Session:
        return _CoalesceSession(self, task, self.simulator.open(task, seed), PathChanges(task))

    def close(self) -> None:
        self.simulator.close()
        if self.store is not None:
            self.store.close()


class _CoalesceSession:
    __slots__ = ("_changes", "_inner", "_owner", "_task")

    def __init__(self, owner: _Coalesce, task: Task, inner: Session, changes: PathChanges) -> None:
        self._owner = owner
        self._task = task
        self._inner = inner
        self._changes = changes

    async def call(self, call: Call, past: Branch) -> Response | None:
        api = self._task.named_apis.get(call.function)
        before = self._changes.before(past)
        if call.api is None or api is None or api.mutates:  # it may change something
            response = await self._inner.call(call, past)
            if response is not None:
                self._changes.note(call, response)
            return response
        key = exact_key(call.api.function, call.arguments, call.text, before.of(call.api))
        wanted = _Wanted(self._owner, call.api, key)
        return await _once(wanted, lambda: self._inner.call(call, past))

    def fork(self) -> Session:
        return _CoalesceSession(self._owner, self._task, self._inner.fork(), self._changes.fork())


class _Wanted(NamedTuple):
    """A call that may be shared."""

    owner: _Coalesce
    identity: Identity
    key: bytes

    @property
    def name(self) -> Hashable:
        """What equal calls have in common."""
        return (self.owner.scope, self.identity, self.key)


class _Turn(Enum):
    """What one that waited is to do, where it is not handed an answer."""

    MAKE = auto()
    """Make the call, while the others go on waiting."""

    ALONE = auto()
    """Make the call for oneself."""


class _Waiter:
    """One that waits for an equal call.

    Args:
        loop: The event loop of its thread.
    """

    __slots__ = ("blocks", "left", "loop", "outcome")

    def __init__(self, loop: Loop | None) -> None:
        self.loop = loop
        self.blocks = False
        self.left = False
        self.outcome: Future[Response | _Turn] = Future()


class _Flight:
    """A call on its way: the loop that it waits on, and who waits for it."""

    __slots__ = ("loop", "waiting")

    def __init__(self, loop: Loop | None) -> None:
        self.loop = loop
        self.waiting: list[_Waiter] = []


class _Flights:
    """The flights of this process, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[Hashable, _Flight] = {}

    def begin(self, name: Hashable, loop: Loop | None) -> bool:
        """Begin a flight; False where there is one."""
        with self._lock:
            if name in self._by_name:
                return False
            self._by_name[name] = _Flight(loop)
            return True

    def enter(self, name: Hashable, waiter: _Waiter) -> _Turn | None:
        """Wait for a flight; returns what is to be done instead, where there is no waiting."""
        with self._lock:
            flight = self._by_name.get(name)
            if waiter.left:
                return _Turn.ALONE
            if flight is None:
                self._by_name[name] = _Flight(waiter.loop)
                waiter.outcome.set_result(_Turn.MAKE)
                return _Turn.MAKE
            if waiter.blocks and waiter.loop is not None and waiter.loop is flight.loop:
                return _Turn.ALONE  # the flight would wait for the loop that waits for it
            flight.waiting.append(waiter)
            return None

    def leave(self, name: Hashable, waiter: _Waiter) -> None:
        """Wait no longer; a turn that was given meanwhile goes to the next."""
        with self._lock:
            waiter.left = True
            if waiter.outcome.done():
                if waiter.outcome.result() is _Turn.MAKE:
                    self._hand_over(name)
            elif name in self._by_name and waiter in self._by_name[name].waiting:
                self._by_name[name].waiting.remove(waiter)

    def end(self, name: Hashable, answer: Response | None) -> None:
        """End a flight: with an answer for all that wait, or leaving the call to the next."""
        with self._lock:
            if answer is None:
                self._hand_over(name)
            elif name in self._by_name:
                for waiter in self._by_name.pop(name).waiting:
                    waiter.outcome.set_result(answer)

    def forget(self) -> None:
        """In a fork: its parent's flights do not end here."""
        self._lock = threading.Lock()
        self._by_name = {}

    def _hand_over(self, name: Hashable) -> None:
        flight = self._by_name.get(name)
        if flight is None:
            return
        if not flight.waiting:
            del self._by_name[name]
            return
        # Those that block their thread first: another's call might need that thread's loop.
        following = next((one for one in flight.waiting if one.blocks), flight.waiting[0])
        flight.waiting.remove(following)
        flight.loop = following.loop
        following.outcome.set_result(_Turn.MAKE)


_flights = _Flights()
os.register_at_fork(after_in_child=_flights.forget)

_making: ContextVar[frozenset[Hashable]] = ContextVar("_making", default=frozenset())
"""The calls that this one is made for: waiting for one of them would be waiting for itself."""


async def _once(wanted: _Wanted, make: Make) -> Response | None:
    """Make a call, or get the answer of an equal one that is on its way."""
    name, loop = wanted.name, _running_loop()
    if name in _making.get():
        return await make()
    if not _flights.begin(name, loop):
        waiter = _Waiter(loop)
        try:
            outcome = await bridge.wait(partial(_wait, name, waiter))
        except BaseException:
            _flights.leave(name, waiter)
            raise
        if outcome is _Turn.ALONE:
            return await make()
        if outcome is not _Turn.MAKE:
            return outcome
    return await _make_for_all(wanted, make)


async def _wait(name: Hashable, waiter: _Waiter) -> Response | _Turn:
    waiter.blocks = _running_loop() is not waiter.loop  # driven inline, from the bridge's loop
    instead = _flights.enter(name, waiter)
    if instead is not None:
        return instead
    return await asyncio.shield(asyncio.wrap_future(waiter.outcome))


async def _make_for_all(wanted: _Wanted, make: Make) -> Response | None:
    """Make the call, and end its flight however it goes."""
    answer: Response | None = None
    token = _making.set(_making.get() | {wanted.name})
    try:
        response = await _under_lease(wanted, make)
        if _is_answer(response):
            answer = response
        return response
    finally:
        _making.reset(token)
        _flights.end(wanted.name, answer)


async def _under_lease(wanted: _Wanted, make: Make) -> Response | None:
    """Make the call while holding its lease, unless another process has just answered it."""
    store = wanted.owner.store
    if store is None:
        return await make()
    known = store.lookup(wanted.identity, wanted.key)
    lease = await _lease(store, fingerprint("call", [wanted.owner.scope, wanted.key.hex()]))
    try:
        found = store.lookup(wanted.identity, wanted.key)
        if len(found) > len(known):
            new = [one for one in found if one not in known and _is_answer(one)]
            if new:
                return new[0]
        return await make()
    finally:
        lease.release()


async def _lease(store: Store, name: str) -> Lease:
    pause = _FIRST_PAUSE
    while (lease := store.leases.take(name)) is None:
        await bridge.wait(partial(asyncio.sleep, pause))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return lease


def _is_answer(response: Response | None) -> bool:
    """Whether others may have it; injected faults, whose source is the environment, are not."""
    return (
        response is not None
        and response.source != "fault"
        and response.status not in NOT_ANSWERS
    )


def _running_loop() -> Loop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
