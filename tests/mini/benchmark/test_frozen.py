"""The splits are what they were when they were frozen."""

from __future__ import annotations

from toolenv.mini.benchmark import benchmark_task
from toolenv.mini.benchmark.frozen import DIGESTS, digest, digests


def test_the_splits_are_frozen() -> None:
    assert digests() == DIGESTS


def test_a_digest_tells_tasks_apart() -> None:
    first, second = benchmark_task("I1-inst-0"), benchmark_task("I1-inst-1")
    assert digest([first]) != digest([second])
    assert digest([first, second]) != digest([second, first])
