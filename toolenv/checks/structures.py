"""The checks of a value at a path: in the JSON of an answer, and in the state of a local world."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from toolenv.checks.given import Given
from toolenv.checks.json_paths import JsonPath, embedded_json, follow, parse_path
from toolenv.checks.mentions import normal
from toolenv.checks.verdicts import Found, Verdict
from toolenv.errors import CheckError
from toolenv.jsontext import JsonValue, render
from toolenv.tasks import Check

__all__ = ["Judge", "Wanted", "equal_values", "json_path", "read_wanted", "state"]

Judge: TypeAlias = Callable[[Check, Given], Verdict]
"""Applies a check to what it is given."""


class Wanted(NamedTuple):
    """What a path must lead to: a value, what a check accepts, or anything but null."""

    written: str
    path: JsonPath
    value: JsonValue
    tolerance: float
    relative: float
    check: Check | None


def read_wanted(check: Check) -> Wanted:
    """The path and what it must lead to."""
    if not check.path:
        raise CheckError(
            f"A check of kind {check.kind!r} needs a path.",
            where="check.path",
            fix="Write it as '$.bookings[0].total'; '$' is the whole.",
        )
    if len(check.checks) > 1:
        raise CheckError(
            "A value at a path takes one check.",
            where="check.checks",
            fix='Join several: {"kind": "all", "checks": […]}.',
        )
    if check.checks and check.value is not None:
        raise CheckError("Give a value or a check of it, not both.", where="check.checks")
    return Wanted(
        check.path,
        parse_path(check.path),
        check.value,
        check.tolerance,
        check.relative_tolerance,
        check.checks[0] if check.checks else None,
    )


def json_path(wanted: Wanted, given: Given, judge: Judge) -> Verdict:
    """The JSON in the answer has the value at the path."""
    value = given.value
    documents = embedded_json(value) if isinstance(value, str) else [value]
    holding = [one for one in documents if isinstance(one, dict | list)]
    if not holding:
        return Verdict("unverifiable", "the answer has no JSON in it", wanted.written)
    verdicts = [_at_path(wanted, one, given, judge) for one in holding]
    there = [verdict for verdict in verdicts if verdict.found] or verdicts[:1]
    if len({verdict.decision for verdict in there}) == 1:
        return there[0]
    found = tuple(one for verdict in there for one in verdict.found)
    reason = f"the answer has several things at {wanted.written}"
    return Verdict("unverifiable", reason, there[0].expected, found)


def state(wanted: Wanted, given: Given, judge: Judge) -> Verdict:
    """The local world has the value at the path when the branch ends."""
    last = given.branch.last
    shown = last.state if last is not None else None
    if shown is None:
        reason = "what answered the calls shows no state"
        return Verdict("unverifiable", reason, wanted.written)
    return _at_path(wanted, shown, given, judge)


def _at_path(wanted: Wanted, document: JsonValue, given: Given, judge: Judge) -> Verdict:
    found = follow(wanted.path, document)
    every = None in wanted.path
    if not found and not every:
        return Verdict("incorrect", f"there is nothing at {wanted.written}", _shown(wanted))
    value: JsonValue = found if every else found[0]
    evidence = (Found(wanted.written, render(value)[:200]),)
    if wanted.check is not None:
        inner = judge(wanted.check, Given(value, given.branch, is_answer=False))
        reason = f"{wanted.written}: {inner.reason}"
        return Verdict(inner.decision, reason, inner.expected, evidence, (inner,))
    if wanted.value is None:
        if value is None or (every and not found):
            return Verdict("incorrect", f"{wanted.written} is empty", "", evidence)
        return Verdict("correct", f"there is something at {wanted.written}", "", evidence)
    if equal_values(value, wanted.value, wanted.tolerance, wanted.relative):
        return Verdict("correct", f"{wanted.written} is as expected", _shown(wanted), evidence)
    reason = f"{wanted.written} is {evidence[0].value}, expected {_shown(wanted)}"
    return Verdict("incorrect", reason, _shown(wanted), evidence)


def _shown(wanted: Wanted) -> str:
    return wanted.written if wanted.value is None else render(wanted.value)


def equal_values(
    one: JsonValue, other: JsonValue, tolerance: float = 0.0, relative: float = 0.0
) -> bool:
    """Whether two JSON values are equal: numbers within tolerances, texts folded.

    Args:
        one: What was found.
        other: What was expected.
        tolerance: The largest difference of two numbers.
        relative: The same as a share of the expected number.

    Example:
        >>> equal_values({"n": 3.0, "s": " Oslo"}, {"s": "oslo", "n": 3}), equal_values(True, 1)
        (True, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            equal_values(one[key], other[key], tolerance, relative) for key in other
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            equal_values(mine, theirs, tolerance, relative)
            for mine, theirs in zip(one, other, strict=True)
        )
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or abs(one - other) <= max(tolerance, relative * abs(other))
    if isinstance(one, str) and isinstance(other, str):
        return normal(one) == normal(other)
    return one is None and other is None
