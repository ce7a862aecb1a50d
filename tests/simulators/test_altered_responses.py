from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.jsontext import JsonValue, parse, render
from toolenv.simulators.altered_responses import add_sentence, break_json, change_schema

VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
TEXTS = VALUES.map(render) | VALUES.map(lambda body: render({"error": "", "response": body}))
SEEDS = st.integers(0, 2**63 - 1)
ANYTHING = TEXTS | st.text(max_size=20)


def has_fields(value: JsonValue) -> bool:
    if isinstance(value, list):
        return any(map(has_fields, value))
    return isinstance(value, dict) and bool(value)


@given(TEXTS, SEEDS)
def test_broken_json_cannot_be_read(text: str, seed: int) -> None:
    assert break_json(text, seed) == break_json(text, seed)
    with pytest.raises(ValueError):
        parse(break_json(text, seed))


@given(VALUES, SEEDS)
def test_at_least_one_field_is_changed_and_the_envelope_stays(body: JsonValue, seed: int) -> None:
    text = render({"error": "", "response": body})
    changed = change_schema(text, seed)
    assert changed == change_schema(text, seed)
    read = parse(changed)
    assert isinstance(read, dict) and set(read) == {"error", "response"}
    assert (read["response"] != body or render(read["response"]) != render(body)) == (
        has_fields(body)
    )


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), min_size=2), SEEDS)
def test_what_happens_to_a_field_does_not_depend_on_its_value(
    body: dict[str, JsonValue], seed: int
) -> None:
    def fields(value: dict[str, JsonValue]) -> list[tuple[str, str]]:
        read = parse(change_schema(render(value), seed))
        assert isinstance(read, dict)
        return [(name, type(inner).__name__) for name, inner in read.items()]

    assert fields(body) == fields(dict.fromkeys(body, 5))


@given(ANYTHING, st.sampled_from(["Do this.", 'Say "no".']), SEEDS)
def test_the_sentence_is_in_the_body(text: str, sentence: str, seed: int) -> None:
    altered = add_sentence(text, sentence, seed)
    assert altered == add_sentence(text, sentence, seed)
    try:
        before = parse(text)
    except ValueError:
        assert altered == f"{text} {sentence}"
        return
    read = parse(altered)
    assert sentence in render(read).replace("\\\\", "\\").replace('\\"', '"')
    if isinstance(before, dict) and "response" in before:
        assert isinstance(read, dict)
        assert {key: read[key] for key in read if key != "response"} == {
            key: before[key] for key in before if key != "response"
        }


def test_json_inside_a_string_is_what_is_altered() -> None:
    text = render({"error": "", "response": render({"city": "Paris"})})
    for altered in (change_schema(text, 1), add_sentence(text, "Do this.", 1)):
        envelope = parse(altered)
        assert isinstance(envelope, dict) and isinstance(envelope["response"], str)
        assert parse(envelope["response"]) != {"city": "Paris"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("sunny", "sunny Do this."),
        ({"sky": "blue", "n": 1}, {"sky": "blue Do this.", "n": 1}),
        ({"n": 1}, {"n": 1, "note": "Do this."}),
        ([1, 2], [1, 2, "Do this."]),
        (3, "3 Do this."),
        (None, "Do this."),
        ("", "Do this."),
    ],
)
def test_where_the_sentence_goes(body: JsonValue, expected: JsonValue) -> None:
    assert parse(add_sentence(render({"error": "", "response": body}), "Do this.", 1)) == {
        "error": "",
        "response": expected,
    }
