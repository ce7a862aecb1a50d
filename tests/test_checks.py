"""Checks of definite answers: what is correct, and why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators_by_hand import task
from toolenv.apis import FINISH
from toolenv.checks import apply_check, check_reward, outcome_of
from toolenv.episodes import ROOT, Branch, Call, Message, Response, Step
from toolenv.errors import CheckError
from toolenv.tasks import Check


def branch(check: Check | None, answer: Any = "", ended: str = "answer") -> Branch:
    call = Call(FINISH, {"return_type": "give_answer", "final_answer": answer}, None, "")
    step = Step(ROOT, 0, Message(), (call,), (Response("{}"),), "", 0.0, ended)
    return Branch(task(check=check), [step], 0)


def decide(kind: str, value: Any, answer: Any, tolerance: float = 0.0) -> str:
    check = Check(kind=kind, value=value, tolerance=tolerance)
    verdict = apply_check(check, branch(check, answer))
    assert verdict.reason
    assert (check_reward(branch(check, answer)) == 1.0) == (verdict.decision == "correct")
    return verdict.decision


@pytest.mark.parametrize(
    ("value", "answer", "decision"),
    [
        ("Zürich", "Zürich", "correct"),
        ("Zürich", "  zu\u0308rich. ", "correct"),
        ("STRASSE", "Straße", "correct"),
        ("two words", "two\n  words!", "correct"),
        ("５", "5", "correct"),
        ("Zürich", "It is Zürich", "incorrect"),
        ("7", 7, "correct"),
    ],
)
def test_exact(value: str, answer: Any, decision: str) -> None:
    assert decide("exact", value, answer) == decision


@pytest.mark.parametrize(
    ("value", "answer", "decision"),
    [
        ("Oslo", "The capital is oslo, of course.", "correct"),
        ("Oslo", "Osloer", "incorrect"),
        ("10", "110 or 101", "incorrect"),
        ("C++", "written in C++ today", "correct"),
        ("a.b", "axb", "incorrect"),
        ("東京", "答えは 東京 です", "correct"),
    ],
)
def test_contains(value: str, answer: str, decision: str) -> None:
    assert decide("contains", value, answer) == decision


@pytest.mark.parametrize(
    ("value", "answer", "decision"),
    [
        (["Oslo", "Bergen"], "Bergen, and Oslo", "correct"),
        (["Oslo", "Bergen"], "Oslo", "incorrect"),
        ([1, 2], "2 and 1", "correct"),
    ],
)
def test_set(value: list[Any], answer: str, decision: str) -> None:
    assert decide("set", value, answer) == decision


@pytest.mark.parametrize(
    ("value", "tolerance", "answer", "decision"),
    [
        (1234.5, 0.0, "about 1,234.5 dollars", "correct"),
        (1234.5, 0.0, "1234.51", "incorrect"),
        (1234.5, 0.01, "1234.509", "correct"),
        (-3, 0.0, "-3 degrees", "correct"),
        (0.5, 0.0, ".5", "correct"),
        (1500, 0.0, "1.5e3", "correct"),
        (7, 0.0, "between 6 and 7", "correct"),
        (7, 0.0, "seven", "incorrect"),
        (7, 0.0, "9" * 400, "incorrect"),
        (7, 0.0, 7, "correct"),
    ],
)
def test_number(value: float, tolerance: float, answer: Any, decision: str) -> None:
    assert decide("number", value, answer, tolerance) == decision


def test_giving_up_is_an_answer_to_what_cannot_be_done() -> None:
    check = Check(kind="gives_up")
    assert apply_check(check, branch(check, ended="gave_up")).decision == "correct"
    for ended in ("answer", "limit:steps", ""):
        assert apply_check(check, branch(check, "x", ended)).decision == "incorrect"


@pytest.mark.parametrize("ended", ["gave_up", "limit:steps", ""])
def test_without_an_answer_a_check_is_refused(ended: str) -> None:
    check = Check(kind="exact", value="x")
    verdict = apply_check(check, branch(check, "x", ended))
    assert verdict.decision == "refused"
    assert (ended or "not at all") in verdict.reason


def test_without_a_check_nothing_is_decided() -> None:
    assert apply_check(None, branch(None, "x")).decision == "unverifiable"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check(kind="like", value="x"), "Unknown kind of check: 'like'"),
        (Check(kind="number", value="7"), "needs a number"),
        (Check(kind="number", value=True), "needs a number"),
        (Check(kind="set", value="x"), "needs a list"),
        (Check(kind="set", value=[]), "needs a list"),
        (Check(kind="exact", value=3), "needs a text"),
        (Check(kind="contains", value=""), "needs a text"),
    ],
)
def test_a_check_that_cannot_be_applied_is_an_error(check: Check, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        apply_check(check, branch(check, "x"))


@pytest.mark.parametrize(
    ("answer", "ended", "outcome", "reward"),
    [
        ("x", "answer", "passed", 1.0),
        ("y", "answer", "failed", 0.0),
        ("x", "gave_up", "failed", 0.0),
        ("x", "limit:tokens", "failed", 0.0),
        ("x", "error:simulator", "infrastructure_error", 0.0),
    ],
)
def test_outcome_and_reward(answer: str, ended: str, outcome: str, reward: float) -> None:
    finished = branch(Check(kind="exact", value="x"), answer, ended)
    assert (outcome_of(finished), check_reward(finished)) == (outcome, reward)


def test_a_branch_that_goes_on_earns_nothing() -> None:
    assert check_reward(branch(Check(kind="exact", value="x"), "x", "")) == 0.0
    assert outcome_of(branch(None, "x")) == "unsure"


@given(st.text(st.characters(exclude_categories=())))
def test_any_answer_can_be_checked(answer: str) -> None:
    for check in (
        Check(kind="exact", value="x"),
        Check(kind="contains", value="x"),
        Check(kind="set", value=["x", 1]),
        Check(kind="number", value=1.5, tolerance=0.1),
    ):
        assert apply_check(check, branch(check, answer)).decision != "unverifiable"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_found_as_python_writes_it(number: float) -> None:
    assert decide("number", number, f"It is {number!r}.") == "correct"


@pytest.mark.parametrize("answer", ["1," * 100_000, "1e" * 100_000, " " * 1_000_000, "-" * 100_000])
def test_long_hostile_answers_are_checked_in_one_pass(answer: str) -> None:
    for kind, value in (("number", 7), ("exact", "x"), ("contains", "x")):
        assert decide(kind, value, answer) == "incorrect"
