"""The embedded snapshot serves what the world answers."""

from __future__ import annotations

import pytest

from toolenv import ToolEnv
from toolenv.agents import DFSDT, Agent, ReACT
from toolenv.mini.benchmark import (
    ExpertPolicy,
    OraclePolicy,
    benchmark_simulator,
    benchmark_snapshot,
    benchmark_tasks,
)

TASKS = benchmark_tasks()[::20]


@pytest.mark.parametrize(
    "agent",
    [ReACT(ExpertPolicy(TASKS)), DFSDT(ExpertPolicy(TASKS)), ReACT(OraclePolicy(TASKS))],
    ids=["expert", "expert-dfsdt", "oracle"],
)
def test_a_replay_equals_the_world(agent: Agent) -> None:
    world = ToolEnv(TASKS, benchmark_simulator())
    with benchmark_snapshot() as snapshot:
        replay = ToolEnv(TASKS, snapshot)
        for task in TASKS:
            first, second = agent.run(world, task), agent.run(replay, task)
            assert [step.observation for step in first.steps] == [
                step.observation for step in second.steps
            ]
            assert (first.ended, first.chosen) == (second.ended, second.chosen)
            assert task.check is not None
            if not task.check.reads_state:  # a recording shows no state
                assert first.outcome == second.outcome
