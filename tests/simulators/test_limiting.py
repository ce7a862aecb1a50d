from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.simulators.worlds import ADD, READ, SHOW, TASK, as_call, ask, body, opened, world
from tests.simulators.wrapped import ANSWER, Scripted, WorldSuite
from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.simulators import (
    BudgetSpentError,
    Session,
    Simulator,
    SimulatorBase,
    first_of,
    limit,
    record,
)
from toolenv.simulators.limiting import places_of
from toolenv.snapshots import Store
from toolenv.tasks import Task

PAST = Branch(TASK, [], ROOT)


class TestLimit(WorldSuite):
    def make_simulator(self) -> Simulator:
        return limit(world(), per_second=1e6, in_flight=2, calls=1000)


class TestNoLimit(WorldSuite):
    def make_simulator(self) -> Simulator:
        return limit(world())


# --- a budget of calls --------------------------------------------------------------------------


def test_a_budget_is_of_all_sessions_and_forks_together() -> None:
    inner = Scripted()
    simulator = limit(inner, calls=3)
    session = opened(simulator)
    for one in (session, session.fork(), opened(simulator)):
        assert ask(one, READ) is ANSWER
    with pytest.raises(BudgetSpentError, match="All 3 calls of this run are used up"):
        ask(session, READ)
    assert inner.asked == 3


def test_a_spent_budget_ends_the_episode_as_a_failure_of_infrastructure() -> None:
    env = ToolEnv([TASK], limit(Scripted(), calls=1))
    env.reset(seed=1)
    assert env.step({"name": READ, "arguments": {}})[0] == ANSWER.text
    *_, truncated, info = env.step({"name": READ, "arguments": {}})
    assert truncated
    assert info["status"] == Status.SIMULATOR_FAILED
    assert (info["ended"], info["outcome"]) == ("error:simulator", "infrastructure_error")


def test_a_spent_budget_is_not_recorded_as_an_answer(tmp_path: Path) -> None:
    with closing(record(limit(Scripted(), calls=1), Store(tmp_path), failures=True)) as simulator:
        session = opened(simulator)
        ask(session, READ)
        with pytest.raises(BudgetSpentError):
            ask(session, SHOW)
    with Store(tmp_path) as store:
        assert len(store) == 1


def test_a_spent_budget_can_pass_the_call_on() -> None:
    ladder = first_of(limit(Scripted(), calls=1, spent="pass"), world())
    session = opened(ladder)
    assert ask(session, READ) is ANSWER
    assert body(ask(session, READ)) == "noon"


# --- calls under way ----------------------------------------------------------------------------


class Slow(SimulatorBase):
    """Waits a little, and notes how many calls were under way, and in which order they began."""

    fingerprint = "slow"

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.begun: list[str] = []
        self.lock = threading.Lock()

    def open(self, task: Task, seed: int) -> Session:
        return _SlowSession(self)


class _SlowSession:
    def __init__(self, owner: Slow) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        with owner.lock:
            owner.under_way += 1
            owner.most = max(owner.most, owner.under_way)
            owner.begun.append(call.id)
        try:
            await bridge.wait(partial(asyncio.sleep, 0.002))
            return ANSWER
        finally:
            with owner.lock:
                owner.under_way -= 1

    def fork(self) -> Session:
        return self


def test_only_so_many_are_under_way_and_the_others_wait_in_order() -> None:
    slow = Slow()
    session = opened(limit(slow, in_flight=3))
    calls = [as_call(READ)._replace(id=str(number)) for number in range(20)]

    async def all_at_once() -> list[Response | None]:
        return await asyncio.gather(*(session.call(call, PAST) for call in calls))

    assert asyncio.run(all_at_once()) == [ANSWER] * 20
    assert slow.most == 3
    assert slow.begun == [call.id for call in calls]


def test_threads_and_event_loops_share_the_limit() -> None:
    slow = Slow()
    simulator = limit(slow, in_flight=2)

    async def several() -> None:
        session = opened(simulator)
        await asyncio.gather(*(session.call(as_call(READ), PAST) for _ in range(5)))

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(ask, opened(simulator), READ) for _ in range(10)]
        work += [pool.submit(asyncio.run, several()) for _ in range(2)]
        for one in work:
            one.result()
    assert len(slow.begun) == 20
    assert slow.most == 2


def test_a_place_is_free_again_after_a_failure() -> None:
    broken = SimulatorError("gone")
    session = opened(limit(Scripted(broken, broken, ANSWER), in_flight=1))
    for _ in range(2):
        with pytest.raises(SimulatorError):
            ask(session, READ)
    assert ask(session, READ) is ANSWER


def test_who_gives_up_waiting_leaves_the_place_to_the_next() -> None:
    slow = Slow()
    session = opened(limit(slow, in_flight=1))

    async def with_one_that_gives_up() -> None:
        tasks = [asyncio.create_task(session.call(as_call(READ), PAST)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [done[0], done[2]] == [ANSWER, ANSWER]
        assert isinstance(done[1], asyncio.CancelledError)
        assert await session.call(as_call(READ), PAST) is ANSWER

    asyncio.run(with_one_that_gives_up())
    assert len(slow.begun) == 3


def test_synchronous_code_inside_a_loop_never_waits_for_that_loop() -> None:
    session = opened(limit(Slow(), in_flight=1))

    async def step_while_one_is_under_way() -> None:
        under_way = asyncio.create_task(session.call(as_call(READ), PAST))
        await asyncio.sleep(0)
        assert ask(session, READ) is ANSWER
        assert await under_way is ANSWER

    asyncio.run(asyncio.wait_for(step_while_one_is_under_way(), 10))


def test_an_adaptive_limit_halves_after_a_refusal_and_grows_with_answers() -> None:
    refused = Response.of("slow down", source="local", origin="local")._replace(
        status=Status.TOO_MANY_REQUESTS
    )
    simulator = limit(Scripted(refused, *[ANSWER] * 40), in_flight=8, adaptive=True)
    (places,) = places_of(first_of(simulator))
    session = opened(simulator)
    assert ask(session, READ) is refused
    assert places.occupancy().limit == 1, "one was under way"
    for _ in range(3):
        assert ask(session, READ) is ANSWER
    assert places.occupancy().limit == 2


# --- a rate -------------------------------------------------------------------------------------


def test_calls_begin_at_the_rate_at_most_over_all_sessions() -> None:
    simulator = limit(world(), per_second=200)
    sessions = [opened(simulator) for _ in range(3)]
    began = time.monotonic()
    for number in range(9):
        assert body(ask(sessions[number % 3], READ)) == "noon"
    assert time.monotonic() - began >= 8 / 200 - 0.005, "sooner than the rate allows"


# --- what it is ---------------------------------------------------------------------------------


def test_forks_keep_their_own_state_and_share_the_limit() -> None:
    session = opened(limit(world(), calls=4))
    ask(session, ADD, {"item": "tea"})
    twin = session.fork()
    ask(session, ADD, {"item": "milk"})
    assert body(ask(twin, SHOW)) == {"tea": 1}
    ask(session, SHOW)
    with pytest.raises(BudgetSpentError):
        ask(twin, SHOW)


def test_limits_change_no_fingerprint() -> None:
    assert limit(world(), per_second=1, calls=2, in_flight=3).fingerprint == world().fingerprint


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"per_second": 0}, "per_second"),
        ({"per_second": 1, "burst": 0}, "burst"),
        ({"in_flight": 0}, "in_flight"),
        ({"calls": -1}, "calls"),
        ({"spent": "stop"}, "spent"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigurationError, match=where):
        limit(world(), **options)  # type: ignore[arg-type]
