"""DFSDT as ToolBench's code runs it, for comparison with its published figures."""

from __future__ import annotations

from typing import Any

from toolenv.agents.base import Agent, Policy
from toolenv.agents.expanding import branch_off, propose, read_count
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Step
from toolenv.limits import Budget

__all__ = ["ToolBenchDFSDT"]

_END = 1_000_000
"""A jump back over everything: the search is over."""


class ToolBenchDFSDT(Agent):
    """DFSDT by ToolBench's rules (``DFS_woFilter_w2``) rather than the paper's.

    - Depth is counted in nodes: a message's text is one, each of its calls two more. A branch is
      cut off where it reaches ``depth`` nodes.
    - After a branch gives up, the siblings of that decision are skipped as well: the next to be
      tried is a sibling of its parent. So one reply that gives up at once ends the search.
    - The search ends with the first answer, or after ``policy_calls`` replies.

    Give the environment more steps than ``depth`` allows, so that the nodes decide.

    Args:
        policy: What decides.
        breadth: Children of one node; 2 in all published figures.
        depth: Nodes of one branch: 12 in ToolBench and in StableToolBench's published answers.
        policy_calls: Replies in all; 200 in both.
        budget: A further limit, if any.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        breadth: int = 2,
        depth: int = 12,
        policy_calls: int = 200,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(policy, budget=budget)
        self.breadth = read_count(breadth, "breadth")
        self.depth = read_count(depth, "depth")
        self.policy_calls = read_count(policy_calls, "policy_calls")

    @property
    def settings(self) -> dict[str, Any]:
        """Breadth, depth and the number of replies."""
        return {"breadth": self.breadth, "depth": self.depth, "policy_calls": self.policy_calls}

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Search; without an answer, settle on the first branch that gave up, else on the last."""
        ends: list[Branch] = []
        await self._search(env, 0, ends)
        answered = [branch for branch in ends if branch.ended == "answer"]
        gave_up = [branch for branch in ends if branch.ended == "gave_up"]
        return next(iter(answered or gave_up or ends[-1:]), env.branch)

    async def _search(self, node: ToolEnv, nodes: int, ends: list[Branch]) -> int:
        """Explore below a node; how many levels to go back, 1 being the level above."""
        if node.ended or nodes >= self.depth:
            ends.append(node.branch)
            return {"answer": _END, "gave_up": 2}.get(node.ended, 1)
        tried: list[Step] = []
        for rank in range(self.breadth):
            meter = node.meter
            if meter.policy_calls >= self.policy_calls or meter.exhausted():
                ends.append(node.branch)
                return _END
            child = branch_off(node, rank)
            if child is None:
                return 1
            await child.astep(await propose(self.policy, child, tried))
            step = child.branch.last
            assert step is not None  # astep has appended one
            tried.append(step)
            back = await self._search(child, nodes + _nodes_of(step), ends)
            if child is node:
                return max(1, back - 1) if back < _END else back
            if back > 1:
                return back - 1 if back < _END else back
        return 1


def _nodes_of(step: Step) -> int:
    """How many of ToolBench's nodes a step is."""
    return max(1, bool(step.message.content) + 2 * len(step.calls))
