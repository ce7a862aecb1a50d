"""What can be reached without backtracking, against what policies do."""

from __future__ import annotations

import pytest

from toolenv import ToolEnv
from toolenv.agents import DFSDT, Agent, ReACT
from toolenv.agents.policies import RandomPolicy
from toolenv.mini.benchmark import (
    ExpertPolicy,
    benchmark_simulator,
    benchmark_tasks,
    demonstrations,
)
from toolenv.mini.benchmark.limits import limits_of
from toolenv.mini.benchmark.plans import plan_of

TASKS = benchmark_tasks()[::5]


def passed(agent: Agent) -> float:
    env = ToolEnv(TASKS, benchmark_simulator())
    return sum(agent.run(env, task).outcome == "passed" for task in TASKS) / len(TASKS)


def test_committing_fails_where_recovery_is_needed() -> None:
    limits = limits_of(TASKS)
    assert limits.committed + limits.needs_recovery == pytest.approx(1)
    assert 0.2 < limits.needs_recovery < 0.5
    assert limits.committed_at_random < limits.committed < limits.solvable


def test_no_place_among_the_offers_is_luckier() -> None:
    """Of providers that look alike, the first fails as often as the last."""
    first = last = pairs = 0
    for number in range(1500):
        plan = plan_of(f"train-9-{number}")
        for goal in plan.goals:
            alike = [one for one in plan.providers(goal) if one.sign == "plain"]
            if plan.solvable and len(alike) > 1:
                pairs += 1
                first += plan.works(alike[0])
                last += plan.works(alike[-1])
    assert pairs > 300
    assert abs(first - last) / pairs < 0.1


def test_going_on_fails_only_where_steps_run_out_and_a_search_comes_back() -> None:
    limits = limits_of(TASKS)
    expert = passed(ReACT(ExpertPolicy(TASKS)))
    assert expert == pytest.approx(1 - limits.out_of_steps)
    assert passed(ReACT(ExpertPolicy(TASKS, careless=1.0))) < expert
    assert passed(DFSDT(ExpertPolicy(TASKS))) > expert


def test_a_random_policy_is_between_nothing_and_the_expert() -> None:
    assert 0 < passed(ReACT(RandomPolicy())) < 0.1


def test_demonstrations_show_failures_and_recoveries() -> None:
    episodes = list(demonstrations(seed=2, count=120))
    assert all(episode.outcome == "passed" for episode in episodes)
    assert 100 < len(episodes) < 120
    recovered = [
        episode
        for episode in episodes
        if episode.ended == "answer"
        and any(response.failed for step in episode.steps[:-1] for response in step.responses)
    ]
    assert len(recovered) > 20
    for episode in episodes:
        called = [step.calls[0].function for step in episode.steps]
        assert len(called) == len(set(called)), "a failed call is not made again"
        assert called[-1] == "Finish"
        assert episode.ended == ("answer" if plan_of(episode.task.id).solvable else "gave_up")


def test_demonstrations_are_a_stream_of_their_seed() -> None:
    several = list(demonstrations(seed=2, count=6, passed_only=False))
    endless = demonstrations(seed=2, start=3, passed_only=False)
    assert [next(endless).steps for _ in range(3)] == [one.steps for one in several[3:]]
