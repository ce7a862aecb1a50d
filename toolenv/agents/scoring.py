"""Scoring branches: what ranks children, keeps states and selects among tries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from toolenv import bridge
from toolenv.agents.base import Policy
from toolenv.env import ToolEnv
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.seeds import derive

__all__ = ["PolicyScorer", "Progress", "Scorer", "best", "score_all"]


@runtime_checkable
class Scorer(Protocol):
    """Says how good a branch looks; higher is better.

    What a scorer asks of a model is charged to the branch's meter: judging counts in the budget.
    """

    @property
    def fingerprint(self) -> str:
        """A digest of everything that its scores depend on, without keys or tokens."""
        ...

    async def __call__(self, env: ToolEnv) -> float:
        """The score of a branch.

        Args:
            env: The environment at the end of the branch; not to be stepped.
        """
        ...


class Progress:
    """Scores without asking a model: answers first, then what had most calls succeed.

    An answer is worth 1, giving up or an error -1; a branch that goes on, or was cut off, is worth
    the share of its calls that did not fail, halved.
    """

    fingerprint = "scorer-progress-1"

    async def __call__(self, env: ToolEnv) -> float:
        """The score, between -1 and 1."""
        if env.ended == "answer":
            return 1.0
        if env.ended and not env.ended.startswith("limit:"):
            return -1.0
        failed = [response.failed for step in env.branch.path() for response in step.responses]
        return 0.5 * (1 - sum(failed) / len(failed)) if failed else 0.0


class PolicyScorer:
    """Asks a policy to rate a branch from 0 to 10.

    Args:
        policy: What is asked; it is offered no functions.

    The rating is the last number of the reply; a reply without one counts as 0.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @property
    def fingerprint(self) -> str:
        """Digest of the policy and the request."""
        return fingerprint("scorer", ["policy", self.policy.fingerprint, _REQUEST])

    async def __call__(self, env: ToolEnv) -> float:
        """The rating; what it cost is charged to the branch's meter.

        Raises:
            PolicyError: No reply could be had.
        """
        if env.meter.exhausted():
            return 0.0
        asked: dict[str, JsonValue] = {"role": "user", "content": _REQUEST}
        # another seed than the next decision's: rating must not echo it
        message = await self.policy([*env.messages, asked], (), seed=derive(env.seed, "score"))
        env.meter.charge_policy(message.usage)
        found = re.findall(r"\d+(?:\.\d+)?", message.content)
        return min(float(found[-1]), 10.0) if found else 0.0


_REQUEST = (
    "Stop working on the task for a moment. How likely is it that the work so far leads to a "
    "correct and complete answer for the user? Reply with one number from 0 (hopeless) to 10 "
    "(certain), and nothing else."
)


async def score_all(scorer: Scorer, nodes: Sequence[ToolEnv]) -> list[float]:
    """The scores of several branches, asked for at the same time."""
    return await bridge.gather([partial(_score, scorer, node) for node in nodes])


async def _score(scorer: Scorer, node: ToolEnv) -> float:
    try:
        return float(await scorer(node))
    except (TypeError, ValueError) as error:
        raise PolicyError(f"The scorer gave no number: {error}.") from error


async def best(scorer: Scorer, nodes: Sequence[ToolEnv], keep: int | None = None) -> list[ToolEnv]:
    """The nodes with the highest scores, best first, ties in their order."""
    if len(nodes) < 2:
        return list(nodes)
    scores = await score_all(scorer, nodes)
    order = sorted(range(len(nodes)), key=lambda index: -scores[index])
    return [nodes[index] for index in order[:keep]]
