"""What can be reached without backtracking, computed from the tasks themselves.

A policy that commits calls one provider for each need and, where that fails, gives up. It cannot
know which providers fail, only what their documents say; so the best that it can do is to take the
best-looking ones, and pass where none of them fails. A policy that goes on after a failure, or a
search that comes back, can pass more.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from toolenv.mini.benchmark.plans import Plan, by_looks, plan_of
from toolenv.tasks import Task

__all__ = ["Limits", "limits_of"]


class Limits(NamedTuple):
    """Shares of tasks.

    Args:
        tasks: How many tasks there are.
        solvable: Those that can be solved with what they offer; in the others, giving up is right.
        committed: Those that a policy without backtracking passes by the best-looking providers.
        committed_at_random: The same by providers drawn at random from those that are documented
            for the need: what it passes in the mean.
        needs_recovery: Those that can be solved, and in which a best-looking provider fails.
        out_of_steps: Those of them in which going on in the same branch, always by the
            best-looking provider left, takes more steps than the branch has.
    """

    tasks: int
    solvable: float
    committed: float
    committed_at_random: float
    needs_recovery: float
    out_of_steps: float


def limits_of(tasks: Iterable[Task]) -> Limits:
    """The limits of tasks of this benchmark.

    Example:
        >>> from toolenv.mini.benchmark import benchmark_tasks
        >>> limits_of(benchmark_tasks("I1-inst")).tasks
        200
    """
    plans = [plan_of(task.id) for task in tasks]
    failures = [_failures_met(plan) for plan in plans]
    recovering = [plan.solvable and met > 0 for plan, met in zip(plans, failures, strict=True)]
    late = [
        found and len(plan.goals) + met + 1 > plan.max_steps
        for found, plan, met in zip(recovering, plans, failures, strict=True)
    ]
    count = len(plans)
    return Limits(
        count,
        sum(plan.solvable for plan in plans) / count,
        1 - sum(recovering) / count,
        sum(_chance(plan) for plan in plans) / count,
        sum(recovering) / count,
        sum(late) / count,
    )


def _failures_met(plan: Plan) -> int:
    """Failing providers that are called by who goes from the best-looking to the worst."""
    met = 0
    for goal in plan.goals:
        for one in by_looks(plan.providers(goal)):
            if plan.works(one):
                break
            met += 1
    return met


def _chance(plan: Plan) -> float:
    """The probability that providers drawn at random all work; 1 where giving up is right."""
    if not plan.solvable:
        return 1.0
    offered = [plan.providers(goal) for goal in plan.goals]
    return prod(sum(map(plan.works, found)) / len(found) for found in offered)
