from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.episodes import Completeness, Response
from toolenv.server.replies import reply_of

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), st.sampled_from(["whole", "truncated", "unparsable"]))
def test_any_text_becomes_an_envelope(text: str, completeness: Completeness) -> None:
    reply = json.loads(reply_of(Response(text, completeness=completeness)))
    assert set(reply) >= {"error", "response"}
    if completeness != "whole":
        assert reply["response"] == text


@given(st.text(), JSON, st.sampled_from([None, 2]))
def test_an_envelope_is_sent_byte_for_byte(error: str, body: object, indent: int | None) -> None:
    text = json.dumps({"error": error, "response": body}, indent=indent)
    assert reply_of(Response(text)) == text.encode()


@given(JSON)
def test_another_value_is_the_response_and_its_text_is_kept(body: object) -> None:
    text = json.dumps(body)
    reply = json.loads(reply_of(Response(text)))
    if not (isinstance(body, dict) and {"error", "response"} & set(body)):
        assert reply == {"error": "", "response": body}


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ('{"error": "gone"}', {"error": "gone", "response": ""}),
        ('{"response": [1]}', {"error": "", "response": [1]}),
        ('{"error": {"code": 1}}', {"error": "", "response": {"error": {"code": 1}}}),
        ('{"error": "e", "more": 1}', {"error": "", "response": {"error": "e", "more": 1}}),
        ('{"error": "", "response": NaN}', {"error": "", "response": None}),
        ("[NaN]", {"error": "", "response": [None]}),
        ("", {"error": "", "response": ""}),
    ],
)
def test_unusual_texts(text: str, reply: object) -> None:
    assert json.loads(reply_of(Response(text))) == reply


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"error": "Too many", "response": "ab', "Too many"),
        ('{"error": "Too ma', ""),
        ('{"response": "", "error": "x"', ""),
        ("plain text that was cu", ""),
    ],
)
def test_the_error_of_a_cut_text(text: str, error: str) -> None:
    reply = json.loads(reply_of(Response(text, completeness="truncated")))
    assert reply == {"error": error, "response": text}
