"""MiniToolBench-v1: a miniature of ToolBench, generated from a seed. See docs/mini-benchmark.md.

What is named here is imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolenv.mini.benchmark.demonstrations import demonstrations
    from toolenv.mini.benchmark.policies import ExpertPolicy, OraclePolicy
    from toolenv.mini.benchmark.reader import ReaderPolicy
    from toolenv.mini.benchmark.simulator import benchmark_simulator, benchmark_snapshot
    from toolenv.mini.benchmark.tasks import (
        TEST_SPLITS,
        benchmark_task,
        benchmark_tasks,
        train_tasks,
        validation_tasks,
    )
    from toolenv.mini.benchmark.trained import trained_policy

__all__ = [
    "TEST_SPLITS",
    "ExpertPolicy",
    "OraclePolicy",
    "ReaderPolicy",
    "benchmark_simulator",
    "benchmark_snapshot",
    "benchmark_task",
    "benchmark_tasks",
    "demonstrations",
    "train_tasks",
    "trained_policy",
    "validation_tasks",
]

_HOMES = {
    "ExpertPolicy": "policies",
    "OraclePolicy": "policies",
    "ReaderPolicy": "reader",
    "TEST_SPLITS": "tasks",
    "benchmark_simulator": "simulator",
    "benchmark_snapshot": "simulator",
    "benchmark_task": "tasks",
    "benchmark_tasks": "tasks",
    "demonstrations": "demonstrations",
    "train_tasks": "tasks",
    "trained_policy": "trained",
    "validation_tasks": "tasks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
