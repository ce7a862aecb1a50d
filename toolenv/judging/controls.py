"""Controls: policies whose order is known before they run, so that a benchmark can be tested.

An oracle knows the solutions, a noisy oracle spoils some of its calls, a random policy calls
anything, and nothing does nothing. Where they do not come in that order, no other order is worth
reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from toolenv.judging.bootstrap import Estimate
from toolenv.judging.clustered import difference_estimates, rate_estimates

__all__ = ["CONTROLS", "ControlGap", "ControlOrder", "order_controls"]

CONTROLS: Final = ("oracle", "noisy oracle", "random", "nothing")
"""The controls, best first."""

Verdict: TypeAlias = Literal["ordered", "not shown", "broken"]

_ROOM: Final = 0.2
"""A gap that a benchmark must be able to show: less of one is no order to speak of."""


class ControlGap(NamedTuple):
    """How far a control is above the next one.

    Args:
        better: The control that should be above.
        worse: The one that should be below.
        difference: The mean over tasks of the paired difference, with its 95 % interval.
        verdict: ``ordered``: the interval is above 0. ``broken``: the difference is not above 0,
            and the interval leaves no room for a fifth. ``not shown``: there are too few tasks to
            tell. Where both pass nothing, as random calls and no calls should, that is
            ``ordered``.
    """

    better: str
    worse: str
    difference: Estimate
    verdict: Verdict


class ControlOrder(NamedTuple):
    """Whether the controls come in their order.

    Args:
        rates: Each control's score, mean over tasks, with its 95 % interval.
        gaps: Each control beside the next.
        verdict: The worst of the gaps' verdicts.
        statement: The same in a sentence.
        tasks: Over how many tasks.
    """

    rates: dict[str, Estimate]
    gaps: tuple[ControlGap, ...]
    verdict: Verdict
    statement: str
    tasks: int


def order_controls(
    scores: Mapping[str, Mapping[str, float]], order: Sequence[str] = CONTROLS
) -> ControlOrder:
    """Tell whether controls come in the order that they must.

    Args:
        scores: By control and task: the mean score of the task's episodes, from 0 to 1.
        order: The controls, best first; those without scores are left out.

    Raises:
        ValueError: There are fewer than two controls, or they did not do the same tasks.
    """
    names = [name for name in order if name in scores]
    if len(names) < 2:
        raise ValueError(f"an order needs two of {', '.join(order)}")
    tasks = sorted(scores[names[0]])
    for name in names:
        if sorted(scores[name]) != tasks:
            raise ValueError(f"{name} and {names[0]} did not do the same tasks")
    values = np.array([[scores[name][task] for name in names] for task in tasks], dtype=float)
    values = values.reshape(len(tasks), len(names))
    told = np.ones_like(values)
    moved = difference_estimates(values[:, :-1] - values[:, 1:], told[:, 1:])
    gaps = tuple(
        ControlGap(better, worse, gap, _verdict(gap, float(values[:, number].sum())))
        for number, ((better, worse), gap) in enumerate(zip(pairwise(names), moved, strict=True))
    )
    found = {gap.verdict for gap in gaps}
    verdict: Verdict = (
        "broken" if "broken" in found else "not shown" if "not shown" in found else "ordered"
    )
    return ControlOrder(
        dict(zip(names, rate_estimates(values, told), strict=True)),
        gaps,
        verdict,
        _statement(names, gaps, verdict, len(tasks)),
        len(tasks),
    )


def _verdict(gap: Estimate, better: float) -> Verdict:
    if gap.value > 0:
        return "ordered" if gap.low > 0 else "not shown"
    if gap.value == 0 and better == 0:
        return "ordered"
    return "broken" if gap.high < _ROOM else "not shown"


def _statement(
    names: Sequence[str], gaps: Sequence[ControlGap], verdict: Verdict, tasks: int
) -> str:
    if verdict == "ordered":
        return f"The controls come in their order: {' > '.join(names)}."
    named = "; ".join(
        f"{gap.better} is {100 * gap.difference.value:.1f} points above {gap.worse} "
        f"({100 * gap.difference.low:.1f} to {100 * gap.difference.high:.1f})"
        for gap in gaps
        if gap.verdict == verdict
    )
    if verdict == "broken":
        return f"The benchmark is broken: {named}."
    return f"The order of the controls is not shown by {tasks} tasks: {named}."
