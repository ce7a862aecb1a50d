"""The generated benchmark's world: what its APIs answer, its failures, state and forks."""

from __future__ import annotations

import json

import pytest

from toolenv import ToolEnv
from toolenv.episodes import Status
from toolenv.jsontext import render
from toolenv.mini.benchmark import benchmark_simulator, benchmark_task, train_tasks
from toolenv.mini.benchmark.documents import Provider
from toolenv.mini.benchmark.plans import Goal, Plan, plan_of
from toolenv.mini.benchmark.signs import FAILURES, SIGNS
from toolenv.mini.benchmark.simulator import BenchmarkSimulator
from toolenv.tasks import Task
from toolenv.testing import SimulatorSuite

PLANS = [plan_of(task.id) for task in train_tasks(seed=11, count=200)]


def ask(plan: Plan, one: Provider, goal: Goal) -> tuple[Status, dict[str, object]]:
    env = ToolEnv([benchmark_task(plan.id)], benchmark_simulator())
    env.reset(seed=0)
    text, *_, info = env.step({"name": one.function, "arguments": one.arguments(goal.given)})
    return Status(info["status"]), json.loads(text)


def test_working_providers_of_a_need_agree() -> None:
    for plan in PLANS[:40]:
        for goal in plan.goals:
            for one in plan.providers(goal):
                if plan.works(one):
                    status, answer = ask(plan, one, goal)
                    assert status is Status.OK
                    assert answer["response"][one.field] == goal.value  # type: ignore[index]


@pytest.mark.parametrize("failure", list(FAILURES))
def test_failures_say_what_they_are_and_stay(failure: str) -> None:
    for plan in PLANS:
        for goal in plan.goals[:1]:
            for one in plan.providers(goal):
                if plan.fates[plan.offers.index(one)] == failure:
                    status, answer = ask(plan, one, goal)
                    assert status is FAILURES[failure][0]
                    assert bool(answer["error"]) == (failure not in ("empty", "lacking"))
                    assert one.field not in answer["response"]  # type: ignore[operator]
                    assert ask(plan, one, goal) == (status, answer)
                    return
    pytest.fail(f"no provider is {failure}")


def test_signs_are_informative_and_not_certain() -> None:
    failing = {sign: [0, 0] for sign in SIGNS}
    for plan in PLANS:
        for one, fate in zip(plan.offers, plan.fates, strict=True):
            failing[one.sign][fate is not None] += 1
    shares = {sign: failed / (worked + failed) for sign, (worked, failed) in failing.items()}
    assert 0 < shares["trusted"] < shares["plain"] < shares["paid"] < 1
    assert shares["deprecated"] > 0.6


def test_what_does_not_exist_is_not_found() -> None:
    plan = next(p for p in PLANS if p.goals[0].need.kind == "lookup" and p.solvable)
    goal = plan.goals[0]
    one = next(one for one in plan.providers(goal) if plan.works(one))
    made_up = [goal._replace(given={**goal.given, "name": f"Xyzzy{n}"}) for n in range(9)]
    assert Status.NOT_FOUND in {ask(plan, one, other)[0] for other in made_up}
    status, answer = ask(plan, one, goal._replace(given={}))
    assert status is Status.BAD_INPUT
    assert "required" in str(answer["error"])


def test_a_booking_changes_the_state_of_its_fork_alone() -> None:
    plan = next(
        p for p in PLANS if [goal.need.kind for goal in p.goals] == ["reserve"] and p.solvable
    )
    goal = plan.goals[0]
    one = next(one for one in plan.providers(goal) if plan.works(one))
    session = benchmark_simulator().open(benchmark_task(plan.id), 0)
    before = session.shown_state()
    env = ToolEnv([benchmark_task(plan.id)], benchmark_simulator())
    env.reset(seed=0)
    twin = env.fork()
    call = {"name": one.function, "arguments": render(one.arguments(goal.given))}
    env.step(call)
    assert env._session is not None and twin._session is not None
    assert twin._session.shown_state() == before  # type: ignore[attr-defined]
    after = env._session.shown_state()  # type: ignore[attr-defined]
    assert len(after["bookings"]) == len(before["bookings"]) + 1  # type: ignore[index, call-overload, arg-type]
    given = {"return_type": "give_answer", "final_answer": str(goal.value)}
    assert env.step({"name": "Finish", "arguments": given})[1] == 1.0
    assert twin.step({"name": "Finish", "arguments": given})[1] == 0.0


class TestContract(SimulatorSuite):
    """A lookup where a booking is asked for as well: one task with both kinds of calls."""

    plan = next(
        p
        for p in PLANS
        if [goal.need.kind for goal in p.goals] == ["reserve", "lookup"] and p.solvable
    )

    def make_simulator(self) -> BenchmarkSimulator:
        return BenchmarkSimulator()

    def make_task(self) -> Task:
        return benchmark_task(self.plan.id)

    def answered_calls(self) -> list[tuple[str, dict[str, object]]]:
        return self._calls(self.plan.goals[1])

    def changing_calls(self) -> list[tuple[str, dict[str, object]]]:
        return self._calls(self.plan.goals[0])

    def _calls(self, goal: Goal) -> list[tuple[str, dict[str, object]]]:
        return [(one.function, one.arguments(goal.given)) for one in self.plan.providers(goal)]
