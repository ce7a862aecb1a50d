"""Names however they are written, and lists of things that are these and no others."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.answers import decision
from toolenv.errors import CheckError


@pytest.mark.parametrize(
    ("value", "answer", "decided"),
    [
        ("Jonas Berg", "It is Dr. JONAS BERG.", "correct"),
        ("Jonas Berg", "Berg, Jonas", "correct"),
        ("Berg, Jonas", "jonas bérg's flat", "correct"),
        ("Prof. Dr. Jonas Berg", "Jonas Berg", "correct"),
        ("Jonas Berg", "Mr Berg", "unverifiable"),
        ("Jonas Berg", "Jonas Bergen", "incorrect"),
        ("Jonas Berg", "Jonas Lindberg", "incorrect"),
        ("Zürich", "zurich", "correct"),
        ("Zürich", "Zuerich", "correct"),
        ("Zürich", "Zu\u0308rich", "correct"),
        ("Tromsø", "Tromso", "correct"),
        ("Łódź", "LODZ", "correct"),
        ("Straße", "STRASSE", "correct"),
        ("The Beatles", "Beatles", "correct"),
        ("Jean-Luc", "Jean Luc", "correct"),
        ("C++", "in C++, of course", "correct"),
        ("C", "in C++, of course", "incorrect"),
        ("東京", "答えは 東京 です", "correct"),
        (["New York", "NYC"], "It is in NYC.", "correct"),
        ("Oslo", "", "incorrect"),
        ("Oslo", "I was unable to find the city.", "refused"),
    ],
)
def test_names(value: Any, answer: str, decided: str) -> None:
    assert decision("name", value, answer) == decided


_WORDS = st.text("abcdéüøñçABC", min_size=2, max_size=8)


@given(st.lists(_WORDS, min_size=1, max_size=3).map(" ".join))
def test_case_accents_and_what_stands_around_do_not_matter(name: str) -> None:
    plain = "".join(
        one for one in unicodedata.normalize("NFD", name) if not unicodedata.combining(one)
    ).replace("ø", "o")
    for written in (name, name.upper(), name.lower(), plain, unicodedata.normalize("NFD", name)):
        assert decision("name", name, f"«{written}», Mr. X!") == "correct", written


@pytest.mark.parametrize(
    ("kind", "answer", "decided"),
    [
        ("items", "Oslo, Bergen and New York", "correct"),
        ("items", "The cities are New York, Oslo, and Bergen.", "correct"),
        ("items", "- New York\n- Oslo (capital)\n- Bergen", "correct"),
        ("items", '```json\n["Bergen", "oslo", "New York"]\n```', "correct"),
        ("items", ["Bergen", "Oslo", "New York"], "correct"),
        ("items", "Cities: Oslo; Bergen; New York", "correct"),
        ("items", '["Oslo", "Bergen", "New York", "Rome"]', "incorrect"),
        ("items", "1. Oslo\n2. Rome\n3. Bergen\n4. New York", "incorrect"),
        ("items", "Oslo, New York", "incorrect"),
        ("items", "Oslo, York, Bergen", "incorrect"),
        ("items", "Sure: Oslo, Bergen, New York, all in the north", "unverifiable"),
        ("items", "", "incorrect"),
        ("items", "I cannot find any cities.", "refused"),
        ("list", "Oslo, Bergen, New York", "correct"),
        ("list", "1. Oslo\n2. Bergen\n3. New York", "correct"),
        ("list", "Oslo → Bergen → New York", "correct"),
        ("list", "Oslo, then Bergen, then New York", "correct"),
        ("list", "Bergen, Oslo, New York", "incorrect"),
        ("list", "x, " * 40_000, "unverifiable"),
    ],
)
def test_items_and_lists(kind: str, answer: Any, decided: str) -> None:
    assert decision(kind, ["Oslo", "Bergen", "New York"], answer) == decided


def test_items_that_are_numbers() -> None:
    assert decision("list", [1, 2.5, 3000], "1, 2.5 and 3,000") == "correct"
    assert decision("list", [1, 2.5, 3000], [1, 2.5, 3000]) == "correct"
    assert decision("list", [1, 2], "2, 1") == "incorrect"
    assert decision("items", [1, 2], "10, 2") == "incorrect"


@given(st.permutations(["alpha", "beta", "gamma", "delta"]))
def test_order_counts_for_lists_alone(answer: list[str]) -> None:
    expected = ["alpha", "beta", "gamma", "delta"]
    for written in (", ".join(answer), "\n".join(f"* {one}" for one in answer), answer):
        assert decision("items", expected, written) == "correct"
        ordered = "correct" if answer == expected else "incorrect"
        assert decision("list", expected, written) == ordered


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("name", "", "needs a name"),
        ("name", "…", "needs a name"),
        ("name", 3, "needs a name"),
        ("items", [], "needs a list"),
        ("list", "Oslo", "needs a list"),
        ("items", [["a"]], "needs a list"),
        ("items", ["Oslo", "OSLO"], "twice"),
        ("items", ["!"], "neither letter nor digit"),
    ],
)
def test_values_that_are_none(kind: str, value: Any, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        decision(kind, value, "x")


@given(st.text(st.characters(exclude_categories=())))
def test_any_answer_can_be_checked(answer: str) -> None:
    for kind in ("name", "items", "list"):
        value: Any = "Oslo" if kind == "name" else ["Oslo", 3]
        assert decision(kind, value, answer)
