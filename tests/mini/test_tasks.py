"""MiniToolBench's tasks: what they offer, and that those that can be solved are."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mini.driving import Walk, finish
from toolenv.checks import apply_check
from toolenv.episodes import ROOT, FunctionCall, Message
from toolenv.errors import ConfigurationError
from toolenv.jsontext import render
from toolenv.mini import MINI_SPLITS, mini_simulator, mini_solution, mini_tasks
from toolenv.tasks import Task

TASKS = mini_tasks()


def test_splits() -> None:
    assert MINI_SPLITS == ("I1-inst", "I1-tool", "I1-cat", "I2-inst", "I2-cat", "I3-inst")
    assert Counter(task.split for task in TASKS) == dict.fromkeys(MINI_SPLITS, 8)
    assert [task for split in MINI_SPLITS for task in mini_tasks(split)] == TASKS
    assert len({task.id for task in TASKS}) == len({task.instruction for task in TASKS}) == 48


def test_an_unknown_split_or_task_says_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="I1-inst"):
        mini_tasks("G1")
    with pytest.raises(ConfigurationError, match="I1-inst-1"):
        mini_solution("588")


def test_at_least_three_cannot_be_solved() -> None:
    unsolvable = [task for task in TASKS if task.check and task.check.kind == "gives_up"]
    assert len(unsolvable) >= 3
    assert {mini_solution(task.id).answer for task in unsolvable} == {None}
    kinds = {task.check.kind for task in TASKS if task.check}
    assert kinds == {"exact", "number", "set", "contains", "gives_up"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_what_is_offered(task: Task) -> None:
    assert 3 <= len(task.apis) <= 8
    assert len(task.named_apis) == len(task.apis)
    assert task.relevant is not None
    assert set(task.relevant) < {(api.tool, api.name) for api in task.apis} or not task.relevant
    tools = {tool for tool, _ in task.relevant}
    categories = {api.category for api in task.apis if (api.tool, api.name) in task.relevant}
    if task.split.startswith(("I1", "I2")):
        assert len(categories) <= 1
    if task.split.startswith("I3"):
        assert len(tools) >= 2
    assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_the_solution_solves_it(task: Task) -> None:
    walk = Walk(task)
    session = mini_simulator().open(task, 0)
    solution = mini_solution(task.id)
    at = ROOT
    for name, arguments in solution.calls:
        assert name in task.named_apis
        at = walk.step(at, 0, session, Message(calls=(FunctionCall(name, render(arguments)),)))
        assert not walk.steps[at].calls[0].invalid
    at = walk.step(at, 0, session, Message(calls=(finish(solution.answer),)))
    assert task.check is not None
    verdict = apply_check(task.check, walk.branch(at))
    assert verdict.decision == "correct", verdict.reason
    seen = " ".join(response.text for step in walk.steps for response in step.responses)
    expected = task.check.value if isinstance(task.check.value, list) else [task.check.value]
    assert all(str(value) in seen for value in expected if value is not None)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_the_request_does_not_pass_for_its_answer(task: Task) -> None:
    walk = Walk(task)
    at = walk.step(
        ROOT, 0, mini_simulator().open(task, 0), Message(calls=(finish(task.instruction),))
    )
    assert apply_check(task.check, walk.branch(at)).decision == "incorrect"
