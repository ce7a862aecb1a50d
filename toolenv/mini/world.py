"""The miniature world as a simulator: its tools, and the state of an episode."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from toolenv.mini import (
    across_categories,
    finance,
    food,
    music,
    places,
    rows,
    single_tool,
    state,
    travel,
    weather,
    within_category,
)
from toolenv.mini.rows import Row
from toolenv.mini.state import MiniState, out_of_order
from toolenv.simulators.local import LocalSimulator, LocalTool
from toolenv.simulators.recorded import RecordedSimulator
from toolenv.snapshots import Snapshot
from toolenv.tasks import Task

__all__ = ["MINI_TOOLS", "ROWS", "mini_simulator", "mini_snapshot", "mini_state"]

MINI_TOOLS: tuple[LocalTool, ...] = (
    *weather.TOOLS,
    *finance.TOOLS,
    *travel.TOOLS,
    *music.TOOLS,
    *food.TOOLS,
)

ROWS: dict[str, tuple[Row, ...]] = {
    "I1-inst": single_tool.I1_INST,
    "I1-tool": single_tool.I1_TOOL,
    "I1-cat": single_tool.I1_CAT,
    "I2-inst": within_category.I2_INST,
    "I2-cat": within_category.I2_CAT,
    "I3-inst": across_categories.I3_INST,
}
"""Split to its rows, in order."""

_FAILURES = {row.id: row.failures for table in ROWS.values() for row in table}


def mini_state(task: Task, seed: int) -> MiniState:
    """The state of a fresh episode; which APIs fail depends on the task alone.

    Args:
        task: The episode's task; in one that is not MiniToolBench's, nothing fails.
        seed: Not used: a task is the same for every seed.
    """
    return MiniState(_FAILURES.get(task.id, {}))


def mini_snapshot() -> RecordedSimulator:
    """What the world answered to the embedded policies, frozen; it runs none of its code."""
    return RecordedSimulator(Snapshot(Path(__file__).with_name("mini.snap")))


@cache
def mini_simulator() -> LocalSimulator:
    """The simulator of MiniToolBench's world."""
    return LocalSimulator(
        MINI_TOOLS,
        make_state=mini_state,
        before=out_of_order,
        depends_on=(places, state, rows, single_tool, within_category, across_categories),
    )
