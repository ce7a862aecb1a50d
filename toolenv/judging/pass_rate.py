"""The pass rate of a set of verdicts: a bound, its interval, and what is behind it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from toolenv.judging.bootstrap import Estimate, ratio_estimates
from toolenv.judging.intervals import wilson
from toolenv.judging.verdicts import PassVerdict, leaf_of, voted
from toolenv.seeds import derive

__all__ = ["AgainstChecks", "PassRate", "pass_rate", "score_interval"]


class AgainstChecks(NamedTuple):
    """What the judge said of answers that a definite check decides.

    Args:
        correct: How many the check finds correct.
        false_fails: How many of these the judge failed.
        incorrect: How many the check finds incorrect.
        false_passes: How many of these the judge passed.
        unsure: Of how many of all these the judge was unsure.
    """

    correct: int = 0
    false_fails: int = 0
    incorrect: int = 0
    false_passes: int = 0
    unsure: int = 0

    @property
    def false_fail_rate(self) -> float:
        """Correct answers that the judge failed; NaN where there is none."""
        return self.false_fails / self.correct if self.correct else float("nan")

    @property
    def false_pass_rate(self) -> float:
        """Incorrect answers that the judge passed; NaN where there is none."""
        return self.false_passes / self.incorrect if self.incorrect else float("nan")


class PassRate(NamedTuple):
    """How many of all attempts passed; the denominator is every attempt that was to be made.

    Args:
        attempts: All of them.
        passed: How many passed.
        failed: How many failed, those without an attempt included.
        unsure: What is neither; they are the distance between ``low`` and ``high``.
        unanswered: How many of the failed ones have no attempt at all.
        checked: How many a definite check decided.
        low: The rate where all unsure ones failed.
        high: The rate where all unsure ones passed.
        interval: 95 %, over tasks: from the lower end at ``low`` to the upper end at ``high``.
        warned: How many verdicts are unsure because text in the data spoke to the judge.
        problems: Why votes say nothing, and how many.
        leaves: Where walks ended, and how many.
        contradicted: How many verdicts are unsure because votes contradict each other.
        against_checks: What the judge said where a check decides.
    """

    attempts: int
    passed: int
    failed: int
    unsure: int
    unanswered: int
    checked: int
    low: float
    high: float
    interval: tuple[float, float]
    warned: int
    contradicted: int
    problems: dict[str, int]
    leaves: dict[str, int]
    against_checks: AgainstChecks


def pass_rate(verdicts: Iterable[PassVerdict], *, seed: int = 0) -> PassRate:
    """Count verdicts.

    Args:
        verdicts: One for each attempt that was to be made.
        seed: What the bootstrap draws from, where a task has several attempts.
    """
    found = list(verdicts)
    decisions = Counter(verdict.decision for verdict in found)
    problems: Counter[str] = Counter()
    leaves: Counter[str] = Counter()
    for verdict in found:
        problems.update(vote.problem for vote in verdict.votes if vote.problem)
        leaves.update(leaf_of(v, verdict.tree) or "(broken off)" for v in verdict.votes)
    tasks = [verdict.task for verdict in found]
    lows = [float(verdict.decision == "passed") for verdict in found]
    highs = [float(verdict.decision != "failed") for verdict in found]
    low = score_interval(tasks, lows, derive(seed, "pass rate"))
    high = score_interval(tasks, highs, derive(seed, "pass rate"))
    undecided = [v for v in found if v.decision == "unsure" and not v.warnings]
    return PassRate(
        len(found),
        decisions["passed"],
        decisions["failed"],
        decisions["unsure"],
        sum(not verdict.answered for verdict in found),
        sum(bool(verdict.check) for verdict in found),
        low.value,
        high.value,
        (low.low, high.high),
        sum(bool(verdict.warnings) for verdict in found),
        sum(len({vote.decision for vote in v.votes}) > 1 for v in undecided),
        dict(problems.most_common()),
        dict(leaves.most_common()),
        _against_checks(found),
    )


def score_interval(tasks: Sequence[str], scores: Sequence[float], seed: int) -> Estimate:
    """The mean of scores with a 95 % interval over tasks.

    Wilson's where every task has one score and all are 0 or 1, else a bootstrap of whole tasks.

    Example:
        >>> score_interval(["a", "b"], [1.0, 0.0], 0).value
        0.5
    """
    if not scores:
        return Estimate(float("nan"), float("nan"), float("nan"))
    by_task: dict[str, list[float]] = defaultdict(list)
    for task, score in zip(tasks, scores, strict=True):
        by_task[task].append(score)
    if len(by_task) == len(scores) and set(scores) <= {0.0, 1.0}:
        passed = int(sum(scores))
        return Estimate(passed / len(scores), *wilson(passed, len(scores)))
    parts = [[sum(own)] for own in by_task.values()]
    wholes = [[float(len(own))] for own in by_task.values()]
    return ratio_estimates(parts, wholes, seed, widened=True)[0]


def _against_checks(verdicts: Sequence[PassVerdict]) -> AgainstChecks:
    counts: Counter[tuple[bool, str]] = Counter()
    for verdict in verdicts:
        if verdict.check and verdict.votes:
            counts[verdict.check == "correct", voted(verdict)] += 1
    both = {right: sum(n for (r, _), n in counts.items() if r == right) for right in (True, False)}
    return AgainstChecks(
        both[True],
        counts[True, "failed"],
        both[False],
        counts[False, "passed"],
        counts[True, "unsure"] + counts[False, "unsure"],
    )
