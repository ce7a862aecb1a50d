"""Every agent and every policy of ours keeps its contract.

``OpenAIPolicy`` runs its suite in ``test_openai_policy``, over a real socket. ``Replay`` takes the
steps of one recorded episode and asks no policy, so that of the agents' suite only what does not
hand it a policy applies: that it leaves a whole episode, the same each time. ``ReplayPolicy``
serves one episode at a time, as its documentation says.
"""

from __future__ import annotations

import asyncio

import pytest

from toolenv.agents import (
    DFSDT,
    Agent,
    BestOfN,
    Policy,
    Progress,
    RandomPolicy,
    ReACT,
    ReACTAtN,
    Replay,
    ReplayPolicy,
    ScriptPolicy,
    SelfConsistency,
    ToolBenchDFSDT,
    TreeOfThoughtsBFS,
    TreeOfThoughtsDFS,
)
from toolenv.agents.policies import NothingPolicy, OraclePolicy
from toolenv.env import ToolEnv
from toolenv.limits import Budget
from toolenv.mini import KeywordPolicy, mini_tasks
from toolenv.tasks import Task
from toolenv.testing import AgentSuite, PolicySuite


class OnMini(PolicySuite):
    def make_task(self) -> Task:
        return mini_tasks()[0]


class TestRandomPolicy(OnMini):
    def make_policy(self) -> Policy:
        return RandomPolicy()


class TestKeywordPolicy(OnMini):
    def make_policy(self) -> Policy:
        return KeywordPolicy()


class TestOraclePolicy(OnMini):
    def make_policy(self) -> Policy:
        return OraclePolicy(mini_tasks())


class TestNoisyOraclePolicy(OnMini):
    def make_policy(self) -> Policy:
        return OraclePolicy(mini_tasks(), noise=0.5)


class TestNothingPolicy(OnMini):
    def make_policy(self) -> Policy:
        return NothingPolicy()


class TestScriptPolicy(OnMini):
    def make_policy(self) -> Policy:
        return ScriptPolicy(['{"name": "Finish", "arguments": {}}'])


class TestScriptPolicyOfAFunction(OnMini):
    def make_policy(self) -> Policy:
        return ScriptPolicy(lambda messages, functions, seed: f"{len(messages)} {seed}")


class TestScriptPolicyOfACoroutine(OnMini):
    def make_policy(self) -> Policy:
        async def script(messages: object, functions: object, seed: int) -> str:
            return f"said {seed}"

        return ScriptPolicy(script)


class TestReplayPolicy(OnMini):
    def make_policy(self) -> Policy:
        return ReplayPolicy(ReACT(KeywordPolicy()).run(ToolEnv(), 0, seed=3))


class TestReACT(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return ReACT(policy, budget=budget)


class TestDFSDTOfBreadth1(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, breadth=1, budget=budget)


class TestDFSDTOfBreadth2(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, breadth=2, budget=budget)


class TestDFSDTOfBreadth3(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, breadth=3, budget=budget)


class TestDFSDTWithAScorer(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, scorer=Progress(), budget=budget)


class TestDFSDTThatSpeculates(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, speculative=True, budget=budget)


class TestDFSDTThatPrunesRepeats(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return DFSDT(policy, prune_repeats=True, budget=budget)


class TestToolBenchDFSDT(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return ToolBenchDFSDT(policy, budget=budget)


class TestTreeOfThoughtsBFS(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return TreeOfThoughtsBFS(policy, budget=budget)


class TestTreeOfThoughtsDFS(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return TreeOfThoughtsDFS(policy, budget=budget)


class TestTreeOfThoughtsWithHiddenSiblings(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return TreeOfThoughtsBFS(policy, siblings="hidden", budget=budget)


class TestReACTAtN(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return ReACTAtN(policy, budget=budget)


class TestBestOfN(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return BestOfN(policy, budget=budget)


class TestSelfConsistency(AgentSuite):
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        return SelfConsistency(policy, budget=budget)


@pytest.mark.parametrize("seed", range(3))
def test_replay_leaves_a_whole_episode_the_same_each_time(seed: int) -> None:
    recorded = DFSDT(RandomPolicy(), budget=Budget(policy_calls=12)).run(ToolEnv(), 0, seed=seed)
    agent = Replay(recorded)

    async def together() -> list[object]:
        env = ToolEnv()
        return list(await asyncio.gather(*(agent.arun(env, 0, seed=seed) for _ in range(3))))

    alone = agent.run(ToolEnv(), 0, seed=seed)
    assert all(step.parent < number for number, step in enumerate(alone.steps))
    assert alone.fingerprints["agent"] and alone.fingerprints["environment"]
    assert asyncio.run(together()) == [alone] * 3
