from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.judging.rank_correlation import compare_rates, kendall, spearman
from toolenv.seeds import derive

# Few different values, so that there are ties.
pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=10)


@given(pairs)
def test_tau_b_is_as_defined(drawn: list[tuple[int, int]]) -> None:
    ones, others = [a for a, _ in drawn], [b for _, b in drawn]
    signs = [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in combinations(drawn, 2)]
    apart = sum(a != 0 for a, _ in signs), sum(b != 0 for _, b in signs)
    found = kendall(ones, others)
    if not all(apart):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sum(a * b for a, b in signs) / math.sqrt(math.prod(apart)))


@given(pairs)
def test_both_are_symmetric_and_turn_with_an_order_that_turns(
    drawn: list[tuple[int, int]],
) -> None:
    ones, others = [a for a, _ in drawn], [b for _, b in drawn]
    for measure in (kendall, spearman):
        found = measure(ones, others)
        assert found == pytest.approx(measure(others, ones), nan_ok=True)
        assert -found == pytest.approx(measure(ones, [-b for b in others]), nan_ok=True)
        assert measure([a**3 for a in ones], others) == pytest.approx(found, nan_ok=True)
        assert math.isnan(found) or -1 <= found <= 1


def test_without_ties_the_short_formulas_hold() -> None:
    order = [4, 7, 2, 10, 3, 6, 8, 1, 5, 9]
    other = [5, 7, 3, 10, 1, 9, 6, 2, 8, 4]
    assert kendall(order, order) == spearman(order, order) == 1
    agreements = sum(
        (order[i] - order[j]) * (other[i] - other[j]) > 0 for i, j in combinations(range(10), 2)
    )
    assert kendall(order, other) == pytest.approx((2 * agreements - 45) / 45)
    squared = sum((a - b) ** 2 for a, b in zip(order, other, strict=True))
    assert spearman(order, other) == pytest.approx(1 - 6 * squared / (10 * 99))


def test_what_has_no_order_correlates_with_nothing() -> None:
    for measure in (kendall, spearman):
        assert math.isnan(measure([], []))
        assert math.isnan(measure([1], [1]))
        assert math.isnan(measure([1, 1], [1, 2]))
        with pytest.raises(ValueError, match="2 values cannot be paired with 1"):
            measure([1, 2], [1])


def measured(true: np.ndarray, tasks: int, number: int) -> np.ndarray:
    """Whether policies pass tasks, by chance: by task, environment and policy."""
    generator = np.random.Generator(np.random.PCG64(derive("rank study", number)))
    hardness = generator.normal(0, 0.15, size=(tasks, 1, 1))  # a task is as hard for all
    return (generator.random((tasks, *true.shape)) < true + hardness).astype(float)


LINE = np.linspace(0.2, 0.8, 10)
SWAPPED = LINE[[0, 1, 3, 2, 4, 5, 8, 7, 6, 9]]


# Of equal orders tau is 1, which no sample can exceed: the interval holds it somewhat less often.
@pytest.mark.parametrize(
    ("other", "tasks", "least"), [(SWAPPED, 60, 0.88), (SWAPPED, 150, 0.88), (LINE - 0.1, 60, 0.8)]
)
def test_intervals_hold_the_truth_where_chance_decides(
    other: np.ndarray, tasks: int, least: float
) -> None:
    true = np.stack([LINE, other])
    truths = [float((other - LINE).mean()), kendall(*map(list, true)), spearman(*map(list, true))]
    times, hits = 80, np.zeros(3)
    for number in range(times):
        found = compare_rates(measured(true, tasks, number), derive("draws", number), samples=100)
        for place, truth in enumerate(truths):
            hits[place] += found[place].low <= truth <= found[place].high  # type: ignore[union-attr]
    assert (hits / times >= least).all(), hits


def test_rates_that_are_not_known_are_left_out() -> None:
    rates = np.array([[[0.0, 1.0], [0.0, 1.0]], [[np.nan, 1.0], [np.nan, 0.0]]])
    found = compare_rates(rates, 0, samples=50)
    assert [one.value for one in found.moves] == [0.0, -0.5]
    assert (found.difference.value, found.kendall.value) == (-0.25, 1.0)
    assert math.isnan(compare_rates(np.full((2, 2, 2), np.nan), 0, samples=5).difference.value)
