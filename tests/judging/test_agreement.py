from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.errors import ConfigurationError, FormatError
from toolenv.judging.agreement import (
    LABELS,
    Label,
    Pair,
    agree,
    agree_by_split,
    pairs_of_raters,
    read_labels,
)
from toolenv.judging.bootstrap import Estimate
from toolenv.judging.clustered import difference_estimates, rate_estimates
from toolenv.judging.judge_variance import gains_of_votes, variance_parts
from toolenv.seeds import derive

PASSED, FAILED, UNSURE = LABELS


def pairs(both: int, kinder: int, stricter: int, neither: int, split: str = "") -> list[Pair]:
    kinds = [(PASSED, PASSED)] * both + [(PASSED, FAILED)] * kinder
    kinds += [(FAILED, PASSED)] * stricter + [(FAILED, FAILED)] * neither
    return [Pair(f"{split}{n}", judge, person, split) for n, (judge, person) in enumerate(kinds)]


def test_a_judge_is_measured_as_it_is() -> None:
    found = agree(pairs(40, 10, 5, 45))
    assert found.kappa.value == pytest.approx(0.7)
    assert found.kappa.low < 0.7 < found.kappa.high
    assert (found.judge.value, found.people.value) == (0.5, 0.45)
    assert found.leniency.value == pytest.approx(0.05) and found.leniency.low < 0.05
    assert found.accuracy.value == pytest.approx(0.85)
    assert found.false_passes.value == pytest.approx(10 / 55)
    assert found.false_fails.value == pytest.approx(5 / 45)
    assert found.table == ((40, 10, 0), (5, 45, 0), (0, 0, 0))
    assert agree(pairs(40, 10, 5, 45)) == found


def test_unsure_counts_in_kappa_alone() -> None:
    found = agree(
        [*pairs(5, 1, 1, 5), Pair("u", "unsure", "passed"), Pair("v", "failed", "unsure")]
    )
    assert found.unsure == 2 and found.pairs == 14
    assert found.judge.value == pytest.approx(0.5)
    assert found.kappa.value == pytest.approx((10 / 14 - 85 / 196) / (1 - 85 / 196))


def test_what_says_nothing_has_no_kappa() -> None:
    assert isnan(agree(pairs(5, 0, 0, 0)).kappa.value)
    empty = agree([])
    assert isnan(empty.kappa.value) and isnan(empty.leniency.value) and empty.pairs == 0


def test_leniency_by_split() -> None:
    found = agree_by_split([*pairs(10, 0, 0, 10, "I1"), *pairs(10, 10, 0, 10, "I3")])
    assert found["I1"].leniency.value == 0
    assert found["I3"].leniency.value == pytest.approx(1 / 3) and found["I3"].leniency.low > 0.1


def test_labels_of_one_task_are_alike() -> None:
    several = [pair for pair in pairs(20, 5, 5, 20) for _ in range(4)]
    assert agree(several).leniency == pytest.approx(agree(pairs(20, 5, 5, 20)).leniency)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(LABELS), st.sampled_from(LABELS))))
def test_agreement_is_the_same_from_either_side(drawn: list[tuple[int, str, str]]) -> None:
    rows = [Pair(str(task), one, other) for task, one, other in drawn]  # type: ignore[arg-type]
    found, turned = (
        agree(rows, samples=20),
        agree([Pair(row.task, row.person, row.judge) for row in rows], samples=20),
    )
    for name in ("kappa", "accuracy"):
        assert getattr(found, name) == pytest.approx(getattr(turned, name), nan_ok=True)
    if not isnan(found.leniency.value):
        assert found.leniency.value == pytest.approx(-turned.leniency.value)


def test_people_among_each_other() -> None:
    labels = [
        Label(task=task, label=label, rater=rater)
        for task, rater, label in (
            ("1", "anna", PASSED),
            ("1", "ben", PASSED),
            ("1", "cleo", FAILED),
            ("2", "anna", FAILED),
        )
    ]
    found = pairs_of_raters(labels)
    assert len(found) == 3 and agree(found).accuracy.value == pytest.approx(1 / 3)


def test_labels_are_read_from_json_lines_and_csv(tmp_path: Path) -> None:
    lines, sheet = tmp_path / "labels.jsonl", tmp_path / "labels.csv"
    lines.write_text('{"task":17,"label":"passed","rater":"anna"}\n\n', encoding="utf-8")
    sheet.write_text("task,label,rater,seed\n17,passed,anna,\n", encoding="utf-8")
    assert (
        read_labels(lines) == read_labels(sheet) == [Label(task="17", label="passed", rater="anna")]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "labels.jsonl:1: Is not JSON"),
        ('{"task":"1","label":"good"}', "labels.jsonl:1: label"),
        ('{"label":"passed"}', "task: Field required"),
        ("[]", "labels.jsonl:1: row"),
        ('{"task":"1","label":"passed"}\n{"task":"1","label":"failed"}', "task 1 twice"),
    ],
)
def test_bad_labels_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=said):
        read_labels(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no label"):
        read_labels(path)


# --- where the doubt comes from --------------------------------------------------------------


def made_up(generator: np.random.Generator, *parts: float, shape: tuple[int, int, int]) -> object:
    tasks, agents, judges = shape
    task, agent, judge, both = (part**0.5 for part in parts)
    return (
        generator.normal(0, task, (tasks, 1, 1))
        + generator.normal(0, agent, (tasks, agents, 1))
        + generator.normal(0, judge, (tasks, 1, judges))
        + generator.normal(0, both, shape)
    )


def test_variance_is_separated_by_what_it_comes_from() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    scores = made_up(generator, 0.09, 0.04, 0.01, 0.02, shape=(4_000, 3, 4))
    found = variance_parts(scores, samples=100)  # type: ignore[arg-type]
    assert [part.value for part in found[:4]] == pytest.approx([0.09, 0.04, 0.01, 0.02], rel=0.1)
    assert all(part.low < part.value < part.high for part in found[:4])
    again = found.deviation(tasks=100, agents=1, judges=1, same_tasks=True)
    assert again == pytest.approx((0.07 / 100) ** 0.5, rel=0.1)
    assert found.deviation(tasks=100, agents=1, judges=8) < found.deviation(
        tasks=100, agents=1, judges=1
    )


def test_a_judge_that_never_changes_its_mind_adds_nothing() -> None:
    scores = np.zeros((20, 2, 3)) + np.arange(20)[:, None, None] % 2
    found = variance_parts(scores, samples=50)
    assert found.task.value > 0.2 and [part.value for part in found[1:4]] == [0, 0, 0]


@pytest.mark.parametrize("scores", [np.zeros((2, 2)), np.zeros((1, 2, 2)), np.full((2, 2, 2), nan)])
def test_scores_that_cannot_be_separated_are_refused(scores: object) -> None:
    with pytest.raises(ValueError, match="scores"):
        variance_parts(scores)  # type: ignore[arg-type]


def test_more_votes_help_where_the_judge_is_torn() -> None:
    torn = [[[1.0, 0.0, 1.0, 0.0]]] * 10
    sure = [[[1.0, 1.0, 1.0, 1.0]]] * 10
    one, two, four, eight = gains_of_votes(torn, samples=50)
    assert one.deviation.value == pytest.approx((1 / 3 / 10) ** 0.5)
    assert four.deviation.value == pytest.approx(one.deviation.value / 2)
    assert one.changed.value == pytest.approx(2 / 3)  # of the other three votes two are unlike
    assert two.tied.value == pytest.approx(2 / 3) and one.tied.value == 0
    assert [gain.stored for gain in (one, two, four, eight)] == [True, True, False, False]
    assert all(gain.changed.value == gain.deviation.value == 0 for gain in gains_of_votes(sure))
    with pytest.raises(ValueError, match="two votes"):
        gains_of_votes([[[1.0]]])
    assert gains_of_votes([]) == []


# --- intervals hold the truth ----------------------------------------------------------------


def held(study: Callable[[np.random.Generator], tuple[Estimate, float]], times: int) -> float:
    found = 0
    for number in range(times):
        seed = derive("small study", number)
        (_, low, high), truth = study(np.random.Generator(np.random.PCG64(seed)))
        found += low <= truth <= high
    return found / times


@pytest.mark.parametrize(("tasks", "mean"), [(30, 0.8), (100, 0.5), (100, 0.95)])
def test_intervals_of_shares_hold_the_truth(tasks: int, mean: float) -> None:
    def study(generator: np.random.Generator) -> tuple[Estimate, float]:
        rates = generator.beta(2 * mean, 2 * (1 - mean), size=(tasks, 1))
        passed = generator.binomial(3, rates) / 3
        return rate_estimates(passed, np.ones_like(passed))[0], mean

    assert 0.925 <= held(study, 600) <= 0.98


@pytest.mark.parametrize("mean", [0.5, 0.8])
def test_intervals_of_paired_differences_hold_the_truth(mean: float) -> None:
    def study(generator: np.random.Generator) -> tuple[Estimate, float]:
        rates = 0.9 * generator.beta(2 * mean, 2 * (1 - mean), size=(60, 1))
        better = generator.binomial(1, rates + 0.1).astype(np.float64)
        moved = better - generator.binomial(1, rates).astype(np.float64)
        return difference_estimates(moved, np.ones_like(moved))[0], 0.1

    assert 0.925 <= held(study, 600) <= 0.98


def test_intervals_of_kappa_hold_the_truth() -> None:
    def study(generator: np.random.Generator) -> tuple[Estimate, float]:
        kinds = generator.multinomial(100, [0.4, 0.1, 0.05, 0.45])
        both, kinder, stricter, neither = map(int, kinds)
        return agree(pairs(both, kinder, stricter, neither), samples=300).kappa, 0.7

    assert 0.9 <= held(study, 150) <= 0.99
