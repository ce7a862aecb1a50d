"""The win rate that would be seen if both answers were equally long.

The model is a logistic regression of who wins on the difference of lengths::

    P(candidate wins) = 1 / (1 + exp(-(a + b * d)))

where ``d`` is the difference of the two final answers' lengths in characters, divided by its root
mean square and squeezed by tanh, so that one endless answer does not decide the slope. A tie counts
as half a win and half a loss. The rate at ``d = 0`` is ``1 / (1 + exp(-a))``. A small ridge on
``a`` and ``b`` keeps both finite where every comparison went one way. The model's form follows
Dubois et al., "Length-Controlled AlpacaEval", 2024, without their terms for single tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toolenv.judging.bootstrap import Drawn, Estimate, Numbers, bootstrap
from toolenv.judging.logistic import fit_logistic

__all__ = ["LengthControlled", "length_controlled"]


class LengthControlled(NamedTuple):
    """A win rate at equal lengths.

    Args:
        rate: The rate, with its interval over tasks.
        slope: How much longer answers win: the change in log odds for a difference of about one
            root mean square; 0 where length makes no difference.
    """

    rate: Estimate
    slope: Estimate


def length_controlled(
    tasks: Sequence[str],
    scores: Sequence[float],
    differences: Sequence[float],
    seed: int,
    *,
    samples: int = 1_000,
) -> LengthControlled:
    """Fit the model.

    Args:
        tasks: The task of each comparison; intervals are over whole tasks.
        scores: 1 for a win, 0 for a loss, one half for a tie.
        differences: Characters of the candidate's answer less those of the reference's.
        seed: What the bootstrap draws from.
        samples: How often is drawn.
    """
    if not scores:
        nothing = Estimate(float("nan"), float("nan"), float("nan"))
        return LengthControlled(nothing, nothing)
    raw = np.asarray(differences, dtype=float)
    spread = float(np.sqrt(np.mean(raw * raw))) or 1.0
    design = np.stack([np.ones_like(raw), np.tanh(raw / spread)], axis=1)
    values = np.asarray(scores, dtype=float)
    names, owners = np.unique(np.asarray(tasks, dtype=str), return_inverse=True)

    def fitted(drawn: Drawn) -> Numbers:
        weights = np.bincount(drawn, minlength=len(names)).astype(float)[owners]
        level, slope = fit_logistic(design, values, weights)
        return np.array([1 / (1 + np.exp(-level)), slope])

    rate, slope = bootstrap(
        fitted, len(names), seed, samples=samples, widened=[len(names), len(names)]
    )
    return LengthControlled(rate, slope)
