"""Whether position and length alone tell which side of a pair is the chosen one.

If they do, a model learns them instead of what is better. A logistic regression sees of each side
its place among its siblings and its length, nothing else, and predicts for tasks that it was not
fitted to: it must stay near 50 %.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from toolenv.jsontext import render
from toolenv.judging.bootstrap import Estimate, Numbers
from toolenv.judging.clustered import rate_estimates
from toolenv.judging.logistic import fit_logistic
from toolenv.preferences.pairs import Pair, first_turn
from toolenv.seeds import derive

__all__ = ["NEAR", "Leak", "LeakCheck"]

NEAR: Final = 0.05
"""How far from one half the accuracy may be."""

_KEPT: Final = 20_000
_FOLDS: Final = 5
_RIDGE: Final = 1.0


class Leak(NamedTuple):
    """What position and length tell.

    Args:
        accuracy: How often the chosen side is told, of tasks that the classifier has not seen,
            with its 95 % interval over tasks; not a number where there are fewer than two tasks.
        later: The share of the pairs of siblings whose chosen side is the later sibling.
        longer: The share whose chosen side is the longer one; equal lengths count one half.
        pairs: How many pairs were looked at.
    """

    accuracy: Estimate
    later: float
    longer: float
    pairs: int

    @property
    def leaks(self) -> bool:
        """Whether the accuracy is above one half by more than chance, and by more than ``NEAR``."""
        return self.accuracy.low > 0.5 and self.accuracy.value > 0.5 + NEAR

    def warning(self) -> str:
        """What to say of it; empty where nothing leaks."""
        if not self.leaks:
            return ""
        rate = self.accuracy
        return (
            f"Position and length alone tell the chosen side in {rate.value:.0%} of {self.pairs} "
            f"pairs ({rate.low:.0%} to {rate.high:.0%}): it is the later sibling in "
            f"{self.later:.0%} and the longer one in {self.longer:.0%}. A model can learn that "
            "instead of what is better: add sources that are not won by the order of the search "
            "(resampled, errors, repeats, outcome of several seeds), or leave one out."
        )


class LeakCheck:
    """Looks at pairs as they pass; memory does not grow with them.

    Args:
        seed: What sampling and the order of the sides derive from.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(derive("leaks", seed))
        self._seen = 0
        self._kept: list[tuple[str, float, float]] = []

    def add(self, pair: Pair) -> None:
        """Look at a pair."""
        position = float(np.sign(pair.better.rank - pair.worse.rank))
        lengths = [
            len(render([[one.get("content"), one.get("tool_calls")] for one in first_turn(side)]))
            for side in (pair.chosen, pair.rejected)
        ]
        row = (pair.task, position, float(np.log(lengths[0] / lengths[1])))
        self._seen += 1
        if len(self._kept) < _KEPT:
            self._kept.append(row)
        elif (place := self._random.randrange(self._seen)) < _KEPT:
            self._kept[place] = row

    def leak(self) -> Leak:
        """What position and length tell of the pairs so far."""
        if not self._kept:
            nothing = float("nan")
            return Leak(Estimate(nothing, nothing, nothing), nothing, nothing, 0)
        features = np.array([row[1:] for row in self._kept])
        tasks = np.unique([row[0] for row in self._kept], return_inverse=True)[1]
        siblings = features[features[:, 0] != 0, 0]
        return Leak(
            self._accuracy(features, tasks),
            float((siblings > 0).mean()) if len(siblings) else 0.5,
            float((np.sign(features[:, 1]) + 1).mean() / 2),
            self._seen,
        )

    def _accuracy(
        self, features: Numbers, tasks: Sequence[int] | np.typing.NDArray[np.intp]
    ) -> Estimate:
        count = int(np.max(tasks)) + 1
        folds = np.array([self._random.randrange(_FOLDS) for _ in range(count)])
        if count < 2 or len(set(folds)) < 2:
            nothing = float("nan")
            return Estimate(nothing, nothing, nothing)
        scale = np.sqrt((features**2).mean(axis=0))
        scaled = features / np.where(scale > 0, scale, 1.0)
        told = np.empty(len(scaled))
        for fold in range(_FOLDS):
            held = folds[tasks] == fold
            # The difference of the sides, seen from either of them: the other sign, the other side.
            weights = fit_logistic(scaled[~held], np.ones(int((~held).sum())), ridge=_RIDGE)
            told[held] = scaled[held] @ weights
        right = (np.sign(told) + 1) / 2
        parts, wholes = np.zeros((count, 1)), np.zeros((count, 1))
        np.add.at(parts[:, 0], tasks, right)
        np.add.at(wholes[:, 0], tasks, 1.0)
        return rate_estimates(parts, wholes)[0]
