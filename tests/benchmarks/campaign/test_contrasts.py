"""What is read of runs, and what contrasts say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.campaign.contrasts import PRIMARY, SECONDARY, Contrast, Measured, read_measured
from benchmarks.campaign.recipe import METHODS, Recipe, evaluations
from benchmarks.campaign.tables import contrast_table, pass_table, split_table
from tests.benchmarks.campaign.made import measured_run
from toolenv.judging.crossed import crossed_estimate
from toolenv.tasks import Task

SEEDS = [0, 1, 2]
TASKS = [
    Task(id=f"{split}-{number}", instruction="?", split=split)
    for split in ("I1-inst", "I2-cat")
    for number in range(10)
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("campaign")
    measured_run(place, TASKS, SEEDS, "sft", "react", lambda seed, task: task % 2 == 0, calls=3)
    measured_run(
        place, TASKS, SEEDS, "sft", "dfsdt", lambda seed, task: task % 2 == 0 or task < 10, calls=5
    )
    measured_run(
        place, TASKS, SEEDS, "dpo", "react", lambda seed, task: (task + seed) % 5 > 0, calls=3
    )
    measured_run(place, TASKS, [0, 1], "grpo", "react", lambda seed, task: True, calls=3)
    return place


@pytest.fixture(scope="module")
def measured(out: Path) -> Measured:
    return read_measured(out, SEEDS, "test")


def test_what_all_seeds_have_is_read(measured: Measured) -> None:
    assert measured.methods == [("dpo", "react"), ("sft", "dfsdt"), ("sft", "react")]
    assert measured.tasks == [task.id for task in TASKS]
    scores = measured.scores(("dpo", "react"), "passed")
    expected = [[float((task + seed) % 5 > 0) for task in range(20)] for seed in SEEDS]
    assert np.array_equal(scores, expected)
    assert measured.scores(("sft", "dfsdt"), "policy_calls").mean() == 5.5
    assert measured.scores(("sft", "dfsdt"), "passed", "I1-inst").mean() == 1.0


def test_a_difference_is_paired_by_task_and_training(measured: Measured) -> None:
    contrast = Contrast("search helps", ("sft", "dfsdt"), ("sft", "react"))
    found = measured.difference(contrast)
    cells = [[float(task < 10 and task % 2 == 1) for task in range(20)]] * len(SEEDS)
    assert found == crossed_estimate(np.array(cells))
    assert found is not None and found.value == 0.25
    of_split = measured.difference(contrast, "I2-cat")
    assert of_split is not None and of_split.value == 0
    assert measured.difference(Contrast("?", ("grpo", "react"), ("sft", "react"))) is None


def test_tables_say_what_was_measured_and_leave_out_what_was_not(measured: Measured) -> None:
    rates = pass_table(measured).splitlines()
    assert rates[0] == "| passed, % | I1-inst | I2-cat | all | steps | policy calls |"
    assert [line.split(" | ")[0] for line in rates[2:]] == [
        *("| dpo, react", "| sft, dfsdt", "| sft, react")
    ]
    assert rates[2].split(" | ")[3].startswith("80.0 (")
    contrasts = contrast_table(measured)
    assert "| search beats one attempt | sft, dfsdt − sft, react | +25.0 (" in contrasts
    assert "rewards" not in contrasts
    titles = [line for line in contrasts.splitlines() if line.startswith("| *")]
    assert titles == ["| *primary* | | | |"]


def test_contrasts_are_told_apart_for_any_groups_of_tasks(measured: Measured) -> None:
    searching = Contrast("search helps", ("sft", "dfsdt"), ("sft", "react"))
    missing = Contrast("?", ("grpo", "react"), ("sft", "react"))
    by_split = split_table(measured, [searching, missing]).splitlines()
    assert by_split[0] == "| claim | contrast | I1-inst | I2-cat |"
    assert by_split[2].startswith("| search helps | sft, dfsdt − sft, react | +50.0 (")
    assert by_split[2].endswith("| +0.0 (+0.0 to +0.0) |")
    assert len(by_split) == 3
    parity = measured.grouped(["even" if number % 2 == 0 else "odd" for number in range(20)])
    assert (
        split_table(parity, [searching])
        .splitlines()[2]
        .startswith("| search helps | sft, dfsdt − sft, react | +0.0 (+0.0 to +0.0) | +50.0 (")
    )
    assert list(dict.fromkeys(measured.splits.tolist())) == ["I1-inst", "I2-cat"]


def test_one_training_has_a_rate_and_no_interval(out: Path) -> None:
    alone = read_measured(out, [1], "test")
    assert ("grpo", "react") in alone.methods
    assert pass_table(alone).splitlines()[-1].startswith("| sft, react | 50.0 | 50.0 | 50.0 |")
    assert "sft, dfsdt − sft, react | +25.0 | – |" in contrast_table(alone)


def test_every_contrast_is_between_things_that_are_measured() -> None:
    outs = {command.out for command in evaluations(Recipe(), 0, "test", METHODS)}
    for contrast in (*PRIMARY, *SECONDARY):
        for method, agent in (contrast.better, contrast.worse):
            assert f"seed-0/test/{method}/{agent}" in outs, contrast
