"""Rows that are desirable or not are weighed by how many there are, and spread over batches."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from toolenv.training.unpaired import Labels, spread

ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), min_size=2, max_size=60)


@given(
    labels=st.builds(Labels, st.integers(1, 10**6), st.integers(1, 10**6)),
    given_weight=st.floats(0.01, 100),
)
def test_weighted_numbers_of_both_labels_are_equal(labels: Labels, given_weight: float) -> None:
    for chosen in ((None, None), (given_weight, None), (None, given_weight)):
        desirable, undesirable = labels.weights(*chosen)
        ratio = desirable * labels.desirable / (undesirable * labels.undesirable)
        assert abs(ratio - 1) < 1e-9
        assert chosen == (None, None) or given_weight in (desirable, undesirable)
    assert min(labels.weights(None, None)) == 1
    assert labels.weights(3.0, 5.0) == (3.0, 5.0)


@given(rows=ROWS, batch_size=st.integers(2, 9), seed=st.integers(0, 9))
def test_every_row_has_its_place_but_one_that_would_be_alone(
    rows: list[tuple[str, bool]], batch_size: int, seed: int
) -> None:
    prompts, labels = [prompt for prompt, _ in rows], [label for _, label in rows]
    order = spread(prompts, labels, batch_size, seed)

    assert len({*order}) == len(order)
    assert len(rows) - len(order) == (len(rows) % batch_size == 1)
    assert {labels[number] for number in order} == {*labels}


@given(rows=ROWS, batch_size=st.integers(2, 9), seed=st.integers(0, 9))
def test_one_prompt_comes_as_seldom_in_a_batch_as_can_be(
    rows: list[tuple[str, bool]], batch_size: int, seed: int
) -> None:
    prompts = [prompt for prompt, _ in rows]
    order = spread(prompts, [label for _, label in rows], batch_size, seed)

    full = len(order) // batch_size
    for begin in range(0, len(order), batch_size):
        inside = Counter(prompts[number] for number in order[begin : begin + batch_size])
        for prompt, count in inside.items():
            assert full == 0 or count <= -(-prompts.count(prompt) // full)


def test_the_order_is_of_the_seed() -> None:
    prompts, labels = [f"{number // 2}" for number in range(40)], [True, False] * 20

    assert spread(prompts, labels, 4, 0) == spread(prompts, labels, 4, 0)
    assert spread(prompts, labels, 4, 0) != spread(prompts, labels, 4, 1)
