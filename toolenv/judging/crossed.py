"""Means over trainings and tasks, both of which could have been others.

A method that trains is measured by several trainings, all of them on the same tasks. What it would
come to with other seeds and other tasks is a question of two crossed random effects: neither the
trainings of a task nor the tasks of a training are independent of each other.
"""

from __future__ import annotations

from math import nan, sqrt

from toolenv.judging.bootstrap import Estimate, Numbers
from toolenv.judging.intervals import student

__all__ = ["crossed_estimate"]


def crossed_estimate(scores: Numbers, *, confidence: float = 0.95) -> Estimate:
    """The mean of scores of some trainings at some tasks, with its interval over both.

    The variance of the mean is put together from the mean squares of trainings, tasks and what is
    left, and its degrees of freedom are Satterthwaite's (Searle, Casella and McCulloch, "Variance
    Components", 1992, chapter 4). For a difference of two methods give the differences, cell by
    cell.

    Args:
        scores: One row for each training, one column for each task.
        confidence: How often such an interval holds the true mean.

    Returns:
        The mean and its interval, which is not defined for one training or one task.

    Example:
        >>> import numpy
        >>> found = crossed_estimate(numpy.array([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
        >>> found.value, found.low < 0.5 < found.high
        (0.5, True)
    """
    trainings, tasks = scores.shape
    mean = float(scores.mean())
    if trainings < 2 or tasks < 2:
        return Estimate(mean, nan, nan)
    by_training, by_task = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - by_training[:, None] - by_task[None, :] + mean
    of_trainings = tasks * float(((by_training - mean) ** 2).sum()) / (trainings - 1)
    of_tasks = trainings * float(((by_task - mean) ** 2).sum()) / (tasks - 1)
    of_rest = float((rest**2).sum()) / ((trainings - 1) * (tasks - 1))
    # what chance makes negative is none: the mean varies at least as much as either does alone
    variance = max(of_trainings + of_tasks - of_rest, of_trainings, of_tasks)
    if variance == 0:
        return Estimate(mean, mean, mean)
    doubt = (
        of_trainings**2 / (trainings - 1)
        + of_tasks**2 / (tasks - 1)
        + of_rest**2 / ((trainings - 1) * (tasks - 1))
    )
    freedom = max(1, round(variance**2 / doubt))
    half = student((1 - confidence) / 2, min(freedom, 1_000)) * sqrt(variance / scores.size)
    return Estimate(mean, mean - half, mean + half)
