"""Tree of thoughts, breadth first and depth first (Yao et al., 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolenv.agents.base import Agent, Policy
from toolenv.agents.expanding import Siblings, best_first, expand, read_count, read_siblings
from toolenv.agents.scoring import Progress, Scorer, best, score_all
from toolenv.env import ToolEnv
from toolenv.episodes import Branch
from toolenv.limits import Budget

__all__ = ["TreeOfThoughtsBFS", "TreeOfThoughtsDFS"]


class _TreeOfThoughts(Agent):
    """What both have in common. A thought is one message with its calls and their responses.

    Args:
        policy: What proposes steps.
        breadth: Children of one node.
        scorer: What scores states; by default ``Progress``, which asks no model.
        siblings: Whether proposals see earlier ones (``shown``) or are drawn independently and
            at the same time (``hidden``).
        budget: What one attempt may spend, scoring included.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        breadth: int = 2,
        scorer: Scorer | None = None,
        siblings: Siblings = "shown",
        budget: Budget | None = None,
    ) -> None:
        super().__init__(policy, budget=budget)
        self.breadth = read_count(breadth, "breadth")
        self.scorer = scorer or Progress()
        self.siblings = read_siblings(siblings)

    @property
    def settings(self) -> dict[str, Any]:
        """Breadth, scorer, and what proposals see."""
        return {
            "breadth": self.breadth,
            "scorer": self.scorer.fingerprint,
            "siblings": self.siblings,
        }


class TreeOfThoughtsBFS(_TreeOfThoughts):
    """All children of the kept states, of which the best are kept, level by level (Algorithm 1).

    The search ends at the first level with an answer, with its best one.

    Args:
        policy: What proposes steps.
        keep: States kept at each level.
        **options: As for all trees of thoughts: breadth, scorer, siblings, budget.
    """

    def __init__(self, policy: Policy, *, keep: int = 2, **options: Any) -> None:
        super().__init__(policy, **options)
        self.keep = read_count(keep, "keep")

    @property
    def settings(self) -> dict[str, Any]:
        """Those of all trees of thoughts, and how many states are kept."""
        return {**super().settings, "keep": self.keep}

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Search until an answer, a level without states or the end of the budget."""
        last, states = env, [env]
        while states and not env.meter.exhausted():
            level = [
                child
                for state in states
                for child in await expand(self.policy, state, self.breadth, self.siblings)
            ]
            answers = [child for child in level if child.ended == "answer"]
            if answers:
                return (await best(self.scorer, answers, keep=1))[0].branch
            last = level[-1] if level else last
            going_on = [child for child in level if not child.ended]
            states = await best(self.scorer, going_on, self.keep)
        return last.branch


class TreeOfThoughtsDFS(_TreeOfThoughts):
    """The best child first, back from those that score too low (Algorithm 2).

    The search ends with the first answer.

    Args:
        policy: What proposes steps.
        threshold: States that score lower are not expanded; None expands all.
        **options: As for all trees of thoughts: breadth, scorer, siblings, budget.
    """

    def __init__(self, policy: Policy, *, threshold: float | None = None, **options: Any) -> None:
        super().__init__(policy, **options)
        self.threshold = threshold

    @property
    def settings(self) -> dict[str, Any]:
        """Those of all trees of thoughts, and the threshold."""
        return {**super().settings, "threshold": self.threshold}

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Search until an answer, exhaustion or the end of the budget."""
        return await best_first(
            self.policy, env, self.breadth, self._worth_going_on, siblings=self.siblings
        )

    async def _worth_going_on(self, children: Sequence[ToolEnv]) -> list[ToolEnv]:
        """Those above the threshold, the best first."""
        least = self.threshold
        if least is None:
            return await best(self.scorer, children)
        scores = await score_all(self.scorer, children)
        order = sorted(range(len(children)), key=lambda index: -scores[index])
        return [children[index] for index in order if scores[index] >= least]
