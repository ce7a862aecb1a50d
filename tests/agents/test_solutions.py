"""What an oracle knows: from gold, else from what a check asks for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators_by_hand import task
from toolenv.agents.policies.solutions import solution_of
from toolenv.checks.trying import about_answers, try_answer
from toolenv.formats.gold import Gold
from toolenv.mini import mini_tasks
from toolenv.tasks import Check


def checked(**check: Any) -> Check:
    return Check.model_validate(check)


@pytest.mark.parametrize(
    "check",
    [
        {"kind": "exact", "value": "Oslo"},
        {"kind": "contains", "value": "Oslo"},
        {"kind": "set", "value": ["Oslo", "Bergen"]},
        {"kind": "number", "value": 7.25},
        {"kind": "quantity", "value": 21, "unit": "°C"},
        {"kind": "quantity", "value": [20, 22], "unit": "EUR"},
        {"kind": "date", "value": "2026-05-03"},
        {"kind": "time", "value": "18:30"},
        {"kind": "name", "value": ["New York", "NYC"]},
        {"kind": "items", "value": ["Sencha", "Assam"]},
        {"kind": "list", "value": ["Oslo", "Bergen"]},
        {"kind": "json_path", "path": "$.teas[0].name", "value": "Sencha"},
        {"kind": "json_path", "path": "$.teas[*].name", "checks": [{"kind": "items", "value": ["Sencha"]}]},
        {"kind": "any", "checks": [{"kind": "gives_up"}, {"kind": "exact", "value": "x"}]},
        {"kind": "all", "checks": [{"kind": "quantity", "value": 180, "unit": "EUR"}, {"kind": "date", "value": "2026-05-03"}]},
        {"kind": "not", "checks": [{"kind": "contains", "value": "x"}], "examples": {"right": ["y"]}},
    ],
    ids=lambda check: check["kind"],
)
def test_a_check_says_what_a_right_answer_is(check: dict[str, Any]) -> None:
    asked = checked(**check)
    found = solution_of(task(check=asked))
    assert found is not None and found.answer is not None
    tried = about_answers(asked)
    assert tried is not None
    assert try_answer(tried, task(), found.answer).decision == "correct"


def test_required_calls_are_made_by_the_names_that_are_offered() -> None:
    calls = [{"function": "look", "arguments": {"x": "a"}}, {"function": "put", "checks": {"x": {"kind": "exact", "value": "b"}}}]
    found = solution_of(task(check=checked(kind="required_calls", calls=calls)))
    assert found is not None
    assert found.calls == (("look_for_box", {"x": "a"}), ("put_for_box", {"x": "b"}))


def test_gold_comes_before_the_check() -> None:
    gold = Gold.model_validate(
        {"calls": [{"function": "look_for_box", "arguments": {"x": "a"}}], "answer": "It is 7."}
    )
    found = solution_of(task(check=checked(kind="number", value=7)), gold)
    assert found is not None
    assert found.calls == (("look_for_box", {"x": "a"}),) and found.answer == "It is 7."


def test_what_is_not_known_is_not_invented() -> None:
    assert solution_of(task()) is None
    assert solution_of(task(check=checked(kind="state", path="$.a", value=1))) is None
    nothing_right = checked(kind="not", checks=[{"kind": "json_path", "path": "$.a"}])
    assert solution_of(task(check=nothing_right)) is None


def test_the_embedded_tasks_carry_their_solutions() -> None:
    assert all(solution_of(one) is not None for one in mini_tasks())
    giving_up = [one for one in mini_tasks() if one.check and one.check.kind == "gives_up"]
    found = solution_of(giving_up[0])
    assert found is not None and found.answer is None
