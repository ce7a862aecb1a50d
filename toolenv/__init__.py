"""Tool use as a simulated environment that anyone can reproduce.

Importing it registers the environments ``toolenv/ToolBench-v0``, ``toolenv/MiniToolBench-v0`` and
``toolenv/MiniToolBench-v1`` with Gymnasium. What is named here is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    __version__: str
    from toolenv.env import ToolEnv
    from toolenv.episodes import Episode
    from toolenv.formats import read_tasks, write_tasks
    from toolenv.limits import Budget
    from toolenv.tasks import Check, Task

__all__ = [
    "Budget",
    "Check",
    "Episode",
    "Task",
    "ToolEnv",
    "__version__",
    "read_tasks",
    "write_tasks",
]

_WHERE = {
    "Budget": "toolenv.limits",
    "Check": "toolenv.tasks",
    "Episode": "toolenv.episodes",
    "Task": "toolenv.tasks",
    "ToolEnv": "toolenv.env",
    "read_tasks": "toolenv.formats",
    "write_tasks": "toolenv.formats",
}

for _name in ("ToolBench-v0", "MiniToolBench-v0"):
    gymnasium.register(id=f"toolenv/{_name}", entry_point="toolenv.env:ToolEnv")
gymnasium.register(
    id="toolenv/MiniToolBench-v1",
    entry_point="toolenv.env:ToolEnv",
    kwargs={
        "tasks": "toolenv.mini.benchmark:benchmark_tasks",
        "simulator": "local:toolenv.mini.benchmark:benchmark_simulator",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow to import

        return version("toolenv")
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'toolenv' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
