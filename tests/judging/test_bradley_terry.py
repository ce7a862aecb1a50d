"""Strengths of many players, and rates at equal lengths."""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest

from toolenv.judging.bradley_terry import Comparison, bradley_terry, is_connected
from toolenv.judging.length_control import length_controlled


def played(truth: dict[str, float], tasks: int, seed: int) -> list[Comparison]:
    draw = np.random.default_rng(seed)
    return [
        Comparison(str(task), one, other, float(draw.random() < chance))
        for task in range(tasks)
        for one, other in combinations(truth, 2)
        for chance in [1 / (1 + np.exp(truth[other] - truth[one]))]
    ]


def test_two_players_have_the_log_odds_of_their_wins() -> None:
    games = [Comparison(str(n), "a", "b", float(n < 30)) for n in range(40)]
    first, second = bradley_terry(games, 0, samples=50)
    assert first.player == "a"
    assert first.strength.value - second.strength.value == pytest.approx(log(3), abs=1e-3)
    assert first.comparisons == 40


def test_known_strengths_are_found_within_their_intervals() -> None:
    truth = {"a": 1.0, "b": 0.3, "c": -0.2, "d": -1.1}
    found = bradley_terry(played(truth, 400, 1), 0, samples=300)
    assert [one.player for one in found] == ["a", "b", "c", "d"]
    for one in found:
        assert one.strength.low < truth[one.player] < one.strength.high
        assert one.strength.value == pytest.approx(truth[one.player], abs=0.25)
        assert one.beats_mean.value == pytest.approx(1 / (1 + np.exp(-one.strength.value)))


def test_the_fit_agrees_with_minorisation_and_maximisation() -> None:
    games = played({"a": 0.8, "b": 0.0, "c": -0.8}, 60, 2)
    names = ["a", "b", "c"]
    wins = np.zeros((3, 3))
    for game in games:
        wins[names.index(game.one), names.index(game.other)] += game.score
        wins[names.index(game.other), names.index(game.one)] += 1 - game.score
    worth = np.ones(3)
    for _ in range(2_000):
        rival = (wins + wins.T) / (worth[:, None] + worth[None, :])
        np.fill_diagonal(rival, 0)
        worth = wins.sum(axis=1) / rival.sum(axis=1)
        worth /= np.exp(np.log(worth).mean())
    found = {one.player: one.strength.value for one in bradley_terry(games, 0, samples=20)}
    assert [found[name] for name in names] == pytest.approx(np.log(worth), abs=1e-3)


def test_who_never_loses_is_finite_and_ties_are_even() -> None:
    (best, worst) = bradley_terry([Comparison("1", "a", "b", 1.0)] * 5, 0, samples=20)
    assert np.isfinite([best.strength.value, worst.strength.value]).all()
    even = bradley_terry([Comparison("1", "a", "b", 0.5)], 0, samples=20)
    assert [one.strength.value for one in even] == pytest.approx([0.0, 0.0])
    assert bradley_terry([], 0) == []


def test_equal_seeds_give_equal_intervals() -> None:
    games = played({"a": 0.5, "b": 0.0}, 30, 3)
    assert bradley_terry(games, 5, samples=50) == bradley_terry(games, 5, samples=50)
    assert bradley_terry(games, 5, samples=50) != bradley_terry(games, 6, samples=50)


def test_players_that_never_met_are_said_to_be_apart() -> None:
    near = [Comparison("1", "a", "b", 1.0), Comparison("1", "c", "d", 1.0)]
    assert not is_connected(near)
    assert is_connected([*near, Comparison("1", "d", "a", 0.0)])


def test_what_is_no_comparison_is_refused() -> None:
    for game in (Comparison("1", "a", "a", 1.0), Comparison("1", "a", "b", 1.5)):
        with pytest.raises(ValueError, match="not a comparison"):
            bradley_terry([game], 0)


def test_at_equal_lengths_the_known_rate_is_found() -> None:
    draw = np.random.default_rng(4)
    lengths = draw.normal(200, 300, 3_000)
    squeezed = np.tanh(lengths / np.sqrt(np.mean(lengths**2)))
    scores = draw.random(3_000) < 1 / (1 + np.exp(-(0.4 + 1.5 * squeezed)))
    tasks = [str(n) for n in range(3_000)]
    found = length_controlled(tasks, list(scores.astype(float)), list(lengths), 0, samples=100)
    assert found.rate.low < 1 / (1 + np.exp(-0.4)) < found.rate.high
    assert found.slope.low < 1.5 < found.slope.high
    assert found.rate.value < scores.mean()
