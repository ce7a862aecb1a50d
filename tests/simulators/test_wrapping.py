"""What holds for every wrapper, and for all of them on top of each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators.worlds import ADD, READ, SHOW, TASK, ask, body, opened, world
from tests.simulators.wrapped import ANSWER, Live, Scripted, WorldSuite
from toolenv.env import ToolEnv
from toolenv.errors import ForkRefusedError
from toolenv.simulators import (
    FaultPlan,
    Simulator,
    coalesce,
    first_of,
    inject_faults,
    limit,
    record,
    retry,
    truncate,
)
from toolenv.snapshots import Store

Wrap = Callable[[Simulator, Path], Simulator]


def everything(simulator: Simulator, folder: Path) -> Simulator:
    for wrap in list(WRAPPERS.values())[:-1]:
        simulator = wrap(simulator, folder)
    return simulator


WRAPPERS: dict[str, Wrap] = {
    "coalesce": lambda one, folder: coalesce(one),
    "limit": lambda one, folder: limit(one, in_flight=2, calls=1000, per_second=1e6),
    "retry": lambda one, folder: retry(one, first=0),
    "record": lambda one, folder: record(one, Store(folder / "a.store")),
    "first_of": lambda one, folder: first_of(first_of(), one),
    "truncate": lambda one, folder: truncate(one, 1000),
    "inject_faults": lambda one, folder: inject_faults(one, FaultPlan(rates={"429": 1e-6})),
    "all of them": everything,
}


@pytest.fixture(params=WRAPPERS)
def wrap(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Simulator], Simulator]:
    name: str = request.param
    return lambda simulator: WRAPPERS[name](simulator, tmp_path)


class TestAllOfThem(WorldSuite):
    folder: Path

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_simulator(self) -> Simulator:
        return everything(world(), self.folder)


def test_answers_are_those_of_what_is_wrapped(wrap: Callable[[Simulator], Simulator]) -> None:
    with closing(wrap(world())) as simulator:
        session, bare = opened(simulator), opened(world())
        for function in (SHOW, ADD, READ, ADD, SHOW):
            arguments = {"item": "tea"} if function == ADD else {}
            assert ask(session, function, arguments) == ask(bare, function, arguments)  # type: ignore[arg-type]


def test_a_fork_past_a_change_that_cannot_be_undone_is_refused(
    wrap: Callable[[Simulator], Simulator],
) -> None:
    with closing(wrap(Live())) as simulator:
        session = opened(simulator)
        ask(session, READ)
        assert ask(session.fork(), READ) == ANSWER
        ask(session, ADD, {"item": "tea"})
        with pytest.raises(ForkRefusedError, match="something at a real server"):
            session.fork()
        assert ask(session, READ) == ANSWER, "this branch goes on"


def test_unless_the_api_is_safe_to_repeat(wrap: Callable[[Simulator], Simulator]) -> None:
    with closing(wrap(Live(safe_to_repeat=[ADD]))) as simulator:
        session = opened(simulator)
        ask(session, ADD, {"item": "tea"})
        assert ask(session.fork(), READ) == ANSWER


def test_an_environment_refuses_it_too(wrap: Callable[[Simulator], Simulator]) -> None:
    with closing(wrap(Live())) as simulator:
        env = ToolEnv([TASK], simulator)
        env.reset(seed=1)
        env.fork()
        env.step({"name": ADD, "arguments": {"item": "tea"}})
        with pytest.raises(ForkRefusedError):
            env.fork()
        env.step({"name": READ, "arguments": {}})
        assert env.depth == 2


def test_forks_go_their_own_ways(wrap: Callable[[Simulator], Simulator]) -> None:
    with closing(wrap(world())) as simulator:
        session = opened(simulator)
        ask(session, ADD, {"item": "tea"})
        twin = session.fork()
        ask(session, ADD, {"item": "milk"})
        ask(twin, ADD, {"item": "salt"})
        assert body(ask(session, SHOW)) == {"milk": 1, "tea": 1}
        assert body(ask(twin, SHOW)) == {"salt": 1, "tea": 1}


def test_no_answer_stays_no_answer(wrap: Callable[[Simulator], Simulator]) -> None:
    with closing(wrap(Scripted(None))) as simulator:
        assert ask(opened(simulator), READ) is None


def test_closing_closes_what_is_wrapped(wrap: Callable[[Simulator], Simulator]) -> None:
    inner = Scripted()
    simulator = wrap(inner)
    simulator.close()
    simulator.close()
    assert inner.closed == 2


def test_where_nothing_waits_no_event_loop_is_involved() -> None:
    code = """
import threading
from pathlib import Path
from tests.simulators.test_wrapping import WRAPPERS
from tests.simulators.worlds import READ, ask, opened, world

simulator = world()
for name, wrap in WRAPPERS.items():
    if name not in ("record", "all of them"):  # a store has threads that write
        simulator = wrap(simulator, Path())
session = opened(simulator)
for _ in range(5):
    ask(session.fork(), READ)
print([thread.name for thread in threading.enumerate()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['MainThread']"
