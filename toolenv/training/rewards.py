"""Rewards by name: the scores of ``toolenv.judging.rewards``, weighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from toolenv.errors import ConfigurationError
from toolenv.judging.rewards import (
    Score,
    WeightedReward,
    call_cost,
    check_score,
    checkpoint_score,
    grounded_score,
    step_cost,
    token_cost,
)
from toolenv.simulators.specification import import_object

__all__ = ["SCORES", "open_reward"]

SCORES: Final[Mapping[str, Score]] = {
    "check": check_score,
    "checkpoints": checkpoint_score,
    "grounded": grounded_score,
    "steps": step_cost,
    "calls": call_cost,
    "tokens": token_cost,
}
"""The scores by name; the last three are costs, for weights below 0."""


def open_reward(terms: Sequence[str]) -> WeightedReward:
    """What an ended branch is worth.

    Args:
        terms: Each ``NAME`` or ``WEIGHT*NAME``; a name of ``SCORES``, or ``module:name``.

    Raises:
        ConfigurationError: One cannot be read.

    Example:
        >>> [weight for weight, _ in open_reward(["check", "-0.05*calls"]).scores]
        [1.0, -0.05]
    """
    return WeightedReward(tuple(_term(term) for term in terms))


def _term(term: str) -> tuple[float, Score]:
    weight, star, name = term.rpartition("*")
    try:
        share = float(weight) if star else 1.0
    except ValueError:
        raise ConfigurationError(
            f"{weight!r} is no weight.", where="rewards", fix="Write WEIGHT*NAME, as -0.05*calls."
        ) from None
    if name in SCORES:
        return share, SCORES[name]
    if ":" not in name:
        raise ConfigurationError(
            f"There is no score {name!r}.",
            where="rewards",
            fix=f"They are {', '.join(SCORES)}, or module:name of a function of a branch.",
        )
    score: Score = import_object(name, where="rewards")
    return share, score
