"""The bridge: one coroutine serves synchronous and asynchronous callers alike."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.simulators_by_hand import Answering, call, several, task
from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, Response
from toolenv.errors import BridgeError


async def later(value: Any) -> Any:
    """Something that really waits."""
    await asyncio.sleep(0)
    return value


async def waiting(value: Any) -> Any:
    return await bridge.wait(lambda: later(value))


async def broken() -> None:
    await asyncio.sleep(0)
    raise KeyError("gone")


async def thread() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


# --- driving --------------------------------------------------------------------------------------


def test_what_never_waits_needs_no_event_loop() -> None:
    async def loopless() -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return True
        return False

    assert bridge.run(loopless())


def test_what_waits_hops_to_one_background_loop() -> None:
    async def hop() -> Any:
        return [await bridge.wait(running_loop) for _ in range(3)]

    first, *others = bridge.run(hop()) + bridge.run(hop())
    assert all(loop is first for loop in others)
    assert bridge.run(bridge.wait(thread)) == "toolenv-background-loop"


def test_inside_a_running_loop_waiting_simply_awaits() -> None:
    async def here() -> bool:
        return await bridge.wait(running_loop) is asyncio.get_running_loop()

    assert asyncio.run(here())


def test_synchronous_code_works_inside_a_running_loop() -> None:
    async def notebook_cell() -> Any:
        return bridge.run(waiting("read"))

    assert asyncio.run(notebook_cell()) == "read"


def test_runs_may_be_nested() -> None:
    async def outer() -> list[Any]:
        before = await waiting("before")
        inner = bridge.run(waiting("inner"))
        return [before, inner, await waiting("after")]

    assert bridge.run(outer()) == ["before", "inner", "after"]
    assert asyncio.run(outer()) == ["before", "inner", "after"]


def test_many_threads_share_the_background_loop() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: bridge.run(waiting(n)), range(100))) == list(range(100))


# --- exceptions -----------------------------------------------------------------------------------


def test_exceptions_come_through() -> None:
    with pytest.raises(KeyError, match="gone"):
        bridge.run(bridge.wait(broken))
    with pytest.raises(KeyError, match="gone"):
        bridge.run(bridge.gather([broken, lambda: later(1)]))
    assert bridge.run(waiting("still usable")) == "still usable"


def test_a_runtime_error_of_ones_own_stays_one() -> None:
    async def fails() -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        bridge.run(fails())


@pytest.mark.parametrize("inside", [False, True], ids=["without a loop", "in a notebook"])
def test_what_waits_unwrapped_is_refused_with_the_fix(inside: bool) -> None:
    async def unwrapped() -> None:
        await asyncio.sleep(0.001)

    async def cell() -> None:
        bridge.run(unwrapped())

    with pytest.raises(BridgeError, match=r"Wrap what waits: await toolenv\.bridge\.wait"):
        asyncio.run(cell()) if inside else bridge.run(unwrapped())


def test_what_was_refused_is_closed() -> None:
    closed: list[bool] = []

    async def unwrapped() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    with pytest.raises(BridgeError):
        bridge.run(unwrapped())
    assert closed == [True]


def test_synchronous_calls_on_the_background_loop_are_refused_with_the_fix() -> None:
    async def inside() -> Any:
        return bridge.run(later("never"))

    with pytest.raises(BridgeError, match="Await the asynchronous form there"):
        bridge.run(bridge.wait(inside))
    assert bridge.run(waiting("still usable")) == "still usable"


def test_a_simulator_that_steps_an_environment_synchronously_is_told() -> None:
    async def answer(call: Call, past: Branch) -> Response | None:
        async def inside() -> Response:
            inner = ToolEnv(split="I1-inst")
            inner.reset(seed=0)
            return Response(inner.step("hm")[0])

        return await bridge.wait(inside)

    env = ToolEnv([task()], Answering(answer))
    env.reset(seed=0)
    with pytest.raises(BridgeError, match="astep"):
        env.step(call("look"))


# --- several at once ------------------------------------------------------------------------------


def test_gather_keeps_the_order_and_runs_concurrently() -> None:
    reached: list[int] = []

    async def each(number: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        reached.append(number)
        return number

    makers = [partial(each, n, 30 - 10 * n) for n in range(3)]
    assert bridge.run(bridge.gather(makers)) == [0, 1, 2]
    assert reached == [2, 1, 0]
    assert asyncio.run(bridge.gather(makers)) == [0, 1, 2]
    assert bridge.run(bridge.gather([])) == []


def test_waiting_inside_what_is_gathered() -> None:
    assert bridge.run(bridge.gather([partial(waiting, n) for n in range(3)])) == [0, 1, 2]


@pytest.mark.parametrize("inside", [False, True], ids=["without a loop", "in a notebook"])
def test_long_work_has_a_loop_of_its_own(inside: bool) -> None:
    async def work() -> tuple[asyncio.AbstractEventLoop, Any]:
        return asyncio.get_running_loop(), await waiting("done")

    async def cell() -> Any:
        return asyncio.get_running_loop(), bridge.run_on_loop(work)

    if inside:
        outer, (loop, value) = asyncio.run(cell())
        assert loop is not outer
    else:
        loop, value = bridge.run_on_loop(work)
    assert value == "done"
    assert loop.is_closed()


# --- processes ------------------------------------------------------------------------------------

FORKED = """
import asyncio, os, sys, warnings
from toolenv import bridge

async def later(value):
    await asyncio.sleep(0)
    return value

assert bridge.run(bridge.wait(lambda: later(1))) == 1  # the background loop is up
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    assert bridge.run(bridge.gather([lambda: later(2), lambda: later(3)])) == [2, 3]
    sys.exit(17)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
assert bridge.run(bridge.wait(lambda: later(4))) == 4
print("both went on")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_it_works_in_a_forked_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("both went on\n", 0), done.stderr


def test_a_process_ends_without_complaint() -> None:
    program = (
        "from toolenv.env import ToolEnv\n"
        "env = ToolEnv()\n"
        "env.reset(seed=0, options={'task': 'I1-inst-1'})\n"
        'print(env.step(\'[{"name": "a"}, {"name": "b"}]\')[4][\'calls\'])\n'
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)


def test_parallel_calls_of_an_environment_in_a_notebook() -> None:
    async def answer(call: Call, past: Branch) -> Response | None:
        return Response(await waiting(call.text))

    async def cell() -> list[Any]:
        env = ToolEnv([task()], Answering(answer))
        env.reset(seed=0)
        both = several(call("look", {"x": "a"}), call("look", {"x": "b"}))
        return [env.step(both)[0], (await env.astep(both))[0]]

    first, second = asyncio.run(cell())
    assert first == second == 'look_for_box: {"x": "a"}\nlook_for_box: {"x": "b"}'


# --- what all callers share -----------------------------------------------------------------------


def test_what_is_shared_runs_on_one_loop_for_callers_of_every_kind() -> None:
    async def ask() -> asyncio.AbstractEventLoop:
        return await bridge.in_background(running_loop)

    inline = bridge.run(ask())
    assert asyncio.run(ask()) is inline
    assert bridge.run(bridge.wait(ask)) is inline, "from the background loop itself"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: bridge.run(ask())).result() is inline


def test_what_is_shared_is_cancelled_with_its_caller() -> None:
    cancelled = threading.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await bridge.in_background(hang)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert cancelled.wait(10)
