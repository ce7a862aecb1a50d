from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.judging.crossed import crossed_estimate


@pytest.mark.parametrize(
    ("of_trainings", "of_tasks", "of_rest"),
    [(0.0, 0.3, 0.3), (0.03, 0.3, 0.3), (0.1, 0.1, 0.4), (0.0, 0.0, 0.4)],
)
def test_it_holds_the_truth_as_often_as_it_says(
    of_trainings: float, of_tasks: float, of_rest: float
) -> None:
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(1_000):
        trainings = generator.normal(0, of_trainings, size=(5, 1))
        tasks = generator.normal(0, of_tasks, size=(1, 200))
        scores = 0.1 + trainings + tasks + generator.normal(0, of_rest, size=(5, 200))
        found = crossed_estimate(scores)
        held += found.low <= 0.1 <= found.high
    assert 935 <= held <= 1_000


def test_trainings_that_differ_are_not_hidden_by_many_tasks() -> None:
    scores = np.repeat([[0.1], [0.2], [0.3], [0.4], [0.5]], 1_000, axis=1)
    found = crossed_estimate(scores)
    # as Student's t says of five numbers
    assert found.value == pytest.approx(0.3)
    assert found.high - found.value == pytest.approx(
        2.776 * np.std(scores[:, 0], ddof=1) / 5**0.5, rel=1e-3
    )


def test_with_one_training_no_interval_is_claimed() -> None:
    found = crossed_estimate(np.array([[1.0, 0.0, 1.0]]))
    assert found.value == pytest.approx(2 / 3)
    assert isnan(found.low) and isnan(found.high)


def test_scores_that_are_all_alike_have_no_width() -> None:
    assert crossed_estimate(np.ones((5, 7))) == (1.0, 1.0, 1.0)


@given(
    st.integers(2, 6).flatmap(
        lambda tasks: st.lists(
            st.lists(st.floats(-1, 1), min_size=tasks, max_size=tasks), min_size=2, max_size=6
        )
    )
)
def test_the_order_of_trainings_and_tasks_says_nothing(rows: list[list[float]]) -> None:
    scores = np.array(rows)
    found, turned = crossed_estimate(scores), crossed_estimate(scores[::-1, ::-1])
    assert found.low <= found.value + 1e-9 and found.value <= found.high + 1e-9
    assert turned == pytest.approx(found, abs=1e-6)
