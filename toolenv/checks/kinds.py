"""The kinds of checks: what each takes, reads and decides."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple

from toolenv.checks import mentions
from toolenv.checks.given import Given
from toolenv.checks.verdicts import Verdict
from toolenv.errors import CheckError
from toolenv.suggestions import did_you_mean
from toolenv.tasks import Check

__all__ = ["KINDS", "Kind", "judge", "unknown_kind"]


class Kind(NamedTuple):
    """A kind of check.

    Args:
        needs: What it looks at.
        options: The options that mean something to it, beside ``kind`` and ``examples``.
        read: What a check expects, in the kind's own terms; raises CheckError where the check
            cannot be applied.
        decide: The verdict, given what ``read`` returned.
    """

    needs: Literal["answer", "state", "calls", "ending", "parts"]
    options: tuple[str, ...]
    read: Callable[[Check], Any]
    decide: Callable[[Any, Given], Verdict]


def judge(check: Check, given: Given) -> Verdict:
    """Apply a check.

    Raises:
        CheckError: The check's kind is unknown, or its options do not suit its kind.
    """
    kind = KINDS.get(check.kind)
    if kind is None:
        raise unknown_kind(check.kind)
    expected = kind.read(check)
    ended = given.branch.ended
    if kind.needs == "answer":
        if given.is_answer and given.value is None:
            return Verdict("refused", f"no answer; ended: {ended or 'not at all'}")
    elif kind.needs in ("state", "calls") and ended in ("", "gave_up"):
        return Verdict("refused", f"not finished; ended: {ended or 'not at all'}")
    verdict = kind.decide(expected, given)
    if verdict.decision == "correct" or kind.needs != "answer" or not given.is_answer:
        return verdict
    from toolenv.checks.declining import declines

    text = given.text
    if verdict.decision == "unverifiable" and not text.strip():
        return verdict._replace(decision="refused", reason="the answer is empty")
    if declines(text):
        reason = f"the answer declines; {verdict.reason}"
        return verdict._replace(decision="refused", reason=reason)
    return verdict


def unknown_kind(kind: str) -> CheckError:
    """The error for a kind that does not exist."""
    return CheckError(
        f"Unknown kind of check: {kind!r}.",
        where="check.kind",
        fix=f"{did_you_mean(kind, KINDS)} Use one of {', '.join(sorted(KINDS))}.".lstrip(),
    )


def _gives_up(_: None, given: Given) -> Verdict:
    if given.branch.ended == "gave_up":
        return Verdict("correct", "gave up on a task that cannot be solved")
    ended = given.branch.ended or "no"
    return Verdict("incorrect", f"the task cannot be solved; ended: {ended}")


def _nothing(_: Check) -> None:
    return None


def _later(module: str, function: str, *more: Any) -> Callable[..., Any]:
    """A function of a module here, imported at its first call: compiling patterns takes time."""

    def call(*given: Any) -> Any:
        return getattr(import_module(f"toolenv.checks.{module}"), function)(*given, *more)

    return call


_AT_PATH = ("path", "value", "tolerance", "relative_tolerance", "checks")

KINDS: Final[dict[str, Kind]] = {
    "exact": Kind("answer", ("value",), mentions.read_text, mentions.exact),
    "contains": Kind("answer", ("value",), mentions.read_text, mentions.contains),
    "set": Kind("answer", ("value",), mentions.read_set, mentions.set_of),
    "number": Kind("answer", ("value", "tolerance"), mentions.read_number, mentions.number),
    "gives_up": Kind("ending", (), _nothing, _gives_up),
    "quantity": Kind(
        "answer",
        ("value", "tolerance", "relative_tolerance", "unit"),
        _later("quantities", "read_quantity"),
        _later("quantities", "quantity"),
    ),
    "date": Kind(
        "answer", ("value", "tolerance"), _later("days", "read_day"), _later("days", "day")
    ),
    "time": Kind(
        "answer", ("value", "tolerance"), _later("days", "read_moment"), _later("days", "moment")
    ),
    "name": Kind(
        "answer", ("value",), _later("proper_names", "read_name"), _later("proper_names", "name")
    ),
    "items": Kind(
        "answer", ("value",), _later("listings", "read_items"), _later("listings", "items")
    ),
    "list": Kind(
        "answer", ("value",), _later("listings", "read_items"), _later("listings", "listing")
    ),
    "json_path": Kind(
        "answer",
        _AT_PATH,
        _later("structures", "read_wanted"),
        _later("structures", "json_path", judge),
    ),
    "state": Kind(
        "state",
        _AT_PATH,
        _later("structures", "read_wanted"),
        _later("structures", "state", judge),
    ),
    "required_calls": Kind(
        "calls",
        ("calls", "ordered"),
        _later("calls", "read_calls"),
        _later("calls", "required_calls", judge),
    ),
    "forbidden_calls": Kind(
        "calls",
        ("calls",),
        _later("calls", "read_calls"),
        _later("calls", "forbidden_calls", judge),
    ),
    "all": Kind(
        "parts",
        ("checks",),
        _later("composition", "read_parts"),
        _later("composition", "all_of", judge),
    ),
    "any": Kind(
        "parts",
        ("checks",),
        _later("composition", "read_parts"),
        _later("composition", "any_of", judge),
    ),
    "not": Kind(
        "parts",
        ("checks",),
        _later("composition", "read_part"),
        _later("composition", "not_it", judge),
    ),
}
