"""What stored verdicts tell of the judge's own chance: beside the agent's, and by number of votes.

The votes on an attempt are so many draws of the judge. With several seeds of the agent they make
scores of tasks x agent seeds x judge seeds, which ``toolenv.judging.judge_variance`` separates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from toolenv.judging.judge_variance import (
    VarianceParts,
    VoteGain,
    gains_of_votes,
    variance_parts,
)
from toolenv.judging.rewards import WORTH
from toolenv.judging.verdicts import PassVerdict

__all__ = ["doubt_parts", "vote_gains"]


def vote_gains(
    verdicts: Sequence[PassVerdict], seed: int = 0, *, samples: int = 2_000
) -> list[VoteGain]:
    """What 1, 2, 4 and 8 votes of the judge would be worth.

    What a check decides, or what nobody was asked about, has the same score in every vote.

    Args:
        verdicts: Of one agent and policy.
        seed: What the draws of the intervals derive from.
        samples: How often is drawn.

    Returns:
        Empty where no attempt has two votes.
    """
    each = max((len(verdict.votes) for verdict in verdicts if _is_voted(verdict)), default=0)
    by_task: dict[str, list[list[float]]] = defaultdict(list)
    for verdict in verdicts:
        by_task[verdict.task].append(_scores(verdict, each))
    if each < 2:
        return []
    return gains_of_votes([by_task[task] for task in sorted(by_task)], seed=seed, samples=samples)


def doubt_parts(
    verdicts: Sequence[PassVerdict], seed: int = 0, *, samples: int = 2_000
) -> VarianceParts | str:
    """How much tasks, the agent's chance and the judge's chance each move a vote's score.

    Args:
        verdicts: Of one agent and policy, on every attempt.
        seed: What the draws of the intervals derive from.
        samples: How often is drawn.

    Returns:
        The components of variance, or why they cannot be told apart.
    """
    votes = {len(v.votes) for v in verdicts if _is_voted(v)}
    seeds = sorted({verdict.seed for verdict in verdicts})
    if len(votes) != 1 or min(votes) < 2:
        return "it takes two votes on each attempt, as many on all (--samples)"
    if len(seeds) < 2:
        return "it takes two seeds of the agent (toolenv run --seed 0 --seed 1)"
    by_task: dict[str, dict[int, list[float]]] = defaultdict(dict)
    (each,) = votes
    for verdict in verdicts:
        by_task[verdict.task][verdict.seed] = _scores(verdict, each)
    scores = [[row[one] for one in seeds] for row in by_task.values() if len(row) == len(seeds)]
    if len(scores) < 2:
        return "it takes two tasks"
    return variance_parts(np.array(scores), seed, samples=samples)


def _is_voted(verdict: PassVerdict) -> bool:
    """Whether votes decided, and not a check or a fact alone."""
    return verdict.answered and not verdict.check and len(verdict.votes) > 1


def _scores(verdict: PassVerdict, each: int) -> list[float]:
    if _is_voted(verdict):
        return [WORTH[vote.decision] for vote in verdict.votes]
    return [WORTH[verdict.decision]] * each
