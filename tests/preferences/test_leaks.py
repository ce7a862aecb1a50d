"""The check that position and length alone do not tell which side is chosen."""

from __future__ import annotations

import random

from tests.preferences.trees import explored, step
from toolenv.episodes import ROOT
from toolenv.preferences import LeakCheck, Pair, PairCounts, PairSettings, collect_pairs
from toolenv.tasks import Task


def pair(number: int, *, later: bool, longer: bool) -> Pair:
    task = Task(id=str(number), instruction="Do it.")
    thoughts = ["thought " * 20, "thought"]
    good, bad = thoughts if longer else thoughts[::-1]
    steps = [step(ROOT, int(later), "right", good), step(ROOT, int(not later), "gave_up", bad)]
    found = explored(steps, task)
    (made,) = collect_pairs([[found]], PairSettings(("tp-llama",)), PairCounts())
    return made


def test_a_chosen_side_that_is_always_the_later_sibling_leaks() -> None:
    check = LeakCheck()
    for number in range(60):
        check.add(pair(number, later=True, longer=number % 2 == 0))

    leak = check.leak()

    assert leak.leaks and leak.later == 1.0 and leak.longer == 0.5
    assert "later sibling in 100%" in leak.warning()


def test_a_chosen_side_that_is_mostly_the_longer_one_leaks() -> None:
    check = LeakCheck()
    for number in range(200):
        check.add(pair(number, later=number % 2 == 0, longer=number % 10 != 0))

    leak = check.leak()

    assert leak.leaks and 0.8 < leak.accuracy.value < 1.0


def test_balanced_pairs_do_not_leak() -> None:
    draws = random.Random(5)
    check = LeakCheck()
    for number in range(400):
        check.add(pair(number, later=draws.random() < 0.5, longer=draws.random() < 0.5))

    leak = check.leak()

    assert not leak.leaks and leak.warning() == ""
    assert leak.accuracy.low < 0.5 < leak.accuracy.high


def test_few_pairs_say_nothing() -> None:
    check = LeakCheck()
    assert not check.leak().leaks
    check.add(pair(0, later=True, longer=True))
    assert not check.leak().leaks
