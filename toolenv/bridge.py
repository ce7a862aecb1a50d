"""One coroutine serves synchronous and asynchronous callers.

Everything that may wait is written once, as a coroutine. A synchronous caller drives it inline
(``run``): as long as nothing really waits, no event loop is involved. What does wait (a request, a
timer) is wrapped in ``wait``, which hops to one background loop when driven inline and simply
awaits inside a running loop. Works in notebooks, whose thread already runs a loop.

Context variables travel with the work: over the hop, and into the threads of the loops' executors.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from toolenv.errors import BridgeError

__all__ = ["carries_context", "gather", "in_background", "run", "run_on_loop", "submit", "wait"]

P = ParamSpec("P")
T = TypeVar("T")

_EXECUTOR = "toolenv-executor"


class _ContextExecutor(ThreadPoolExecutor):
    """Runs work in the context of who asked for it, as ``asyncio.to_thread`` does."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=_EXECUTOR)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        context = copy_context()
        return super().submit(lambda: context.run(fn, *args, **kwargs))


def carries_context(thread: threading.Thread) -> bool:
    """Whether a thread does its work in the context of who asked for it."""
    return thread.name.startswith(_EXECUTOR)


class _Inline(threading.local):
    depth = 0


_inline = _Inline()
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine to its end from synchronous code.

    Raises:
        BridgeError: The coroutine suspended on something that was not wrapped in ``wait``, or the
            caller is itself running on the background loop, which would wait for itself.

    Example:
        >>> async def add(a: int, b: int) -> int:
        ...     return a + b
        >>> run(add(1, 2))
        3
    """
    if threading.current_thread() is _thread:
        coroutine.close()
        raise BridgeError(
            "Synchronous code was called from inside an asynchronous agent or simulator.",
            fix="Await the asynchronous form there (astep, arun) instead of step or run.",
        )
    _inline.depth += 1
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    except RuntimeError as error:
        if "no running event loop" in str(error):
            raise BridgeError(
                "A coroutine waited without a running event loop.",
                fix="Wrap what waits: await toolenv.bridge.wait(lambda: request(...)).",
            ) from error
        raise
    finally:
        _inline.depth -= 1
    coroutine.close()
    raise BridgeError(
        "A coroutine suspended on something that only an event loop can resume.",
        fix="Wrap what waits: await toolenv.bridge.wait(lambda: request(...)).",
    )


def run_on_loop(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on an event loop of its own until it ends; Ctrl-C cancels it.

    For long work with many tasks; ``run`` is for short calls. Inside a running loop, as in a
    notebook, the new loop runs in a thread of its own.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_carrying(make))
    with _ContextExecutor() as pool:
        return pool.submit(lambda: asyncio.run(_carrying(make))).result()


async def wait(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await something that really waits, from code that may be driven inline.

    Args:
        make: Makes the coroutine; it is called on the loop that will run it.
    """
    if not _inline.depth:
        return await make()
    return submit(make).result()


async def in_background(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await something on the one background loop, whoever asks and from whichever loop.

    For what is shared by all callers and bound to one loop, such as a connection that stays open.
    It is cancelled when its caller is cancelled or interrupted.

    Args:
        make: Makes the coroutine; it is called on the background loop.
    """
    future = submit(make)
    if not _inline.depth:
        return await asyncio.wrap_future(future)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def submit(make: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
    """Start a coroutine on the background loop, without waiting for it."""
    return asyncio.run_coroutine_threadsafe(_call(make), _background_loop())


async def gather(makers: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """Run coroutines concurrently and return their results in the given order."""

    async def together() -> list[T]:
        return list(await asyncio.gather(*(make() for make in makers)))

    return await wait(together)


async def _call(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await make()


async def _carrying(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    asyncio.get_running_loop().set_default_executor(_ContextExecutor())
    return await make()


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop, _thread
    with _lock:
        if _loop is None or _thread is None or not _thread.is_alive():  # a fork lost the thread
            _loop = asyncio.new_event_loop()
            _loop.set_default_executor(_ContextExecutor())
            _thread = threading.Thread(
                target=_loop.run_forever, name="toolenv-background-loop", daemon=True
            )
            _thread.start()
            atexit.register(_stop, _loop, _thread)
        return _loop


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if thread.is_alive() and not loop.is_closed():
        asyncio.run_coroutine_threadsafe(_end(loop), loop)
        thread.join(timeout=1.0)
        if not thread.is_alive():
            loop.close()


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    """End as ``asyncio.run`` does: what generators hold open, such as connections, is closed."""
    try:
        await asyncio.wait_for(loop.shutdown_asyncgens(), timeout=0.5)
    finally:
        loop.stop()
