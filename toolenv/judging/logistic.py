"""Logistic regression with a small ridge: finite where the data are separable."""

from __future__ import annotations

import numpy as np

from toolenv.judging.bootstrap import Numbers

__all__ = ["fit_logistic"]

_ROUNDS = 50


def fit_logistic(
    design: Numbers, outcomes: Numbers, weights: Numbers | None = None, *, ridge: float = 0.01
) -> Numbers:
    """Newton's method on the penalised log likelihood, which is strictly concave.

    Args:
        design: A row for each case, a column for each term; a column of ones for the level.
        outcomes: 1 or 0 for each case, or a share between.
        weights: How often each case counts; once where None.
        ridge: Weight of the penalty on the squares of all coefficients.

    Returns:
        A coefficient for each column.

    Example:
        >>> level = fit_logistic(np.ones((4, 1)), np.array([1.0, 1.0, 1.0, 0.0]), ridge=1e-9)
        >>> round(float(np.exp(level[0])), 3)
        3.0
    """
    counts = np.ones(len(design)) if weights is None else weights
    found = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        slope = design.T @ (counts * (outcomes - chance)) - ridge * found
        curve = (design * (counts * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + ridge * np.eye(design.shape[1]), slope)
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return found
