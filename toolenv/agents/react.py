"""ReACT: think, act, observe, until it ends."""

from __future__ import annotations

from toolenv.agents.base import Agent
from toolenv.env import ToolEnv
from toolenv.episodes import Branch

__all__ = ["ReACT"]


class ReACT(Agent):
    """One branch, message by message (Yao et al., 2022; ToolLLM, section 3.3).

    Example:
        >>> from toolenv.env import ToolEnv
        >>> from toolenv.mini import KeywordPolicy
        >>> episode = ReACT(KeywordPolicy()).run(ToolEnv(), 0, seed=1)
        >>> episode.agent, len(episode.branches())
        ('ReACT', 1)
    """

    async def explore(self, env: ToolEnv) -> Branch:
        """Ask and step until the branch ends or the budget is spent."""
        while not env.done:
            await env.astep(await self.policy(env.messages, env.functions, seed=env.seed))
        return env.branch
