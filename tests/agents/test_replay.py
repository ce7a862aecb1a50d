from __future__ import annotations

import pytest

from tests.agents.scripted import (
    GIVE_UP,
    TASK,
    ByPath,
    environment,
    gives_up_below,
    saying,
)
from toolenv import bridge
from toolenv.agents import DFSDT, Agent, RandomPolicy, ReACT, Replay, ReplayPolicy
from toolenv.env import ToolEnv
from toolenv.episodes import Episode
from toolenv.errors import PolicyError
from toolenv.limits import Budget
from toolenv.mini import KeywordPolicy, mini_tasks

TASKS = [task.id for task in mini_tasks()][::4]


def told(episode: Episode) -> tuple[object, ...]:
    """What an episode came to, apart from who decided."""
    return (episode.steps, episode.chosen, episode.ended, episode.outcome, episode.reward)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_react_over_a_replay_reproduces_the_recorded_episode(
    policy: RandomPolicy | KeywordPolicy, seed: int
) -> None:
    env = ToolEnv(max_steps=8)
    for task in TASKS:
        recorded = ReACT(policy).run(env, task, seed=seed)
        again = ReACT(ReplayPolicy(recorded)).run(env, task, seed=seed)
        assert told(again) == told(recorded)
        assert again.cost == recorded.cost


@pytest.mark.parametrize("breadth", [1, 2, 3])
@pytest.mark.parametrize("policy", [RandomPolicy(), KeywordPolicy()], ids=lambda p: str(p.name))
def test_dfsdt_over_a_replay_reproduces_the_recorded_tree(
    policy: RandomPolicy | KeywordPolicy, breadth: int
) -> None:
    env = ToolEnv(max_steps=5)
    budget = Budget(policy_calls=40)
    for task in TASKS:
        recorded = DFSDT(policy, breadth=breadth, budget=budget).run(env, task, seed=3)
        again = DFSDT(ReplayPolicy(recorded), breadth=breadth, budget=budget)
        assert told(again.run(env, task, seed=3)) == told(recorded)


@pytest.mark.parametrize(
    "agent", [ReACT(KeywordPolicy()), DFSDT(KeywordPolicy(), breadth=3)], ids=lambda a: str(a.name)
)
def test_the_replay_agent_takes_every_step_again(agent: Agent) -> None:
    env = ToolEnv(max_steps=6)
    for task in TASKS:
        recorded = agent.run(env, task, seed=5)
        again = Replay(recorded).run(env, task, seed=5)
        assert told(again) == told(recorded)
        assert (again.agent, again.policy) == ("Replay", "replay")


def test_a_replay_serves_a_second_run_as_well() -> None:
    recorded = DFSDT(gives_up_below(2), breadth=2).run(environment(), TASK)
    policy = ReplayPolicy(recorded)
    for _ in range(2):
        assert told(DFSDT(policy, breadth=2).run(environment(), TASK)) == told(recorded)


def test_a_search_whose_siblings_say_the_same_is_reproduced() -> None:
    same = ByPath(lambda path, sibling: GIVE_UP if len(path) == 2 else saying("the same"))
    recorded = DFSDT(same, breadth=2).run(environment(), TASK)
    again = DFSDT(ReplayPolicy(recorded), breadth=2).run(environment(), TASK)
    assert told(again) == told(recorded)


def test_a_conversation_that_left_the_tree_has_no_message() -> None:
    recorded = ReACT(gives_up_below(2)).run(environment(), TASK)
    policy = ReplayPolicy(recorded)
    elsewhere: list[dict[str, object]] = [{"role": "assistant", "content": "something else"}]
    with pytest.raises(PolicyError, match=r"no message at this point.*task t|task t.*no message"):
        bridge.run(policy(elsewhere, [], seed=0))  # type: ignore[arg-type]


def test_a_leaf_has_no_message_and_the_attempt_says_why() -> None:
    recorded = ReACT(gives_up_below(3)).run(environment(max_steps=2), TASK)
    assert recorded.ended == "limit:steps"
    again = ReACT(ReplayPolicy(recorded)).run(environment(max_steps=9), TASK)
    assert len(again.steps) == 2
    assert again.ended.startswith("error:policy") and "no message at this point" in again.ended


def test_steps_below_a_branch_that_ends_here_are_left_out() -> None:
    recorded = ReACT(gives_up_below(5)).run(environment(), TASK)
    again = Replay(recorded).run(environment(max_steps=3), TASK)
    assert len(again.steps) == 3
    assert [step.message for step in again.steps] == [step.message for step in recorded.steps[:3]]


def test_the_fingerprint_covers_the_recorded_messages() -> None:
    one = ReACT(gives_up_below(1)).run(environment(), TASK)
    other = ReACT(gives_up_below(2)).run(environment(), TASK)
    assert ReplayPolicy(one).fingerprint == ReplayPolicy(one).fingerprint
    assert ReplayPolicy(one).fingerprint != ReplayPolicy(other).fingerprint


def test_a_deep_recording_is_replayed() -> None:
    depth = 400
    policy = ByPath(lambda path, sibling: GIVE_UP if len(path) == depth - 1 else saying("on"))
    recorded = ReACT(policy).run(environment(max_steps=depth), TASK)
    assert len(recorded.steps) == depth
    again = ReACT(ReplayPolicy(recorded)).run(environment(max_steps=depth), TASK)
    assert told(again) == told(recorded)
