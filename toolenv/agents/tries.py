"""Several independent tries at one task, and the choice among them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolenv.agents.base import Agent, Policy
from toolenv.agents.expanding import branch_off, read_count
from toolenv.agents.react import ReACT
from toolenv.agents.scoring import Progress, Scorer, best
from toolenv.env import ToolEnv
from toolenv.episodes import Branch
from toolenv.limits import Budget
from toolenv.tasks import Task

__all__ = ["BestOfN", "ReACTAtN", "SelfConsistency", "Tries", "normal_answer"]


_MOST = 1_000
"""Tries without a number given: a budget of tokens that nobody counts would never be spent."""


class Tries(Agent):
    """Base of strategies that try a task several times and select one try.

    Each try is a branch from the task's beginning, with seeds of its own; the first is the ReACT
    attempt of the same seed. All tries stay in the tree, so that the report tells whether any
    passed beside whether the selected one did. Override ``select``.

    Args:
        policy: What decides.
        tries: How often to try; None until the budget is spent.
        budget: What all tries together may spend.

    Raises:
        ConfigurationError: ``tries`` is no whole number from 1.
    """

    def __init__(
        self, policy: Policy, *, tries: int | None = 5, budget: Budget | None = None
    ) -> None:
        super().__init__(policy, budget=budget)
        self.tries = None if tries is None else read_count(tries, "tries")

    @property
    def settings(self) -> dict[str, Any]:
        """The number of tries."""
        return {"tries": self.tries}

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Try, and select."""
        tried: list[ToolEnv] = []
        while len(tried) < (self.tries or _MOST) and not env.meter.exhausted():
            attempt = branch_off(env, len(tried))
            if attempt is None:  # an earlier try has changed something that no other may see
                break
            await ReACT(self.policy).explore(attempt)
            tried.append(attempt)
        return (await self.select(tried)).branch if tried else None

    async def select(self, tried: Sequence[ToolEnv]) -> ToolEnv:
        """The try to settle on: the first that answers, else the last."""
        return next((one for one in tried if one.ended == "answer"), tried[-1])


class ReACTAtN(Tries):
    """ReACT again and again until a cost is reached (ToolLLM, section 4.2: ReACT@N).

    Settles on the first try that answers, and tries on: any-of-N is for the report to count.

    Args:
        policy: What decides.
        tries: How often to try at most; None until ``policy_calls`` or the budget is spent.
        policy_calls: What all tries at a task may cost, by the task's id and the seed: the cost
            of another agent's run, which is matched to the call. What it lacks gets the budget
            alone.
        budget: What all tries together may spend.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        tries: int | None = None,
        policy_calls: Mapping[tuple[str, int], int] | None = None,
        budget: Budget | None = None,
    ) -> None:
        if tries is None and policy_calls is None and budget is None:
            tries = 5
        super().__init__(policy, tries=tries, budget=budget)
        self.policy_calls = dict(policy_calls or {})

    @property
    def settings(self) -> dict[str, Any]:
        """The number of tries, and the costs to be matched."""
        return {**super().settings, "policy_calls": sorted(self.policy_calls.items())}

    def budget_for(self, task: Task, seed: int) -> Budget | None:
        """The budget, lowered to the cost that is to be matched."""
        cost = self.policy_calls.get((task.id, seed))
        if cost is None:
            return self.budget
        budget = self.budget or Budget()
        most = cost if budget.policy_calls is None else min(cost, budget.policy_calls)
        return replace(budget, policy_calls=most)


class BestOfN(Tries):
    """Several tries, of which a scorer selects one.

    Args:
        policy: What decides.
        tries: How often to try.
        scorer: Scores each try at its end; without one, answers go before the rest.
        budget: What tries and scores together may spend.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        tries: int | None = 5,
        scorer: Scorer | None = None,
        budget: Budget | None = None,
    ) -> None:
        super().__init__(policy, tries=tries, budget=budget)
        self.scorer = scorer or Progress()

    @property
    def settings(self) -> dict[str, Any]:
        """The number of tries, and the scorer."""
        return {**super().settings, "scorer": self.scorer.fingerprint}

    async def select(self, tried: Sequence[ToolEnv]) -> ToolEnv:
        """The try with the highest score, ties in their order."""
        return (await best(self.scorer, tried, keep=1))[0]


class SelfConsistency(Tries):
    """Several tries, of which the most frequent answer is taken (Wang et al., 2022).

    Answers are compared in a normal form (``normal_answer``); of equally frequent ones the
    earliest counts. Without any answer, the last try is taken.
    """

    async def select(self, tried: Sequence[ToolEnv]) -> ToolEnv:
        """The first try with the most frequent answer."""
        answers = [normal_answer(one.branch.answer or "") for one in tried]
        votes = Counter(a for a, one in zip(answers, tried, strict=True) if one.ended == "answer")
        if not votes:
            return tried[-1]
        winner = max(votes, key=lambda answer: votes[answer])  # of equals, the first counted
        return tried[answers.index(winner)]


def normal_answer(answer: str) -> str:
    """An answer in a form in which the same answer is written the same.

    Example:
        >>> normal_answer("The total is 1,500.0 EUR.") == normal_answer("the total is 1500 eur")
        True
    """
    text = unicodedata.normalize("NFKC", answer).casefold()
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+)\.0+\b", r"\1", text)
    return " ".join(re.findall(r"[^\W_]+(?:\.\d+)?", text))
