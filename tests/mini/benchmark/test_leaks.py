"""The generated benchmark's splits are as unseen as their names say."""

from __future__ import annotations

import pytest

from toolenv.formats.task_leaks import Leaks, find_leaks
from toolenv.mini.benchmark import TEST_SPLITS, benchmark_tasks, train_tasks, validation_tasks
from toolenv.mini.benchmark.plans import plan_of

TRAINING = list(train_tasks(seed=0, count=1500))


def shares(found: Leaks) -> dict[str, float]:
    return {one.kind: one.seen / one.total for one in found.shared}


@pytest.fixture(scope="module")
def leaks() -> list[Leaks]:
    tests = benchmark_tasks()
    for number, task in enumerate(validation_tasks()):
        kind = TEST_SPLITS[number % len(TEST_SPLITS)]
        tests.append(task.model_copy(update={"split": f"validation-{kind}"}))
    return find_leaks(TRAINING, tests, also_unseen=["names"])


def test_no_split_leaks(leaks: list[Leaks]) -> None:
    assert len(leaks) == 12
    assert {one.split: one.leaking for one in leaks} == {one.split: [] for one in leaks}


def test_what_is_to_be_seen_is(leaks: list[Leaks]) -> None:
    for found in leaks:
        if found.level == "inst":
            assert shares(found)["relevant tools"] > 0.9
        if found.level == "tool":
            assert shares(found)["relevant categories"] > 0.95
        if found.level == "cat":
            assert shares(found)["offered categories"] == 0


def test_validation_and_tests_share_no_tools_of_their_own() -> None:
    for level in ("tool", "cat"):
        validation = [
            task
            for number, task in enumerate(validation_tasks())
            if TEST_SPLITS[number % len(TEST_SPLITS)].endswith(level)
        ]
        tests = [task for task in benchmark_tasks() if task.split.endswith(level)]
        for found in find_leaks(validation, tests, level="tool", also_unseen=["names"]):
            assert found.leaking == []


def test_patterns_are_held_out_by_the_forms_they_are_made_of() -> None:
    training = {plan_of(task.id).sentence.pattern for task in TRAINING}
    forms = {form for pattern in training for form in pattern}
    for task in benchmark_tasks():
        pattern = plan_of(task.id).sentence.pattern
        assert pattern not in training
        assert set(pattern) - forms, f"{task.id} has no form of its own"
