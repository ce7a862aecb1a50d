from __future__ import annotations

import pytest

from tests.simulators.worlds import (
    ADD,
    CLEAR,
    LIMITED,
    READ,
    SHOW,
    TASK,
    as_call,
    ask,
    opened,
    world,
)
from tests.simulators.wrapped import ANSWER, Scripted, WorldSuite, waited
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.simulators import PASSING, Simulator, limit, retry

BUSY = ANSWER._replace(status=Status.TOO_MANY_REQUESTS)
GONE = SimulatorError("The server is gone.")


def at_once(simulator: Simulator, attempts: int = 3, **options: object) -> Simulator:
    return retry(simulator, attempts, first=0, **options)  # type: ignore[arg-type]


class TestRetry(WorldSuite):
    def make_simulator(self) -> Simulator:
        return at_once(world())


@pytest.mark.parametrize("status", sorted(PASSING))
def test_what_may_pass_is_asked_again(status: Status) -> None:
    inner = Scripted(ANSWER._replace(status=status), ANSWER)
    assert ask(opened(at_once(inner)), READ) is ANSWER
    assert inner.asked == 2


def test_a_simulator_that_breaks_is_asked_again() -> None:
    inner = Scripted(GONE, BUSY, ANSWER)
    assert ask(opened(at_once(inner)), READ) is ANSWER
    assert inner.asked == 3


@pytest.mark.parametrize("status", sorted(set(Status) - PASSING))
def test_what_the_api_answers_is_taken_as_it_is(status: Status) -> None:
    inner = Scripted(ANSWER._replace(status=status))
    response = ask(opened(at_once(inner)), READ)
    assert response is inner.outcomes[0]
    assert inner.asked == 1


def test_no_answer_is_left_to_the_next_simulator() -> None:
    inner = Scripted(None)
    assert ask(opened(at_once(inner)), READ) is None
    assert inner.asked == 1


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_of_so_many_attempts_counts(attempts: int) -> None:
    failures = [BUSY._replace(ordinal=number) for number in range(9)]
    inner = Scripted(*failures)
    assert ask(opened(at_once(inner, attempts)), READ) is failures[attempts - 1]
    broken = Scripted(BUSY, GONE)
    if attempts > 1:
        with pytest.raises(SimulatorError, match="gone"):
            ask(opened(at_once(broken, attempts)), READ)
        assert broken.asked == attempts


@pytest.mark.parametrize("failure", [BUSY, GONE])
@pytest.mark.parametrize("function", [ADD, CLEAR])
def test_a_call_that_may_change_something_is_made_once(
    function: str, failure: Response | SimulatorError
) -> None:
    inner = Scripted(failure, ANSWER)
    session = opened(at_once(inner))
    if isinstance(failure, SimulatorError):
        with pytest.raises(SimulatorError):
            ask(session, function)
    else:
        assert ask(session, function) is failure
    assert inner.asked == 1


@pytest.mark.parametrize(("safe", "again"), [([ADD], True), (["*"], True), ([CLEAR], False)])
def test_unless_it_is_said_to_be_safe(safe: list[str], again: bool) -> None:
    inner = Scripted(BUSY, ANSWER)
    response = ask(opened(at_once(inner, safe_to_repeat=safe)), ADD)
    assert response is (ANSWER if again else BUSY)


def test_which_statuses_are_repeated_can_be_chosen() -> None:
    error = ANSWER._replace(status=Status.API_ERROR)
    inner = Scripted(error, BUSY)
    assert ask(opened(at_once(inner, statuses=[Status.API_ERROR])), READ) is BUSY


def test_a_spent_budget_is_not_asked_again() -> None:
    inner = Scripted(BUSY)
    session = opened(at_once(limit(inner, calls=2), attempts=9))
    with pytest.raises(SimulatorError, match="used up"):
        ask(session, READ)
    assert inner.asked == 2


def test_inside_an_environment_the_policy_sees_the_answer_alone() -> None:
    env = ToolEnv([TASK], at_once(Scripted(BUSY, GONE, ANSWER)))
    env.reset(seed=1)
    observation, *_ = env.step({"name": READ, "arguments": {}})
    assert observation == ANSWER.text
    assert env.meter.api_calls == 1


# --- pauses -------------------------------------------------------------------------------------


def pause(simulator: Simulator, seed: int = 7, function: str = READ) -> float:
    session = simulator.open(TASK, seed)
    return waited(lambda: session.call(as_call(function), Branch(TASK, [], ROOT)))[1]


def test_pauses_are_drawn_below_bounds_that_double() -> None:
    def longest(attempts: int, first: float = 0.5, most: float = 30.0) -> float:
        def one(seed: int) -> float:
            return pause(retry(Scripted(BUSY), attempts, first=first, longest=most), seed)

        return max(map(one, range(50)))

    assert longest(1) == 0
    assert 0.4 < longest(2, first=0.5) <= 0.5
    assert 1.0 < longest(3, first=0.5) <= 1.5
    assert 2.0 < longest(5, first=1, most=1) <= 4.0


def test_pauses_are_seeded() -> None:
    made = [pause(retry(Scripted(BUSY), 4), seed=3) for _ in range(2)]
    assert made[0] == made[1] > 0
    assert pause(retry(Scripted(BUSY), 4), seed=4) != made[0]
    assert pause(retry(Scripted(BUSY), 4), seed=3, function=SHOW) != made[0]


def test_synchronous_callers_wait_too() -> None:
    assert ask(opened(retry(Scripted(BUSY, ANSWER), first=1e-3)), READ) is ANSWER


# --- what it is ---------------------------------------------------------------------------------


def test_forks_ask_again_too() -> None:
    session = opened(at_once(world()))
    ask(session, ADD, {"item": "tea"})
    twin = session.fork()
    assert ask(twin, SHOW) == ask(session, SHOW)
    response = ask(twin, LIMITED)
    assert response is not None and response.status is Status.TOO_MANY_REQUESTS


def test_asking_again_changes_no_fingerprint() -> None:
    assert retry(world(), 7).fingerprint == world().fingerprint


@pytest.mark.parametrize(
    ("options", "where"),
    [({"attempts": 0}, "attempts"), ({"first": -1}, "first"), ({"longest": float("nan")}, "long")],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, float], where: str) -> None:
    with pytest.raises(ConfigurationError, match=where):
        retry(world(), **options)  # type: ignore[arg-type]
