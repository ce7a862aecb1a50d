"""Calls that must or must not be made, and checks made of checks."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.answers import verdict
from toolenv.errors import CheckError
from toolenv.tasks import Check, WantedCall

Made = tuple[str, dict[str, Any], bool]


def wanted(function: str, **arguments: Any) -> WantedCall:
    return WantedCall(function=function, arguments=arguments)


def required(*calls: WantedCall, ordered: bool = False) -> Check:
    return Check(kind="required_calls", calls=calls, ordered=ordered)


def forbidden(*calls: WantedCall) -> Check:
    return Check(kind="forbidden_calls", calls=calls)


LOOK: Made = ("look", {"x": "a"}, True)
PUT: Made = ("put", {"x": "b"}, True)


@pytest.mark.parametrize(
    ("check", "calls", "decided"),
    [
        (required(wanted("look")), (LOOK, PUT), "correct"),
        (required(wanted("look_for_box")), (LOOK,), "correct"),
        (required(wanted("look", x="a")), (LOOK,), "correct"),
        (required(wanted("look", x="b")), (LOOK,), "incorrect"),
        (required(wanted("look", y="a")), (LOOK,), "incorrect"),
        (required(wanted("look")), (("look", {}, False),), "incorrect"),
        (required(wanted("look")), (("look", {}, False), LOOK), "correct"),
        (required(wanted("look")), (), "incorrect"),
        (required(wanted("look"), wanted("look")), (LOOK,), "incorrect"),
        (required(wanted("look"), wanted("look")), (LOOK, LOOK), "correct"),
        (required(wanted("put"), wanted("look")), (LOOK, PUT), "correct"),
        (required(wanted("put"), wanted("look"), ordered=True), (LOOK, PUT), "incorrect"),
        (required(wanted("look"), wanted("put"), ordered=True), (PUT, LOOK, PUT), "correct"),
        (required(wanted("look", x=3)), (("look", {"x": "3"}, True),), "correct"),
        (required(wanted("look", x=True)), (("look", {"x": "true"}, True),), "correct"),
        (required(wanted("look", x=True)), (("look", {"x": 1}, True),), "incorrect"),
        (forbidden(wanted("put")), (LOOK,), "correct"),
        (forbidden(wanted("put")), (LOOK, PUT), "incorrect"),
        (forbidden(wanted("put")), (("put", {}, False),), "incorrect"),
        (forbidden(wanted("put", x="c")), (PUT,), "correct"),
    ],
)
def test_calls(check: Check, calls: tuple[Made, ...], decided: str) -> None:
    found = verdict(check, calls=calls)
    assert found.decision == decided, found.reason
    assert verdict(check, "", "gave_up", calls=calls).decision == "refused"


def test_an_argument_can_have_a_check_of_its_own() -> None:
    near = WantedCall(function="look", checks={"x": Check(kind="name", value="Zürich")})
    assert verdict(required(near), calls=(("look", {"x": "zurich"}, True),)).decision == "correct"
    assert verdict(required(near), calls=(("look", {"x": "Bern"}, True),)).decision == "incorrect"
    assert verdict(required(near), calls=(("look", {}, True),)).decision == "incorrect"


def test_the_evidence_names_the_calls() -> None:
    found = verdict(required(wanted("put", x="c")), calls=(LOOK, PUT))
    assert 'put({"x":"c"})' in found.reason
    assert [one.text for one in found.found] == ["look_for_box", "put_for_box"]
    assert "put_for_box" in verdict(forbidden(wanted("put")), calls=(LOOK, PUT)).reason


@given(
    st.lists(st.sampled_from("abc"), max_size=5),
    st.lists(st.sampled_from("abc*"), min_size=1, max_size=4),
)
def test_calls_are_matched_as_well_as_can_be(made: list[str], asked: list[str]) -> None:
    """Every call serves one wanted call: as some assignment does, tried one by one."""
    check = required(*(wanted("look") if one == "*" else wanted("look", x=one) for one in asked))
    calls = tuple(("look", {"x": one}, True) for one in made)
    fits = any(
        all(one in ("*", call) for one, call in zip(asked, chosen, strict=True))
        for chosen in permutations(made, len(asked))
    )
    assert (verdict(check, calls=calls).decision == "correct") == fits


PARTS = {
    "correct": Check(kind="contains", value="x"),
    "incorrect": Check(kind="contains", value="other"),
    "unverifiable": Check(kind="state", path="$"),
}
ANSWER = "x"


def made_of(kind: str, *decisions: str) -> str:
    parts = tuple(PARTS[one] for one in decisions)
    return verdict(Check(kind=kind, checks=parts), ANSWER).decision


@pytest.mark.parametrize(
    ("kind", "parts", "decided"),
    [
        ("all", ("correct", "correct"), "correct"),
        ("all", ("correct", "incorrect"), "incorrect"),
        ("all", ("correct", "unverifiable"), "unverifiable"),
        ("all", ("unverifiable", "incorrect"), "incorrect"),
        ("any", ("incorrect", "correct"), "correct"),
        ("any", ("incorrect", "incorrect"), "incorrect"),
        ("any", ("incorrect", "unverifiable"), "unverifiable"),
        ("any", ("unverifiable", "correct"), "correct"),
        ("not", ("correct",), "incorrect"),
        ("not", ("incorrect",), "correct"),
        ("not", ("unverifiable",), "unverifiable"),
    ],
)
def test_composition(kind: str, parts: tuple[str, ...], decided: str) -> None:
    assert made_of(kind, *parts) == decided


def test_declining_is_no_way_round_a_check() -> None:
    declined = "I am unable to find it."
    not_it = Check(kind="not", checks=(PARTS["incorrect"],))
    assert verdict(not_it, declined).decision == "refused"
    assert verdict(not_it, "", "gave_up").decision == "refused"
    either = Check(kind="any", checks=(Check(kind="gives_up"), PARTS["correct"]))
    assert verdict(either, "", "gave_up").decision == "correct"
    assert verdict(either, "x").decision == "correct"
    assert verdict(either, "y").decision == "incorrect"
    both = Check(kind="all", checks=(PARTS["correct"], Check(kind="state", path="$")))
    assert verdict(both, "", "limit:steps").decision == "refused"


def test_the_parts_are_kept_with_their_verdicts() -> None:
    found = verdict(Check(kind="all", checks=(PARTS["correct"], PARTS["incorrect"])), ANSWER)
    assert [part.decision for part in found.parts] == ["correct", "incorrect"]
    assert found.reason == found.parts[1].reason


@given(st.text(max_size=30))
def test_not_not_and_both_laws_of_de_morgan(answer: str) -> None:
    one, two = Check(kind="quantity", value=3), Check(kind="contains", value="a")

    def decide(check: Check) -> str:
        return verdict(check, answer).decision

    def joined(kind: str, *checks: Check) -> Check:
        return Check(kind=kind, checks=checks)

    twice = joined("not", joined("not", one))
    assert decide(twice) == decide(one)
    left = joined("not", joined("all", one, two))
    right = joined("any", joined("not", one), joined("not", two))
    if "refused" not in (decide(one), decide(two)):
        assert decide(left) == decide(right)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check(kind="all"), "needs checks"),
        (Check(kind="not", checks=(PARTS["correct"],) * 2), "needs one check"),
        (Check(kind="required_calls"), "needs calls"),
        (Check(kind="any", checks=(Check(kind="al"),)), "Unknown kind of check: 'al'"),
    ],
)
def test_what_cannot_be_applied(check: Check, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        verdict(check, "x")
