"""Replaying a recorded tree: every decision again, through an environment, branch by branch."""

from __future__ import annotations

from toolenv.agents.base import Agent
from toolenv.agents.policies.replay import ReplayPolicy
from toolenv.env import ToolEnv
from toolenv.episodes import ROOT, Branch, Episode

__all__ = ["Replay"]


class Replay(Agent):
    """Takes every step of a recorded episode in pre-order, forking where the tree forks.

    Ends of branches are the environment's own to decide: a recorded step below a branch that has
    ended here is left out, and the episode shows it by its number of steps.

    Args:
        recorded: The recorded episode.
    """

    def __init__(self, recorded: Episode) -> None:
        super().__init__(ReplayPolicy(recorded))
        self.recorded = recorded

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Step through the recorded tree; settle on the branch that it settled on."""
        places: dict[int, ToolEnv] = {ROOT: env}
        for number, step in enumerate(self.recorded.steps):
            parent = places.get(step.parent)
            if parent is None or parent.ended:
                continue
            places[number] = child = parent.fork(rank=step.rank)
            await child.astep(step.message)
        chosen = places.get(self.recorded.chosen)
        return chosen.branch if chosen is not None else None
