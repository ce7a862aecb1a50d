from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from toolenv.training.bucketing import bucketed

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 16), st.integers(1, 8), st.integers(0, 3))
def test_every_row_comes_once_and_a_seed_gives_one_order(
    lengths: list[int], batch_size: int, batches: int, seed: int
) -> None:
    order = bucketed(lengths, batch_size, batches, seed)
    assert sorted(order) == list(range(len(lengths)))
    assert order == bucketed(lengths, batch_size, batches, seed)


@given(LENGTHS, st.integers(2, 8), st.integers(2, 8))
def test_batches_of_a_bucket_do_not_overlap_in_length(
    lengths: list[int], batch_size: int, batches: int
) -> None:
    order = bucketed(lengths, batch_size, batches, seed=0)
    full = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    full = [batch for batch in full if len(batch) == batch_size]
    for begin in range(0, len(full), batches):
        spans = sorted(
            (min(lengths[row] for row in batch), max(lengths[row] for row in batch))
            for batch in full[begin : begin + batches]
        )
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_long_and_short_batches_do_not_come_in_order() -> None:
    order = bucketed(list(range(800)), batch_size=8, batches=10, seed=1)
    sizes = [sum(order[at : at + 8]) for at in range(0, 80, 8)]
    assert sizes != sorted(sizes) and sizes != sorted(sizes, reverse=True)
