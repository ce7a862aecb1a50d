"""Rewards for training, from the same checks, verdicts and checkpoints that a report shows.

A *score* is a function of a branch as far as it got: what it is worth so far. Scores are weighted
and added up by ``WeightedReward``, which an environment takes as its ``reward``. With
``when="end"`` a branch is paid its score when it ends. With ``when="step"`` each step is paid by
how much it changed the score, so that a branch earns the same in all, sooner. Scores look at
nothing but the branch, so that the record gives the same rewards again (``rewards_of``).

Example:
    >>> from toolenv import ToolEnv
    >>> from toolenv.mini import mini_simulator, mini_tasks
    >>> reward = WeightedReward(((1.0, check_score), (-0.01, call_cost)))
    >>> env = ToolEnv(mini_tasks("I1-inst"), mini_simulator(), reward=reward)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal, TypeAlias

from toolenv.apis import FINISH
from toolenv.checks import apply_check
from toolenv.episodes import ROOT, Branch, Episode, Outcome
from toolenv.formats.gold import Gold
from toolenv.judging.call_metrics import api_calls
from toolenv.judging.gold_metrics import checkpoints_met
from toolenv.judging.grounding import ground

__all__ = [
    "WORTH",
    "CheckpointScore",
    "Score",
    "VerdictScore",
    "WeightedReward",
    "call_cost",
    "check_score",
    "checkpoint_score",
    "grounded_score",
    "rewards_of",
    "step_cost",
    "token_cost",
]

Score: TypeAlias = Callable[[Branch], float]
"""What a branch is worth so far; 0 for the empty branch."""

WORTH: Final[dict[Outcome, float]] = {
    "passed": 1.0,
    "unsure": 0.5,
    "failed": 0.0,
    "infrastructure_error": 0.0,
}
"""What an outcome is worth as a score."""


def check_score(branch: Branch) -> float:
    """1 for a branch that ended and passes its task's check, else 0.

    Raises:
        CheckError: The check cannot be applied.
    """
    if not branch.ended:
        return 0.0
    return float(apply_check(branch.task.check, branch).decision == "correct")


@dataclass(frozen=True, slots=True)
class VerdictScore:
    """1 for a branch that ended and was judged passed, a half for unsure, else 0.

    Args:
        judge: What a judge says of an ended branch: an outcome, or a score of its own; None where
            it says nothing, which is worth nothing. It has to say the same of equal branches, so
            give one that reads stored verdicts, or stores what it says.
    """

    judge: Callable[[Branch], Outcome | float | None]

    def __call__(self, branch: Branch) -> float:
        """What the verdict is worth."""
        said = self.judge(branch) if branch.ended else None
        if said is None:
            return 0.0
        return WORTH[said] if isinstance(said, str) else float(said)


@dataclass(frozen=True, slots=True)
class CheckpointScore:
    """The share of a task's checkpoints that the branch has reached in their order.

    Args:
        gold: Task id to what is known of its solution; tasks that are not there are worth what
            they carry themselves (``checkpoint_score``).
    """

    gold: Mapping[str, Gold]

    def __call__(self, branch: Branch) -> float:
        """The share; 0 where no checkpoints are known."""
        return _reached(branch, self.gold.get(branch.task.id) or Gold.of(branch.task))


def checkpoint_score(branch: Branch) -> float:
    """The share of the checkpoints that the task carries, reached in their order."""
    return _reached(branch, Gold.of(branch.task))


def grounded_score(branch: Branch) -> float:
    """1 for a branch that ended with an answer without an unsupported claim, else 0."""
    found = ground(branch)
    return float(found is not None and not found.unsupported)


def step_cost(branch: Branch) -> float:
    """How many steps the branch has; give it a weight below 0."""
    return float(len(branch.numbers()))


def call_cost(branch: Branch) -> float:
    """How many calls to APIs the branch has; give it a weight below 0."""
    return float(sum(call.function != FINISH for call, _ in branch.calls()))


def token_cost(branch: Branch) -> float:
    """Thousands of tokens read and written on the branch; give it a weight below 0."""
    return sum(sum(step.message.usage) for step in branch.path()) / 1_000


@dataclass(frozen=True, slots=True)
class WeightedReward:
    """Scores, weighted and added up; what an environment takes as its ``reward``.

    Args:
        scores: Weights and scores.
        when: ``end``: the whole score where a branch ends; ``step``: each step what it changed.

    Raises:
        ValueError: There is no score, or a weight is no finite number.
    """

    scores: tuple[tuple[float, Score], ...]
    when: Literal["end", "step"] = "end"

    def __post_init__(self) -> None:
        if not self.scores or not all(isfinite(weight) for weight, _ in self.scores):
            raise ValueError("a reward needs scores with finite weights")
        if self.when not in ("end", "step"):
            raise ValueError(f"a reward is paid at the end or by step, not {self.when!r}")

    def __call__(self, branch: Branch) -> float:
        """The reward of the branch's last step."""
        if self.when == "end":
            return self.score(branch) if branch.ended else 0.0
        if branch.at == ROOT:
            return 0.0
        before = branch._replace(at=branch.steps[branch.at].parent)
        return self.score(branch) - self.score(before)

    def score(self, branch: Branch) -> float:
        """What the branch is worth so far."""
        return sum(weight * score(branch) for weight, score in self.scores)


def rewards_of(episode: Episode, reward: Score) -> tuple[float, ...]:
    """The rewards of an episode's steps, by number, from its record.

    Args:
        episode: The episode.
        reward: What gives the rewards.
    """
    return tuple(
        reward(Branch(episode.task, episode.steps, number)) for number in range(len(episode.steps))
    )


def _reached(branch: Branch, gold: Gold | None) -> float:
    if gold is None or not gold.checkpoints:
        return 0.0
    return checkpoints_met(api_calls(branch.calls()), gold.checkpoints) / len(gold.checkpoints)
