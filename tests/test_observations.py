"""Observations: what the environment itself says, and texts that are cut between characters."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.apis import Identity
from toolenv.episodes import Call, Response, Source, Status
from toolenv.observations import (
    ANSWERED,
    GAVE_UP,
    answer_without_api,
    cut,
    miss,
    refuse,
    toolbench_observation,
)

CHARACTERS = [
    "a",
    "é",
    "e\u0301",
    "a\u0308\u0323\u0302",
    "搜",
    "👩\u200d💻",
    "👨\u200d👩\u200d👧\u200d👦",
    "👍\U0001f3fd",
    "🧑\U0001f3fb\u200d🚀",
    "❤\ufe0f",
    "☎\ufe0e",
    "🏳\ufe0f\u200d🌈",
    "1\ufe0f\u20e3",
    "🇩🇪",
    "🇯🇵",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\u0e01\u0e31\u0e49",
    "ष\u094d\u093f",
    "\u1112\u1161\u11ab",
    "葛\U000e0100",
    "\r\n",
    "\ud800",
]
"""Characters as people count them, of one code point or more."""


def kept(response: Response) -> str:
    text, mark, _ = response.text.rpartition("… [cut: ")
    assert mark
    return text


# --- cutting --------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(CHARACTERS), min_size=2), st.integers(1, 60))
def test_a_character_is_never_split(characters: list[str], limit: int) -> None:
    text = "".join(characters)
    response = cut(Response(text), limit)
    if len(text) <= limit:
        assert response == Response(text)
        return
    borders = {sum(map(len, characters[:count])) for count in range(len(characters) + 1)}
    shown = kept(response)
    assert text.startswith(shown)
    assert len(shown) == max((border for border in borders if 0 < border <= limit), default=limit)
    assert response.text == f"{shown}… [cut: {len(shown)} of {len(text)} characters]"
    assert response.completeness == "truncated"


@given(st.text(st.characters(exclude_categories=()), min_size=2), st.integers(1, 20))
def test_any_text_is_cut_to_a_beginning_of_it(text: str, limit: int) -> None:
    response = cut(Response(text, Status.API_ERROR, "local", "live", "whole", "r", 3), limit)
    if len(text) > limit:
        shown = kept(response)
        assert text.startswith(shown)
        assert 0 < len(shown) <= limit
        assert not unicodedata.combining(text[len(shown)]) or len(shown) == limit
    assert response._replace(text="", completeness="whole") == Response(
        "", Status.API_ERROR, "local", "live", "whole", "r", 3
    )


def test_a_character_longer_than_the_limit_is_cut_all_the_same() -> None:
    assert kept(cut(Response("a" + "\u0301" * 100), 10)) == "a" + "\u0301" * 9
    assert kept(cut(Response("\u200d" * 100), 10)) == "\u200d" * 10


def test_flags_are_counted_from_the_first() -> None:
    flags = "🇩🇪🇯🇵🇫🇷"
    assert [kept(cut(Response(flags), limit)) for limit in (2, 3, 4, 5)] == [
        flags[:2],
        flags[:2],
        flags[:4],
        flags[:4],
    ]


def test_a_text_that_was_cut_when_recorded_is_unchanged() -> None:
    recorded = Response("x" * 1024 + "...", completeness="truncated")
    assert cut(recorded, 10) is recorded
    assert toolbench_observation(recorded) == recorded


def test_a_text_within_the_limit_is_unchanged() -> None:
    response = Response("x" * 10)
    assert cut(response, 10) is response


# --- what the environment says --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ("No such function name: X", '{"error": "No such function name: X", "response": ""}'),
        ('é"', '{"error": "é\\"", "response": ""}'),
        ("é\ud800", '{"error": "\\u00e9\\ud800", "response": ""}'),
    ],
)
def test_refusals_are_written_as_toolbench_writes_them(error: str, text: str) -> None:
    response = refuse(error, Status.NO_SUCH_FUNCTION)
    assert (response.text, response.error, response.body) == (text, error, "")
    assert response.failed
    response.text.encode()


@given(st.text(st.characters(exclude_categories=())))
def test_any_refusal_is_json_that_can_be_encoded(error: str) -> None:
    response = refuse(error, Status.BAD_INPUT)
    assert json.loads(response.text.encode())["response"] == ""


def test_the_texts_of_finish_are_toolbenchs() -> None:
    assert ANSWERED.text == '{"response":"successfully giving the final answer."}'
    assert GAVE_UP.text == '{"response":"chose to give up and restart"}'
    assert not ANSWERED.failed
    assert GAVE_UP.failed


@pytest.mark.parametrize(
    ("function", "arguments", "invalid", "status"),
    [
        ("f", {}, "", Status.NO_SUCH_FUNCTION),
        ("Finish", {"return_type": "give_answer", "final_answer": ""}, "", Status.ANSWERED),
        ("Finish", {"return_type": "give_up_and_restart"}, "", Status.GAVE_UP),
        ("Finish", {}, "return_type must be …", Status.BAD_INPUT),
        ("Finish", None, "", Status.BAD_INPUT),
    ],
)
def test_what_reaches_no_api(
    function: str, arguments: dict[str, object] | None, invalid: str, status: Status
) -> None:
    call = Call(function, arguments, None, "", invalid)  # type: ignore[arg-type]
    assert answer_without_api(call).status is status


@pytest.mark.parametrize(
    ("invalid", "status"), [("", Status.MISS), ("q is required", Status.BAD_INPUT)]
)
def test_what_nothing_answers(invalid: str, status: Status) -> None:
    response = miss(Call("f", {}, Identity("f"), "{}", invalid))
    assert response.status is status
    assert (invalid or "f was never called with these arguments") in response.error


# --- ToolBench's rendering ------------------------------------------------------------------------


def test_answers_are_escaped_and_spaced() -> None:
    response = Response.of({"a": "é"}, source="local")
    assert toolbench_observation(response).text == '{"error": "", "response": {"a": "\\u00e9"}}'


@pytest.mark.parametrize("source", ["snapshot", "store", "environment"])
def test_recordings_are_served_as_they_are(source: Source) -> None:
    response = Response('{"error":"","response":"é"}', source=source)
    assert toolbench_observation(response) == response


@pytest.mark.parametrize("source", ["snapshot", "local", "live"])
def test_beyond_1024_characters_the_cut_is_hard(source: Source) -> None:
    whole = Response.of("x" * (1024 - 29), source="local")
    assert toolbench_observation(whole).completeness == "whole"
    assert len(toolbench_observation(whole).text) == 1024
    response = toolbench_observation(Response.of("x" * 5000, source=source))
    assert len(response.text) == 1024 + 3
    assert response.text.endswith("xxx...")
    assert response.completeness == "truncated"
