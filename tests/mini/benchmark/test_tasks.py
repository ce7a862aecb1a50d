"""The generated benchmark's tasks: what they offer, that they repeat, and who passes them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import gymnasium
import pytest

from toolenv import ToolEnv, bridge
from toolenv.agents import ReACT
from toolenv.agents.base import Policy
from toolenv.agents.policies import NothingPolicy
from toolenv.checks.problems import problems_of
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.mini.benchmark import (
    TEST_SPLITS,
    ExpertPolicy,
    OraclePolicy,
    benchmark_simulator,
    benchmark_task,
    benchmark_tasks,
    train_tasks,
    validation_tasks,
)
from toolenv.mini.benchmark.plans import plan_of
from toolenv.tasks import Task

TASKS = [*benchmark_tasks(), *validation_tasks()]
SAMPLE = [*TASKS[::7], *train_tasks(seed=3, count=60)]


def passed(policy: Policy, tasks: list[Task]) -> set[str]:
    env, agent = ToolEnv(tasks, benchmark_simulator()), ReACT(policy)
    return {task.id for task in tasks if agent.run(env, task).outcome == "passed"}


def test_splits() -> None:
    counts = Counter(task.split for task in TASKS)
    assert counts == {**dict.fromkeys(TEST_SPLITS, 200), "validation": 300}
    assert benchmark_tasks("I1-cat") == TASKS[400:600]
    assert benchmark_tasks("validation") == validation_tasks()
    said = {(task.instruction, tuple(task.named_apis)) for task in TASKS}
    assert len({task.id for task in TASKS}) == len(said) == len(TASKS)


def test_an_unknown_split_or_task_says_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="I1-inst"):
        benchmark_tasks("G1")
    with pytest.raises(ConfigurationError, match="I1-inst-0"):
        benchmark_task("I1-inst-1-2")


def test_training_is_a_stream_of_its_seed() -> None:
    first = list(train_tasks(seed=1, count=4))
    assert list(train_tasks(seed=1, count=2, start=2)) == first[2:]
    assert first != list(train_tasks(seed=2, count=4))
    endless = train_tasks(seed=1, count=None)
    assert [next(endless) for _ in range(4)] == first


def test_a_task_that_is_held_is_not_drawn_again() -> None:
    held = list(train_tasks(seed=9, count=3))
    again = train_tasks(seed=9, count=3)
    assert all(one is other for one, other in zip(held, again, strict=True))


def test_tasks_are_the_same_in_another_process() -> None:
    program = (
        "from toolenv.mini.benchmark import benchmark_task\n"
        "print(benchmark_task('I3-inst-5').model_dump_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == benchmark_task("I3-inst-5").model_dump_json()


@pytest.mark.parametrize("task", SAMPLE[::4], ids=lambda task: task.id)
def test_what_is_offered(task: Task) -> None:
    assert 3 <= len(task.apis) <= 6
    assert len(task.named_apis) == len(task.apis)
    assert task.check is not None
    assert not problems_of(task.check, task)
    assert Task.model_validate_json(task.model_dump_json()) == task
    relevant = [api for api in task.apis if (api.tool, api.name) in (task.relevant or ())]
    if task.check.kind != "gives_up":
        categories = {api.category for api in relevant}
        assert len(categories) == (2 if task.split == "I3-inst" else 1) or task.split == "train"


def test_one_tool_is_enough_in_i1_and_not_in_others() -> None:
    for task in TASKS:
        plan = plan_of(task.id)
        if plan.solvable and task.split != "validation":
            tools = [{one.tool for one in plan.providers(g) if plan.works(one)} for g in plan.goals]
            assert bool(set.intersection(*tools)) == task.split.startswith("I1"), task.id
            places = {tool.category for found in tools for tool in found}
            assert len(places) == (2 if task.split.startswith("I3") else 1), task.id


def test_the_oracle_passes_all_and_the_expert_most() -> None:
    assert passed(OraclePolicy(SAMPLE), SAMPLE) == {task.id for task in SAMPLE}
    assert 0.8 < len(passed(ExpertPolicy(SAMPLE), SAMPLE)) / len(SAMPLE) < 0.97


def test_doing_nothing_passes_nothing_and_giving_up_what_cannot_be_solved() -> None:
    assert not passed(NothingPolicy(), SAMPLE)
    unsolvable = {task.id for task in SAMPLE if task.check and task.check.kind == "gives_up"}
    assert passed(NothingPolicy(gives_up=True), SAMPLE) == unsolvable
    assert 0.04 < len(unsolvable) / len(SAMPLE) < 0.15


def test_a_policy_that_does_not_know_a_task_says_so() -> None:
    policy = OraclePolicy(train_seed=0, train_count=1)
    env = ToolEnv([benchmark_task("train-0-1")], benchmark_simulator())
    env.reset(seed=0)
    with pytest.raises(PolicyError, match="train_seed"):
        bridge.run(policy(env.messages, env.functions, seed=0))


def test_it_is_made_by_its_registered_name() -> None:
    env = gymnasium.make("toolenv/MiniToolBench-v1", split="I2-cat")
    instruction, info = env.reset(seed=0)
    assert info["task"].startswith("I2-cat-")
    assert instruction == benchmark_task(info["task"]).instruction


def test_a_task_limits_the_steps_of_a_branch() -> None:
    task = benchmark_task("I1-inst-0")
    assert task.max_steps is not None
    env = ToolEnv([task], benchmark_simulator())
    env.reset(seed=0)
    for _ in range(task.max_steps):
        *_, truncated, info = env.step("hello")
    assert truncated
    assert info["ended"] == "limit:steps"
