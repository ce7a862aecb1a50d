"""Offline: no simulator touches the network, and an audit hook of the interpreter sees to it.

While a simulator is made, opened or asked, Python's own report of connecting, binding, sending to
an address, looking a name up or starting a process (which could do all of that unseen) is refused
with a typed error. What a simulator does with that error makes no difference: the call fails as
infrastructure. Policies are not simulators; their endpoints stay reachable.

The refusal follows the work: through tasks, the event loops of ``toolenv.bridge``, their executors,
and threads that are started meanwhile. It does not reach threads that were running before, nor
libraries that open sockets without Python's ``socket`` module; an event loop that does so, as
uvloop does, is refused as a whole.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from toolenv import bridge
from toolenv.episodes import Branch, Call, Response
from toolenv.errors import SimulatorError
from toolenv.simulators.base import Session, Simulator, SimulatorBase
from toolenv.tasks import Task

__all__ = ["NetworkRefusedError", "make_offline", "offline"]

T = TypeVar("T")


class NetworkRefusedError(SimulatorError):
    """A simulator of an offline run wanted to use the network."""


def offline(simulator: Simulator) -> Simulator:
    """The same simulator, which is refused the network whenever it is opened or asked.

    Its answers and its fingerprint stay the same.
    """
    _install()
    return simulator if isinstance(simulator, _Offline) else _Offline(simulator)


def make_offline(make: Callable[[], Simulator]) -> Simulator:
    """Make a simulator without the network, and keep it without.

    Raises:
        NetworkRefusedError: Making it needs the network.
    """
    _install()
    with _refusing():
        simulator = make()
    return offline(simulator)


class _Offline(SimulatorBase):
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    @property
    def fingerprint(self) -> str:
        return self.simulator.fingerprint  # refusing changes no answer

    def open(self, task: Task, seed: int) -> Session:
        try:
            _refuse_blind_loop()
            with _refusing():
                return _OfflineSession(self.simulator.open(task, seed))
        except NetworkRefusedError as refused:
            return _RefusedSession(refused)

    def close(self) -> None:
        self.simulator.close()


def _refuse_blind_loop() -> None:
    """Raise on an event loop whose connections the interpreter is not told of."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if type(loop).__module__.partition(".")[0] == "uvloop":
        raise NetworkRefusedError(
            "uvloop connects without telling the interpreter, so that nothing can be proven.",
            fix="Run what is to be offline on asyncio's own event loop.",
        )


class _OfflineSession:
    __slots__ = ("_inner",)

    def __init__(self, inner: Session) -> None:
        self._inner = inner

    async def call(self, call: Call, past: Branch) -> Response | None:
        with _refusing():
            return await self._inner.call(call, past)

    def fork(self) -> Session:
        with _refusing():
            return _OfflineSession(self._inner.fork())


class _RefusedSession:
    """A session that could not be opened: each of its calls fails, and no run stops for it."""

    __slots__ = ("_refused",)

    def __init__(self, refused: NetworkRefusedError) -> None:
        self._refused = refused

    async def call(self, call: Call, past: Branch) -> Response | None:
        refused = self._refused
        raise NetworkRefusedError(refused.what, where=refused.where, fix=refused.fix)

    def fork(self) -> Session:
        return self


# --- the hook ------------------------------------------------------------------------------------

_Refused = list[NetworkRefusedError]
"""What was refused so far, whatever became of the exceptions."""

_EVENTS = {
    "socket.connect": "connect to",
    "socket.bind": "bind",
    "socket.sendto": "send to",
    "socket.sendmsg": "send to",
    "socket.getaddrinfo": "look up",
    "socket.gethostbyname": "look up",
    "socket.gethostbyaddr": "look up",
    "socket.getnameinfo": "look up",
    "subprocess.Popen": "start the process",
    "os.system": "start a process with",
    "os.posix_spawn": "start the process",
    "os.spawn": "start the process",
    "os.exec": "become the process",
    "os.fork": "fork",
    "os.forkpty": "fork",
}
"""The interpreter's events that are refused, and what each of them is."""

_watched: ContextVar[_Refused | None] = ContextVar("toolenv_offline", default=None)
_watched_threads: WeakKeyDictionary[threading.Thread, _Refused] = WeakKeyDictionary()
_lock = threading.Lock()
_installed = False


def _install() -> None:
    """Install the hook, once: the interpreter never forgets one. Nothing else changes by it."""
    global _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_hook)
            threading.Thread.start = _start_watched  # type: ignore
            _installed = True


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse the network in this context, and raise even where the refusal was swallowed."""
    refused: _Refused = []
    token = _watched.set(refused)
    try:
        yield
    except NetworkRefusedError:
        raise
    except Exception:
        if refused:
            raise refused[0] from None
        raise
    finally:
        _watched.reset(token)
    if refused:
        raise refused[0]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    doing = _EVENTS.get(event)
    if doing is None:
        return
    refused = _here()
    if refused is not None:
        error = NetworkRefusedError(
            f"A simulator wanted to {doing} {_what(event, arguments)} in an offline run.".replace(
                "  ", " "
            ),
            where=event,
            fix="Run it without being offline, or freeze its answers first: "
            "toolenv run --record STORE, toolenv snapshot freeze.",
        )
        refused.append(error)
        raise error


def _here() -> _Refused | None:
    """Where refusals are noted, if this is a simulator's work."""
    refused = _watched.get()
    if refused is not None or not _watched_threads:
        return refused
    return _watched_threads.get(threading.current_thread())


_start_thread = threading.Thread.start


@wraps(_start_thread)
def _start_watched(thread: threading.Thread) -> None:
    """Start a thread, and watch it if that is a simulator's work.

    Threads begin without a context before Python 3.14, and Python 3.11 reports none that starts.
    Those of the bridge's executors work for whoever asks, and carry the context themselves.
    """
    refused = _here()
    if refused is not None and not bridge.carries_context(thread):
        _watched_threads[thread] = refused
    _start_thread(thread)


def _what(event: str, arguments: tuple[Any, ...]) -> str:
    """The address, name or program; never the arguments of a program, which may hold a key."""
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        return _address(arguments[1])
    if event == "socket.getaddrinfo":
        host, port = arguments[0], arguments[1]
        return _address((host, port) if port else (host,))
    if event == "socket.getnameinfo":
        return _address(arguments[0])
    if event == "os.system" or not arguments:
        return "a shell" if event == "os.system" else ""
    return _text(arguments[0])


def _address(address: object) -> str:
    if isinstance(address, tuple) and address:
        host = _text(address[0])
        shown = f"[{host}]" if ":" in host else host
        return ":".join([shown, *map(_text, address[1:2])])
    return _text(address)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
