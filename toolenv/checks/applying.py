"""Applying a task's check to a finished branch, and what becomes of its verdict."""

from __future__ import annotations

from toolenv.checks.given import Given
from toolenv.checks.kinds import judge
from toolenv.checks.verdicts import Verdict
from toolenv.episodes import Branch, Outcome
from toolenv.tasks import Check

__all__ = ["apply_check", "check_reward", "outcome_of"]


def apply_check(check: Check | None, branch: Branch) -> Verdict:
    """Decide on a finished branch.

    Args:
        check: The task's check; None gives ``unverifiable``.
        branch: The branch to decide on.

    Raises:
        CheckError: The check's kind is unknown, or its value does not suit its kind.
    """
    if check is None:
        return Verdict("unverifiable", "the task has no definite answer")
    return judge(check, Given(branch.answer, branch))


def check_reward(branch: Branch) -> float:
    """The default reward: 1 for a finished branch that passes its task's check, else 0."""
    if not branch.ended:
        return 0.0
    return 1.0 if apply_check(branch.task.check, branch).decision == "correct" else 0.0


def outcome_of(branch: Branch) -> Outcome:
    """A finished branch's outcome by its task's check; ``unsure`` without one.

    ``correct`` is passed, ``incorrect`` and ``refused`` are failed, ``unverifiable`` is unsure.
    """
    if branch.ended.startswith("error:"):
        return "infrastructure_error"
    decision = apply_check(branch.task.check, branch).decision
    if decision == "unverifiable":
        return "unsure"
    return "passed" if decision == "correct" else "failed"
