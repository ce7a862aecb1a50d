"""MiniToolBench's world: every API answers, fails as its task says, and forks."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, FunctionCall, Response, Status
from toolenv.jsontext import JsonValue, render
from toolenv.mini import mini_simulator, mini_tasks
from toolenv.simulators.base import Session
from toolenv.tasks import Task

APIS = mini_simulator().apis
FREE = Task(id="free", instruction="Look around.", apis=APIS)
NAMES = {api.identity: name for name, api in FREE.named_apis.items()}
RESOLVER = Resolver(FREE.named_apis)


def example(api: API) -> dict[str, JsonValue]:
    return {p.key: p.default for p in api.parameters if p.default is not None}


def ask(session: Session, api: API, arguments: dict[str, JsonValue], task: Task = FREE) -> Response:
    call = RESOLVER.resolve(FunctionCall(NAMES[api.identity], render(arguments)))
    response = bridge.run(session.call(call, Branch(task, (), ROOT)))
    assert response is not None
    return response


def test_its_size() -> None:
    assert len(APIS) >= 30
    assert len({api.tool for api in APIS}) >= 12
    assert len({api.category for api in APIS}) >= 4
    assert len(FREE.named_apis) == len(APIS)


@pytest.mark.parametrize("api", APIS, ids=lambda api: f"{api.tool}.{api.name}")
def test_every_api_answers_its_documented_example(api: API) -> None:
    assert api.description and api.tool_description
    assert all(p.description and p.json_schema for p in api.parameters)
    assert all(p.default is not None for p in api.parameters if p.required)
    session = mini_simulator().open(FREE, 0)
    response = ask(session, api, example(api))
    assert response.status == Status.OK, response.text
    assert response.body
    assert len(response.text) < 1000
    assert ask(mini_simulator().open(FREE, 1), api, example(api)) == response


def test_the_named_failures_of_a_task_are_typed() -> None:
    by_id = {task.id: task for task in mini_tasks()}
    convert = next(api for api in APIS if (api.tool, api.name) == ("RateBoard", "convert"))
    failing, working = by_id["I1-inst-4"], by_id["I1-inst-3"]
    failed = ask(mini_simulator().open(failing, 0), convert, example(convert), failing)
    assert failed.status == Status.NOT_SUBSCRIBED
    assert "not subscribed" in failed.error
    again = ask(mini_simulator().open(failing, 99), convert, example(convert), failing)
    assert again == failed
    answered = ask(mini_simulator().open(working, 0), convert, example(convert), working)
    assert answered.status == Status.OK


def test_failures_are_of_every_kind() -> None:
    kinds: Counter[tuple[Status, bool]] = Counter()
    for task in mini_tasks():
        session = mini_simulator().open(task, 0)
        for api in task.apis:
            response = ask(session, api, example(api), task)
            kinds[response.status, response.body is not None] += 1
            if response.status == Status.OK and response.body == []:
                kinds[response.status, False] += 1
    for status in (
        Status.NOT_FOUND,
        Status.NOT_SUBSCRIBED,
        Status.RATE_LIMITED,
        Status.API_ERROR,
        Status.OK,
    ):
        assert kinds[status, False], status


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, len(APIS) - 1)), min_size=1, max_size=15)
)
@settings(max_examples=50, deadline=None)
def test_three_forks_equal_three_sessions(written: list[tuple[int, int]]) -> None:
    root = mini_simulator().open(FREE, 0)
    forks = [root, root.fork(), root.fork()]
    alone = [mini_simulator().open(FREE, 0) for _ in forks]
    for which, number in written:
        api = APIS[number]
        assert ask(forks[which], api, example(api)) == ask(alone[which], api, example(api))


@given(st.sampled_from(APIS), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
@settings(deadline=None)
def test_strange_arguments_get_a_response(api: API, more: dict[str, str]) -> None:
    arguments: dict[str, JsonValue] = {**example(api), **more}
    response = ask(mini_simulator().open(FREE, 0), api, arguments)
    assert "Traceback" not in response.text
    unknown = set(more) - {p.key for p in api.parameters}
    assert (response.status == Status.BAD_INPUT) or not unknown


def test_importing_the_package_is_free() -> None:
    code = "import sys, toolenv.mini; print('toolenv.mini.world' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
