from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.worlds import READ, ask, opened, text, world
from tests.simulators.wrapped import ANSWER, Scripted, WorldSuite
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError
from toolenv.simulators import Simulator, record, truncate
from toolenv.snapshots import Store

LONG = ANSWER._replace(text='{"error":"","response":"' + "x" * 5000 + '"}', status=Status.API_ERROR)


class TestTruncate(WorldSuite):
    def make_simulator(self) -> Simulator:
        return truncate(world())


class TestTruncateShort(WorldSuite):
    def make_simulator(self) -> Simulator:
        return truncate(world(), 3)


def test_a_longer_text_is_cut_and_says_so() -> None:
    response = ask(opened(truncate(Scripted(LONG), 30)), READ)
    assert response is not None
    assert response.text == f"{LONG.text[:30]}… [cut: 30 of 5026 characters]"
    assert response.completeness == "truncated"
    assert response._replace(text=LONG.text, completeness="whole") == LONG, "nothing else changes"


def test_by_default_as_much_is_kept_as_toolbench_kept() -> None:
    assert text(ask(opened(truncate(Scripted(LONG))), READ)).startswith(f"{LONG.text[:2048]}… ")


def test_what_is_short_enough_is_served_as_it_is() -> None:
    assert ask(opened(truncate(Scripted(ANSWER), len(ANSWER.text))), READ) is ANSWER
    assert ask(opened(truncate(Scripted(None))), READ) is None


def test_what_was_cut_before_is_cut_again_only_where_it_is_still_longer() -> None:
    cut = ANSWER._replace(text="x" * 1000 + "…", completeness="truncated")
    assert ask(opened(truncate(Scripted(cut), 1000)), READ) is cut
    assert text(ask(opened(truncate(Scripted(cut), 10)), READ)).startswith("x" * 10 + "… [cut")


@given(st.text(max_size=300), st.integers(1, 200))
def test_cutting_twice_is_cutting_once(written: str, characters: int) -> None:
    once = truncate(Scripted(ANSWER._replace(text=written)), characters)
    assert ask(opened(truncate(once, characters)), READ) == ask(opened(once), READ)


def test_no_character_is_split() -> None:
    family = "👩‍👩‍👧"
    response = ask(opened(truncate(Scripted(ANSWER._replace(text="ab" + family)), 4)), READ)
    assert text(response).startswith("ab… [cut: 2 of ")


def test_a_recording_of_it_says_that_it_was_cut(tmp_path: Path) -> None:
    with closing(record(truncate(Scripted(LONG), 30), Store(tmp_path))) as simulator:
        served = ask(opened(simulator), READ)
    with Store(tmp_path) as store:
        (kept,) = store.records()
    assert kept.response.completeness == "truncated"
    assert kept.response.text == text(served)


def test_where_it_is_cut_is_in_the_fingerprint() -> None:
    digests = {truncate(world(), n).fingerprint for n in (10, 20)} | {world().fingerprint}
    assert len(digests) == 3


def test_nothing_would_be_kept() -> None:
    with pytest.raises(ConfigurationError, match="characters"):
        truncate(world(), 0)
