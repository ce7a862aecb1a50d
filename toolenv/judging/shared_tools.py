"""Tasks that share tools: how much more a mean varies than if each task were on its own.

Each task needs some tools, each tool is needed by many tasks, and tools may be good or bad: the
tasks of a tool are alike. What a task's value strays by is taken as the mean of what its tools
bring, plus what the task alone does (a multiple-membership model with random effects; Browne,
Goldstein and Rasbash, Statistical Modelling 1, 2001). The two variances are estimated from two sums
of squares, that over tasks and that over what the tasks of each tool sum to, so that both are
unbiased whichever tools the tasks share, and however many. A mean is never taken to vary less than
if tools did nothing, and its doubt is that of as many values as there are tools.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from toolenv.judging.bootstrap import Numbers

__all__ = ["Sharing", "shared_tools"]


class Sharing(NamedTuple):
    """What tools do to the doubt of a mean.

    Args:
        effect: By how much the variance of the mean grows, 1 or more (Kish's design effect).
        tools: How many tools there are; those needed by the very same tasks count as one.
    """

    effect: float
    tools: int


def shared_tools(moved: Numbers, weights: Numbers, members: Numbers) -> list[Sharing]:
    """How much more each column's mean varies because tasks share tools.

    Args:
        moved: By task and column: how much the task moves the mean, adding up to 0
            (``toolenv.judging.clustered.influences``).
        weights: The same shape: how much the task counts, of any scale; 0 where it tells nothing.
        members: By task and tool: how much of the task belongs to the tool; rows add up to 1.

    Example:
        >>> values = np.array([[1.0], [1.0], [-1.0], [-1.0]])
        >>> alike = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> shared_tools(values, np.ones((4, 1)), alike)
        [Sharing(effect=3.0, tools=2)]
    """
    known: dict[bytes, _Design] = {}
    found = []
    for column in range(moved.shape[1]):
        told = weights[:, column] > 0
        counts = weights[told, column]
        key = told.tobytes() + counts.tobytes()
        design = known.get(key)
        if design is None:
            design = known[key] = _Design(counts, members[told])
        found.append(Sharing(design.effect(moved[told, column]), design.tools))
    return found


class _Design:
    """Which tasks need which tools, and what the two sums of squares come to by either variance."""

    def __init__(self, counts: Numbers, members: Numbers) -> None:
        self.tasks = len(counts)
        members = members[:, members.any(axis=0)]
        self.tools = len(np.unique(members.T, axis=0)) if self.tasks else 0
        if self.tools < 2:
            return
        shares = counts / counts.mean()
        self._brought = brought = members * shares[:, None]  # tool to task, as the task counts
        sums = brought.sum(axis=0)
        centred = brought - np.outer(shares, sums) / self.tasks  # less what moves the mean itself
        # rows: squares over tasks, squares over tools; columns: by tasks alone, by tools
        alone = self.tasks - 2 + float(shares @ shares) / self.tasks
        by_tool = brought - np.outer(np.ones(self.tasks), shares @ brought) / self.tasks
        self._expected = np.array(
            [
                [alone, float((centred**2).sum())],
                [float((by_tool**2).sum()), float(_squares(brought, centred))],
            ]
        )
        # the variance of the mean, by the same two
        self._of_mean = np.array([1 / self.tasks, float(sums @ sums) / self.tasks**2])

    def effect(self, moved: Numbers) -> float:
        """How many times its variance if tasks were on their own the mean has."""
        squares = float(moved @ moved)
        if self.tools < 2 or squares <= 0 or abs(np.linalg.det(self._expected)) < 1e-9:
            return 1.0
        seen = np.array([squares, float(((moved @ self._brought) ** 2).sum())])
        variance = float(self._of_mean @ np.linalg.solve(self._expected, seen))
        return max(1.0, variance * self.tasks * (self.tasks - 1) / squares)


def _squares(ones: Numbers, others: Numbers) -> float:
    """The sum of squares of all products of columns of two matrices of as many rows."""
    if ones.shape[1] > len(ones):  # many tools: the same over pairs of tasks is less work
        return float(np.sum((ones @ ones.T) * (others @ others.T)))
    return float(((ones.T @ others) ** 2).sum())
