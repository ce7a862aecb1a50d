"""What any agent must do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from toolenv.agents import Agent, Policy, RandomPolicy, ScriptPolicy
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Episode
from toolenv.errors import PolicyError
from toolenv.limits import Budget

__all__ = ["AgentSuite"]


class AgentSuite(ABC):
    """The contract of ``toolenv.agents.Agent`` as tests, on the embedded world."""

    @abstractmethod
    def make_agent(self, policy: Policy, budget: Budget | None) -> Agent:
        """A fresh agent over a policy, within a budget."""

    # --- the tests ----------------------------------------------------------------------------

    def test_it_leaves_a_whole_episode(self) -> None:
        """A tree in pre-order, a chosen branch in it, a reason to stop, and its provenance."""
        episode = self._run(RandomPolicy(), Budget(policy_calls=12))
        assert all(step.parent < number for number, step in enumerate(episode.steps))
        assert episode.chosen == ROOT or 0 <= episode.chosen < len(episode.steps)
        assert episode.ended
        assert episode.agent and episode.policy
        assert episode.fingerprints["agent"] and episode.fingerprints["environment"]

    def test_it_stays_within_its_budget(self) -> None:
        """No more policy calls than allowed; where all are made, the limit is named."""
        for limit in (1, 3, 7):
            episode = self._run(ScriptPolicy(_wander, name="wander"), Budget(policy_calls=limit))
            assert episode.cost.policy_calls <= limit
            assert episode.ended.startswith("limit:") or episode.cost.policy_calls < limit

    def test_equal_seeds_leave_equal_episodes(self) -> None:
        """Policy, task and seed decide everything."""
        budget = Budget(policy_calls=12)
        assert self._run(RandomPolicy(), budget) == self._run(RandomPolicy(), budget)

    def test_concurrent_attempts_equal_lone_ones(self) -> None:
        """One agent may run many episodes at once."""
        agent = self.make_agent(RandomPolicy(), Budget(policy_calls=8))

        async def together() -> list[Episode]:
            env = ToolEnv()
            return await asyncio.gather(*(agent.arun(env, 0, seed=seed) for seed in range(4)))

        alone = [agent.run(ToolEnv(), 0, seed=seed) for seed in range(4)]
        assert asyncio.run(together()) == alone

    def test_an_answer_ends_the_attempt(self) -> None:
        """The first answer is settled on, without a further policy call."""
        answer = (
            '{"name": "Finish", "arguments": {"return_type": "give_answer", "final_answer": "42"}}'
        )
        episode = self._run(ScriptPolicy([answer]), Budget(policy_calls=12))
        assert episode.answer == "42"
        assert episode.ended == "answer"

    def test_a_policy_that_fails_is_an_infrastructure_error(self) -> None:
        """It is recorded as such, and no wrong answer."""

        def fail(*_: object) -> str:
            raise PolicyError("no message")

        episode = self._run(ScriptPolicy(fail, name="fail"), None)
        assert episode.ended.startswith("error:policy")
        assert episode.outcome == "infrastructure_error"

    def test_a_policy_that_says_nothing_ends_within_the_budget(self) -> None:
        """Empty messages are steps like any other."""
        episode = self._run(ScriptPolicy(lambda *_: "", name="mute"), Budget(policy_calls=6))
        assert episode.answer is None
        assert episode.cost.policy_calls <= 6

    def _run(self, policy: Policy, budget: Budget | None) -> Episode:
        return self.make_agent(policy, budget).run(ToolEnv(), 0, seed=7)


def _wander(*_: object) -> str:
    return '{"name": "nowhere", "arguments": {}}'
