from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.judging.bootstrap import (
    Estimate,
    Numbers,
    bootstrap,
    bootstrap_sums,
    mean_estimates,
    median_estimate,
    ratio_estimates,
)
from toolenv.seeds import derive

shares = st.floats(0, 1, allow_nan=False)
clusters = st.lists(st.lists(shares, min_size=1, max_size=6), min_size=1, max_size=12)


def summed(measured: list[list[float]]) -> tuple[list[list[float]], list[list[float]]]:
    return [[sum(one)] for one in measured], [[float(len(one))] for one in measured]


@given(clusters)
def test_the_figure_is_the_mean_over_all_that_was_measured(measured: list[list[float]]) -> None:
    found = ratio_estimates(*summed(measured), 1, samples=50)[0]
    everything = [value for one in measured for value in one]
    assert found.value == pytest.approx(sum(everything) / len(everything))
    means = [sum(one) / len(one) for one in measured]
    assert min(means) - 1e-9 <= found.low <= found.high <= max(means) + 1e-9
    assert ratio_estimates(*summed(measured), 1, samples=50)[0] == found


@given(clusters)
def test_the_median_is_that_of_all_that_was_measured(measured: list[list[float]]) -> None:
    found = median_estimate(measured, 1, samples=50)
    everything = [value for one in measured for value in one]
    assert found.value == pytest.approx(float(np.median(everything)))
    assert min(everything) <= found.low <= found.high <= max(everything)


def test_measurements_of_one_cluster_count_as_one() -> None:
    apart = ratio_estimates([[0.0]] * 50 + [[1.0]] * 50, [[1.0]] * 100, 1)[0]
    alike = ratio_estimates([[0.0]] * 5 + [[10.0]] * 5, [[10.0]] * 10, 1)[0]
    assert apart.value == alike.value == 0.5
    assert alike.high - alike.low > 2 * (apart.high - apart.low)
    assert mean_estimates([[0.0]] * 50 + [[1.0]] * 50, 1)[0] == apart


def test_what_is_not_defined_is_no_figure() -> None:
    assert all(map(math.isnan, ratio_estimates([[0.0]], [[0.0]], 1)[0]))
    assert all(map(math.isnan, median_estimate([[], []], 1)))
    assert ratio_estimates([], [], 1) == []
    # drawn without the one cluster that tells: such a draw is left out
    assert ratio_estimates([[0.0], [2.0]], [[0.0], [2.0]], 1)[0] == Estimate(1.0, 1.0, 1.0)


@given(st.lists(st.tuples(*[st.integers(0, 9) | st.just(math.nan)] * 3), min_size=1, max_size=9))
def test_figures_of_sums_are_those_of_the_same_draws_one_by_one(
    measured: list[tuple[float, float, float]],
) -> None:
    rows = np.array(measured, dtype=float)

    def figures(sums: Numbers) -> Numbers:
        return np.column_stack([sums[:, 0] - sums[:, 1], sums[:, 1] * sums[:, 2]])

    one_by_one = bootstrap(
        lambda drawn: figures(rows[drawn].sum(axis=0)[None])[0], len(rows), 3, samples=60
    )
    together = bootstrap_sums(figures, rows, 3, samples=60)
    assert np.array_equal(np.array(one_by_one), np.array(together), equal_nan=True)


def test_many_clusters_are_drawn_in_parts_to_the_same_figures() -> None:
    rows = np.arange(300_000.0)[:, None]
    one_by_one = bootstrap(lambda drawn: rows[drawn].sum(axis=0), len(rows), 3, samples=8)
    assert bootstrap_sums(lambda sums: sums, rows, 3, samples=8) == one_by_one


def held(
    study: Callable[[np.random.Generator], tuple[list[list[float]], float]],
    estimate: Callable[[list[list[float]], int], Estimate],
    times: int,
) -> float:
    """How often the interval holds the truth in so many made-up samples."""
    hits = 0
    for number in range(times):
        generator = np.random.Generator(np.random.PCG64(derive("coverage study", number)))
        measured, truth = study(generator)
        _, low, high = estimate(measured, derive("draws", number))
        hits += low <= truth <= high
    return hits / times


def unequal(
    count: int, centre: float
) -> Callable[[np.random.Generator], tuple[list[list[float]], float]]:
    """Clusters with rates of their own, of unequal sizes: what one call costs another predicts."""

    def study(generator: np.random.Generator) -> tuple[list[list[float]], float]:
        rates = generator.beta(2 * centre, 2 * (1 - centre), size=count)
        sizes = generator.integers(1, 11, size=count)
        return [
            [float(one) for one in generator.random(size) < rate]
            for rate, size in zip(rates, sizes, strict=True)
        ], centre

    return study


# 0.95, and what a study of this size strays from it; skewed rates of ten clusters more.
@pytest.mark.parametrize(("count", "least"), [(10, 0.88), (30, 0.91), (100, 0.92)])
@pytest.mark.parametrize("centre", [0.5, 0.8])
def test_widened_intervals_hold_the_truth_about_as_often_as_they_say(
    count: int, least: float, centre: float
) -> None:
    def estimate(measured: list[list[float]], seed: int) -> Estimate:
        return ratio_estimates(*summed(measured), seed, samples=300, widened=True)[0]

    assert least <= held(unequal(count, centre), estimate, 300) <= 0.99


def test_few_clusters_widen_and_many_do_not() -> None:
    rows = [[float(number)] for number in range(5)]
    plain, wide = (
        mean_estimates(rows, 1)[0],
        ratio_estimates(rows, [[1.0]] * 5, 1, widened=True)[0],
    )
    assert wide.value == plain.value and wide.low < plain.low and plain.high < wide.high
    alone = ratio_estimates([[1.0]], [[2.0]], 1, widened=True)[0]
    assert alone.value == 0.5 and math.isnan(alone.low) and math.isnan(alone.high)
    many = [[float(number % 7)] for number in range(2_000)]
    close = ratio_estimates(many, [[1.0]] * 2_000, 1, widened=True)[0]
    assert close == pytest.approx(mean_estimates(many, 1)[0], abs=0.005)


def test_intervals_of_medians_hold_the_truth_too() -> None:
    def study(generator: np.random.Generator) -> tuple[list[list[float]], float]:
        return [
            list(generator.normal(generator.normal(), 1.0, size=size))
            for size in generator.integers(1, 11, size=40)
        ], 0.0

    found = held(
        study,
        lambda measured, seed: median_estimate(measured, seed, samples=300, widened=True),
        300,
    )
    assert 0.9 <= found <= 0.99


def test_intervals_take_clusters_as_they_are_given() -> None:
    found = bootstrap(lambda drawn: np.array([float(len(drawn))]), 7, 0, samples=20)
    assert found == [Estimate(7.0, 7.0, 7.0)]
