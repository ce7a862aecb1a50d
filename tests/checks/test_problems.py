"""What is wrong with a check is said before any answer is checked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators_by_hand import task
from toolenv.checks.kinds import KINDS
from toolenv.checks.problems import problems_of
from toolenv.tasks import Check


def problems(**check: Any) -> list[tuple[str, str]]:
    found = problems_of(Check.model_validate(check), task())
    assert all(problem.what for problem in found)
    return [(problem.where, f"{problem.what} {problem.fix}") for problem in found]


SOUND: list[dict[str, Any]] = [
    {"kind": "exact", "value": "x"},
    {"kind": "contains", "value": "x"},
    {"kind": "set", "value": ["x"]},
    {"kind": "number", "value": 7, "tolerance": 0.5},
    {"kind": "gives_up"},
    {"kind": "quantity", "value": 7, "unit": "EUR", "relative_tolerance": 0.1},
    {"kind": "date", "value": "2026-05-03", "tolerance": 1},
    {"kind": "time", "value": "18:30"},
    {"kind": "name", "value": ["New York", "NYC"]},
    {"kind": "items", "value": ["a", "b"]},
    {"kind": "list", "value": [1, 2]},
    {"kind": "json_path", "path": "$.a", "value": 3},
    {"kind": "state", "path": "$.a[*]", "checks": [{"kind": "items", "value": ["a"]}]},
    {
        "kind": "required_calls",
        "calls": [{"function": "look", "arguments": {"x": "a"}}],
        "ordered": True,
    },
    {"kind": "forbidden_calls", "calls": [{"function": "put_for_box"}]},
    {
        "kind": "all",
        "checks": [{"kind": "exact", "value": "x"}, {"kind": "contains", "value": "x"}],
    },
    {"kind": "any", "checks": [{"kind": "gives_up"}, {"kind": "exact", "value": "x"}]},
    {"kind": "not", "checks": [{"kind": "contains", "value": "x"}]},
]


@pytest.mark.parametrize("check", SOUND, ids=lambda check: str(check["kind"]))
def test_sound_checks_of_every_kind(check: dict[str, Any]) -> None:
    assert problems(**check) == []
    read = Check.model_validate(check)
    assert Check.model_validate_json(read.model_dump_json()) == read


def test_the_sound_checks_are_of_all_kinds() -> None:
    assert {check["kind"] for check in SOUND} == set(KINDS)


@pytest.mark.parametrize(
    ("check", "where", "words"),
    [
        ({"kind": "quantty"}, "check.kind", "Did you mean quantity?"),
        (
            {"kind": "exact", "value": "x", "tolerence": 1},
            "check.tolerence",
            "Did you mean tolerance",
        ),
        (
            {"kind": "exact", "value": "x", "unit": "kg"},
            "check.unit",
            "means nothing to the kind 'exact'",
        ),
        (
            {"kind": "number", "value": 7, "tolerance": -1},
            "check.tolerance",
            "Give a number from 0",
        ),
        ({"kind": "exact"}, "check.value", "needs a text"),
        ({"kind": "quantity", "value": 7, "unit": "parsec"}, "check.unit", "Unknown unit"),
        ({"kind": "date", "value": "2026-02-30"}, "check.value", "date of the calendar"),
        ({"kind": "json_path", "path": "$..a"}, "check.path", "JSON path"),
        ({"kind": "all"}, "check.checks", "needs checks"),
        (
            {
                "kind": "all",
                "checks": [{"kind": "any", "checks": [{"kind": "time", "value": "6"}]}],
            },
            "check.checks[0].checks[0].value",
            "time of day",
        ),
        (
            {"kind": "required_calls", "calls": [{"function": "lok"}]},
            "check.calls[0].function",
            "Did you mean look",
        ),
        (
            {"kind": "forbidden_calls", "calls": [{"function": "Finish"}]},
            "check.calls[0].function",
            "Finish is no call",
        ),
        (
            {"kind": "required_calls", "calls": [{"function": "look", "arguments": {"y": 1}}]},
            "check.calls[0].arguments.y",
            "no such parameter",
        ),
        (
            {"kind": "required_calls", "calls": [{"function": "look", "arguments": {"x": []}}]},
            "check.calls[0].arguments.x",
            "No valid call",
        ),
        (
            {"kind": "required_calls", "calls": [{"function": "look", "args": {}}]},
            "check.calls[0].args",
            "no such option",
        ),
        (
            {
                "kind": "required_calls",
                "calls": [{"function": "look", "checks": {"x": {"kind": "date"}}}],
            },
            "check.calls[0].checks.x.value",
            "date of the calendar",
        ),
        (
            {
                "kind": "required_calls",
                "calls": [{"function": "look", "checks": {"x": {"kind": "gives_up"}}}],
            },
            "check.calls[0].checks.x.kind",
            "does not look at a value",
        ),
        (
            {
                "kind": "all",
                "checks": [{"kind": "exact", "value": "x"}, {"kind": "exact", "value": "y"}],
            },
            "check",
            "No answer is exactly two texts",
        ),
        (
            {"kind": "all", "checks": [{"kind": "gives_up"}, {"kind": "exact", "value": "y"}]},
            "check.checks[0]",
            "gives up has no answer",
        ),
        (
            {
                "kind": "all",
                "checks": [
                    {
                        "kind": "required_calls",
                        "calls": [{"function": "put", "arguments": {"x": "a"}}],
                    },
                    {"kind": "forbidden_calls", "calls": [{"function": "put"}]},
                ],
            },
            "check.checks[1].calls[0]",
            "put is required and forbidden",
        ),
        (
            {"kind": "exact", "value": "x", "examples": {"right": ["x", "it is x"]}},
            "check.examples.right[1]",
            "The check finds it incorrect: expected 'x'",
        ),
        (
            {"kind": "quantity", "value": 7, "examples": {"wrong": ["8", "7.0"]}},
            "check.examples.wrong[1]",
            "The check finds it correct",
        ),
        (
            {"kind": "quantity", "value": 7, "examples": {"wrong": ["7 or 8"]}},
            "check.examples.wrong[0]",
            "The check finds it unverifiable",
        ),
        (
            {"kind": "gives_up", "examples": {"right": ["x"]}},
            "check.examples",
            "not look at the answer",
        ),
        (
            {"kind": "exact", "value": "x", "examples": {"rigth": ["x"]}},
            "check.examples.rigth",
            "Did you mean right",
        ),
    ],
)
def test_what_is_wrong_is_named(check: dict[str, Any], where: str, words: str) -> None:
    (found,) = problems(**check)
    assert found[0] == where
    assert words in found[1]


def test_all_that_is_wrong_is_named() -> None:
    parts = [{"kind": "x"}, {"kind": "exact", "unit": "kg"}]
    assert [where for where, _ in problems(kind="all", checks=parts, tolerance=1)] == [
        "check.tolerance",
        "check.checks[0].kind",
        "check.checks[1].unit",
        "check.checks[1].value",
    ]


def test_too_deep_a_check_is_refused() -> None:
    check: dict[str, Any] = {"kind": "exact", "value": "x"}
    for _ in range(20):
        check = {"kind": "not", "checks": [check]}
    ((where, words),) = problems(**check)
    assert where.count("checks") == 16
    assert "nested deeper" in words


def test_examples_of_an_answer_are_tried_on_what_looks_at_answers() -> None:
    check = {
        "kind": "all",
        "checks": [{"kind": "quantity", "value": 7}, {"kind": "state", "path": "$.a"}],
        "examples": {"right": [7, "seven"], "wrong": ["6-7", "I cannot find it."]},
    }
    assert problems(**check) == []


def test_a_check_is_written_as_it_was_before_it_had_more_options() -> None:
    assert Check(kind="exact", value="x").model_dump(mode="json") == {
        "kind": "exact",
        "value": "x",
        "tolerance": 0.0,
    }
