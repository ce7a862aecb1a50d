"""Words, names and sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.retrieval.words import MOST_SENTENCES, readable, sentences, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserInfo", ["get", "user", "info"]),
        ("list_all-cities/by.id", ["list", "all", "city", "by", "id"]),
        ("Straße Größe", ["strasse", "grösse"]),
        ("天気予報", ["天気", "気予", "予報"]),
        ("YouTubeの動画", ["you", "tube", "の動", "動画"]),
        ("हिन्दी समाचार", ["हिन्दी", "समाचार"]),
        ("bus gas class flights", ["bus", "gas", "class", "flight"]),
        ("ﬁnal １２", ["final", "12"]),
        ("", []),
        ("!?… 🎵", []),
    ],
)
def test_words_are_folded_and_split_as_names_and_scripts_join_them(
    text: str, expected: list[str]
) -> None:
    assert words(text) == expected


@given(st.text())
def test_any_text_has_words_without_spaces(text: str) -> None:
    assert all(word and not word.isspace() for word in words(text))


def test_a_path_is_read_as_words() -> None:
    assert readable("/v2/searchFlights/{from}") == "v2 search Flights from"


def test_a_request_is_cut_into_its_sentences() -> None:
    assert sentences("Find a flight. And a hotel!\nThanks") == [
        "Find a flight.",
        "And a hotel!",
        "Thanks",
    ]
    assert sentences("日本語です。次の文。") == ["日本語です。", "次の文。"]
    assert sentences("Version 1.5 of it") == ["Version 1.5 of it"]
    assert sentences(" \n ") == []


def test_of_a_very_long_request_the_first_sentences_count() -> None:
    assert len(sentences("One thing. " * 10_000)) == MOST_SENTENCES
