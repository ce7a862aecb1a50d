"""MiniToolBench: a small world of local APIs, its tasks, and a scripted policy.

What is named here is imported when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolenv.mini.policy import KeywordPolicy
    from toolenv.mini.tasks import MINI_SPLITS, MiniSolution, mini_solution, mini_tasks
    from toolenv.mini.world import mini_simulator, mini_snapshot

__all__ = [
    "MINI_SPLITS",
    "KeywordPolicy",
    "MiniSolution",
    "mini_simulator",
    "mini_snapshot",
    "mini_solution",
    "mini_tasks",
]

_HOMES = {
    "KeywordPolicy": "toolenv.mini.policy",
    "MINI_SPLITS": "toolenv.mini.tasks",
    "MiniSolution": "toolenv.mini.tasks",
    "mini_solution": "toolenv.mini.tasks",
    "mini_tasks": "toolenv.mini.tasks",
    "mini_simulator": "toolenv.mini.world",
    "mini_snapshot": "toolenv.mini.world",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
