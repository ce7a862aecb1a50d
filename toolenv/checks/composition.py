"""Checks made of checks: all, any, not."""

from __future__ import annotations

from toolenv.checks.given import Given
from toolenv.checks.structures import Judge
from toolenv.checks.verdicts import Decision, Verdict
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["all_of", "any_of", "not_it", "read_part", "read_parts"]

_WORST: tuple[Decision, ...] = ("incorrect", "refused", "unverifiable", "correct")
_BEST: tuple[Decision, ...] = ("correct", "unverifiable", "refused", "incorrect")


def read_parts(check: Check) -> tuple[Check, ...]:
    """The checks that are joined."""
    if not check.checks:
        raise CheckError(f"A check of kind {check.kind!r} needs checks.", where="check.checks")
    return check.checks


def read_part(check: Check) -> Check:
    """The one check that is turned round."""
    if len(check.checks) != 1:
        raise CheckError("A check of kind 'not' needs one check.", where="check.checks")
    return check.checks[0]


def all_of(checks: tuple[Check, ...], given: Given, judge: Judge) -> Verdict:
    """Every part is correct; else the worst of them decides."""
    return _decided(checks, given, judge, _WORST)


def any_of(checks: tuple[Check, ...], given: Given, judge: Judge) -> Verdict:
    """Some part is correct; else the best of them decides."""
    return _decided(checks, given, judge, _BEST)


def _decided(
    checks: tuple[Check, ...], given: Given, judge: Judge, order: tuple[Decision, ...]
) -> Verdict:
    parts = tuple(judge(check, given) for check in checks)
    decision = next(one for one in order if any(part.decision == one for part in parts))
    reasons = [part.reason for part in parts if part.decision == decision]
    return Verdict(decision, "; ".join(reasons), parts=parts)


def not_it(check: Check, given: Given, judge: Judge) -> Verdict:
    """Correct where the part is incorrect, and the reverse; the rest stays what it is."""
    part = judge(check, given)
    turned: dict[Decision, Decision] = {"correct": "incorrect", "incorrect": "correct"}
    reason = f"must not be so: {part.reason}" if part.decision == "correct" else part.reason
    return Verdict(turned.get(part.decision, part.decision), reason, parts=(part,))
