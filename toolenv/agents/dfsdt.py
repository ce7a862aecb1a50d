"""DFSDT: depth-first search over a decision tree (ToolLLM, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from toolenv import bridge
from toolenv.agents.base import Agent, Policy
from toolenv.agents.expanding import (
    Siblings,
    best_first,
    branch_off,
    propose,
    read_count,
    read_siblings,
    repeats_a_call,
)
from toolenv.agents.scoring import Scorer, best
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Message, Step
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget

__all__ = ["DFSDT"]


class DFSDT(Agent):
    """Expand depth first; when a branch gives up or is cut off, go back and try something else.

    Every node is expanded at most ``breadth`` times. From the second child on, the policy is shown
    what was tried at this point, and asked for something different; that message is kept with the
    step (``Message.diversity``) and is not part of the conversation below it. The search ends with
    the first answer. With ``breadth=1`` it is ReACT, call for call, and the first branch of a wider
    search is ReACT's of the same seed.

    Args:
        policy: What decides.
        breadth: Children of one node.
        siblings: Whether the policy is ``shown`` what was tried, or it is ``hidden``: for a policy
            that was never trained to read such a message, and draws its steps by the seed.
        scorer: Where given, all children of a node are made first and expanded best first, as in
            ToolLLM's search with a filter; what it asks counts in the budget.
        speculative: Ask for all children of a node at the same time, before it is known whether
            more than the first are needed: less waiting for more policy calls. They see nothing
            of each other, and those that are never taken are charged all the same.
        prune_repeats: Do not go on from a step whose calls were all made before, on its path or
            by its siblings.
        budget: What one attempt may spend.

    Raises:
        ConfigurationError: The breadth is no whole number from 1, ``siblings`` is neither, or a
            scorer is given to a speculative search.

    Example:
        >>> from toolenv.env import ToolEnv
        >>> from toolenv.mini import KeywordPolicy
        >>> episode = DFSDT(KeywordPolicy(), breadth=2).run(ToolEnv(), 0, seed=1)
        >>> episode.agent
        'DFSDT'
    """

    def __init__(
        self,
        policy: Policy,
        *,
        breadth: int = 2,
        siblings: Siblings = "shown",
        scorer: Scorer | None = None,
        speculative: bool = False,
        prune_repeats: bool = False,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(policy, budget=budget)
        self.breadth = read_count(breadth, "breadth")
        if speculative and scorer is not None:
            raise ConfigurationError(
                "A scorer sees all children before any is expanded: there is nothing to speculate.",
                where="speculative",
            )
        self.siblings = read_siblings(siblings)
        self.scorer = scorer
        self.speculative = speculative
        self.prune_repeats = prune_repeats

    @property
    def settings(self) -> dict[str, Any]:
        """Breadth, and what differs from the plain search."""
        found: dict[str, Any] = {"breadth": self.breadth}
        if self.siblings != "shown":
            found["siblings"] = self.siblings
        if self.scorer is not None:
            found["scorer"] = self.scorer.fingerprint
        if self.speculative:
            found["speculative"] = True
        if self.prune_repeats:
            found["prune_repeats"] = True
        return found

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Search until an answer, exhaustion or the end of the budget."""
        if self.scorer is not None:
            return await self._explore_ranked(env, self.scorer)
        if self.speculative:
            return await self._explore_speculatively(env)
        last = env.branch
        nodes: list[tuple[ToolEnv, list[Step]]] = [(env, [])]  # the path, each with its children
        while nodes and not env.meter.exhausted():
            node, children = nodes[-1]
            if node.ended or len(children) == self.breadth:
                nodes.pop()
                continue
            child = branch_off(node, len(children))
            if child is None or child is node:
                nodes.pop()
            if child is None:
                continue
            shown = children if self.siblings == "shown" else ()
            await child.astep(await propose(self.policy, child, shown))
            last = child.branch
            if child.ended == "answer":
                return last
            step = last.last
            assert step is not None  # astep has appended one
            if not (self.prune_repeats and repeats_a_call(last, children)):
                nodes.append((child, []))
            children.append(step)
        return last

    async def _explore_ranked(self, env: ToolEnv, scorer: Scorer) -> Branch | None:
        async def rank(children: Sequence[ToolEnv]) -> list[ToolEnv]:
            if self.prune_repeats:
                children = [child for child in children if not repeats_a_call(child.branch)]
            return await best(scorer, children)

        return await best_first(self.policy, env, self.breadth, rank, siblings=self.siblings)

    async def _explore_speculatively(self, env: ToolEnv) -> Branch | None:
        last = env.branch
        nodes = [_Expanded(env)]
        while nodes and not env.meter.exhausted():
            node = nodes[-1]
            if node.proposed is None and not node.env.ended:
                held = sum(len(one.proposed or ()) for one in nodes)
                await node.ask(self.policy, min(self.breadth, env.meter.policy_calls_left(held)))
            if not node.proposed:
                nodes.pop()
                continue
            child = branch_off(node.env, len(node.taken))
            if child is None:
                node.throw_away()
                continue
            message = node.proposed.pop(0)
            if child is node.env:
                node.throw_away()
                nodes.pop()
            await child.astep(message)
            last = child.branch
            if child.ended == "answer":
                break
            if not (self.prune_repeats and repeats_a_call(last, node.taken)):
                nodes.append(_Expanded(child))
            node.taken += [step for step in (last.last,) if step is not None]
        for node in nodes:
            node.throw_away()
        return last


class _Expanded:
    """A node of the path with the messages proposed there and the steps taken."""

    def __init__(self, env: ToolEnv) -> None:
        self.env = env
        self.proposed: list[Message] | None = None
        self.taken: list[Step] = []

    async def ask(self, policy: Policy, children: int) -> None:
        """Ask for several children at the same time, each with its own seed."""
        forks = [fork for rank in range(children) if (fork := branch_off(self.env, rank))]
        self.proposed = await bridge.gather([partial(propose, policy, fork) for fork in forks])

    def throw_away(self) -> None:
        """Leave what is proposed and not taken, and charge it."""
        for message in self.proposed or ():
            self.env.meter.charge_policy(message.usage)
        self.proposed = []
