"""Measures of rankings, against their definitions."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.retrieval.measures import measures, ndcg, recall, sufficiency

RANKINGS = st.permutations(range(12))
RELEVANT = st.sets(st.integers(0, 11), min_size=1)


def test_ndcg_by_hand() -> None:
    assert ndcg([4, 7, 1], {7, 1}, 3) == pytest.approx(
        (1 / log2(3) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))
    )


def test_a_request_that_needs_more_than_k_can_still_be_perfect() -> None:
    assert ndcg([0, 1, 2], {0, 1, 2, 3, 4}, 3) == 1.0


@given(RANKINGS, RELEVANT, st.integers(1, 12))
def test_measures_are_shares_and_agree(ranked: list[int], relevant: set[int], k: int) -> None:
    assert 0 <= ndcg(ranked, relevant, k) <= 1 + 1e-12
    assert (recall(ranked, relevant, k) == 1) == (sufficiency(ranked, relevant, k) == 1)


@given(RANKINGS, RELEVANT, st.integers(1, 11))
def test_what_is_needed_first_is_perfect(ranked: list[int], relevant: set[int], k: int) -> None:
    best = sorted(ranked, key=lambda place: place not in relevant)
    assert ndcg(best, relevant, k) == pytest.approx(1.0)
    assert recall(best, relevant, 12) == 1.0


def test_what_needs_nothing_or_finds_nothing_counts_nothing() -> None:
    assert set(measures([1, 2], ()).values()) == {0.0}
    assert set(measures([], {1}).values()) == {0.0}
