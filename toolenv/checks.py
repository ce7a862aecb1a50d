"""Checking definite answers: the check decides, and says why."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from toolenv.episodes import Branch, Outcome
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["Verdict", "apply_check", "check_reward", "outcome_of"]

Decision: TypeAlias = Literal["correct", "incorrect", "refused", "unverifiable"]

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")


class Verdict(NamedTuple):
    """A decision and its reason."""

    decision: Decision
    reason: str


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
    if check.kind == "gives_up":
        if branch.ended == "gave_up":
            return Verdict("correct", "gave up on a task that cannot be solved")
        return Verdict("incorrect", f"the task cannot be solved; ended: {branch.ended or 'no'}")
    comparer = _COMPARERS.get(check.kind)
    if comparer is None:
        raise CheckError(
            f"Unknown kind of check: {check.kind!r}.",
            fix=f"Use one of {', '.join(sorted([*_COMPARERS, 'gives_up']))}.",
        )
    answer = branch.answer
    if answer is None:
        return Verdict("refused", f"no answer; ended: {branch.ended or 'not at all'}")
    return comparer(check, answer)


def check_reward(branch: Branch) -> float:
    """The default reward: 1 for a finished branch that passes its task's check, else 0."""
    if not branch.ended:
        return 0.0
    return 1.0 if apply_check(branch.task.check, branch).decision == "correct" else 0.0


def outcome_of(branch: Branch) -> Outcome:
    """A finished branch's outcome by its task's check; ``unsure`` without one."""
    if branch.ended.startswith("error:"):
        return "infrastructure_error"
    decision = apply_check(branch.task.check, branch).decision
    if decision == "unverifiable":
        return "unsure"
    return "passed" if decision == "correct" else "failed"


def _normal(text: str) -> str:
    """Case, width, accents' composition, white space and outer punctuation folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"\s+", " ", folded).strip(" \t\r\n.,;:!?\"'()[]")


def _mentions(answer: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_normal(value))}(?!\w)", _normal(answer)) is not None


def _exact(check: Check, answer: str) -> Verdict:
    if _normal(answer) == _normal(_text(check)):
        return Verdict("correct", "equal")
    return Verdict("incorrect", f"expected {_text(check)!r}")


def _contains(check: Check, answer: str) -> Verdict:
    if _mentions(answer, _text(check)):
        return Verdict("correct", f"mentions {_text(check)!r}")
    return Verdict("incorrect", f"does not mention {_text(check)!r}")


def _set(check: Check, answer: str) -> Verdict:
    if not isinstance(check.value, list) or not check.value:
        raise CheckError("A check of kind 'set' needs a list of texts.", where="check.value")
    missing = [str(item) for item in check.value if not _mentions(answer, str(item))]
    if missing:
        return Verdict("incorrect", f"does not mention {', '.join(missing)}")
    return Verdict("correct", f"mentions all {len(check.value)}")


def _number(check: Check, answer: str) -> Verdict:
    if isinstance(check.value, bool) or not isinstance(check.value, int | float):
        raise CheckError("A check of kind 'number' needs a number.", where="check.value")
    found = [float(text.replace(",", "")) for text in _NUMBER.findall(answer)]
    if any(abs(number - check.value) <= check.tolerance for number in found):
        return Verdict("correct", f"states {check.value}")
    return Verdict("incorrect", f"expected {check.value} ± {check.tolerance}, found {found}")


def _text(check: Check) -> str:
    if not isinstance(check.value, str) or not check.value:
        raise CheckError(f"A check of kind {check.kind!r} needs a text.", where="check.value")
    return check.value


_COMPARERS: dict[str, Callable[[Check, str], Verdict]] = {
    "exact": _exact,
    "contains": _contains,
    "set": _set,
    "number": _number,
}
