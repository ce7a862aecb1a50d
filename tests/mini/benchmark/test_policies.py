"""The expert can be asked anywhere: what others did wrong before, it does right."""

from __future__ import annotations

from typing import Any

import pytest

from toolenv import bridge
from toolenv.conversations import conversation
from toolenv.env import ToolEnv
from toolenv.episodes import FunctionCall, Message
from toolenv.jsontext import render
from toolenv.mini.benchmark import ExpertPolicy, benchmark_simulator, validation_tasks
from toolenv.mini.benchmark.plans import plan_of
from toolenv.tasks import Task

TASKS = validation_tasks()
EXPERT = ExpertPolicy(TASKS)


def begun(task: Task) -> ToolEnv:
    env = ToolEnv(TASKS, benchmark_simulator())
    env.reset(seed=0, options={"task": task.id})
    return env


def says(env: ToolEnv) -> FunctionCall:
    message: Message = bridge.run(EXPERT(conversation(env.branch), env.task.functions, seed=0))
    return message.calls[0]


def do(env: ToolEnv, call: FunctionCall) -> None:
    env.step(Message(calls=(call,)))


def solvable(count: int) -> list[Any]:
    return [task for task in TASKS if plan_of(task.id).solvable][:count]


@pytest.mark.parametrize("task", solvable(12), ids=lambda task: task.id)
def test_a_call_with_wrong_arguments_is_made_again_with_the_right_ones(task: Task) -> None:
    env = begun(task)
    right = says(env)
    do(env, FunctionCall(right.name, '{"no_such_parameter":1}'))
    assert says(env) == right


@pytest.mark.parametrize("task", solvable(12), ids=lambda task: task.id)
def test_a_call_that_failed_is_not_made_again(task: Task) -> None:
    env = begun(task)
    made: list[tuple[str, str]] = []
    while not env.ended:
        call = says(env)
        assert (call.name, call.arguments) not in made
        made.append((call.name, call.arguments))
        do(env, call)
    assert env.branch.ended in ("answer", "gave_up", "limit:steps")


def test_what_another_was_asked_about_is_no_answer() -> None:
    """A value that belongs to another name is not taken for the task's."""
    checked = 0
    for task in TASKS:
        plan = plan_of(task.id)
        if not plan.solvable or len(plan.goals) != 1 or plan.goals[0].need.kind != "lookup":
            continue
        env = begun(task)
        right = says(env)
        other = next(
            (plan_of(one.id).goals[0] for one in TASKS if one.id != task.id
             and plan_of(one.id).goals and plan_of(one.id).goals[0].need is plan.goals[0].need),
            None,
        )  # fmt: skip
        provider = next(one for one in plan.providers(plan.goals[0]) if one.function == right.name)
        if other is None:
            continue
        do(env, FunctionCall(right.name, render(provider.arguments(other.given))))
        checked += 1
        assert says(env) == right
    assert checked
