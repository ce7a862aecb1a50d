"""What a check says: a decision, its reason, and what was found against what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Candidate", "Decision", "Fit", "Found", "Verdict", "decide_among"]

Decision: TypeAlias = Literal["correct", "incorrect", "refused", "unverifiable"]
"""``refused``: the answer declines, or there is none. ``unverifiable``: nothing to compare, or
what there is can be read in more than one way."""

Fit: TypeAlias = Literal["fits", "may fit", "differs"]
"""How what was found compares: ``may fit`` in another reading than the usual one."""


class Found(NamedTuple):
    """Something found in what was checked.

    Args:
        text: The words it was found in.
        value: What they were read as, in a normal form.
    """

    text: str
    value: str


class Verdict(NamedTuple):
    """A decision and its reason.

    Args:
        decision: The decision.
        reason: Why, in a sentence's part.
        expected: What was expected, in a normal form; empty where the reason says all.
        found: What was extracted, in the order of the text.
        parts: The verdicts of the parts of a composed check, in their order.
    """

    decision: Decision
    reason: str
    expected: str = ""
    found: tuple[Found, ...] = ()
    parts: tuple[Verdict, ...] = ()


class Candidate(NamedTuple):
    """Something found that may be the answer, and how it compares."""

    found: Found
    fit: Fit


_MOST = 20
"""Findings that a verdict keeps; of more, the first."""


def decide_among(expected: str, candidates: Sequence[Candidate], *, nothing: str) -> Verdict:
    """The verdict on what was found: all of it must agree.

    Args:
        expected: What was expected, in a normal form.
        candidates: What was found.
        nothing: The reason where nothing was found.

    Returns:
        ``correct`` where every candidate fits, ``incorrect`` where none can, else
        ``unverifiable``: the answer also says something else, or can be read in two ways.
    """
    found = tuple(dict.fromkeys(candidate.found for candidate in candidates))[:_MOST]
    if not candidates:
        return Verdict("unverifiable", nothing, expected)
    fits: set[Fit] = {candidate.fit for candidate in candidates}
    said = _listed(one.value for one in found)
    if fits == {"fits"}:
        return Verdict("correct", f"states {said}", expected, found)
    if fits == {"differs"}:
        return Verdict("incorrect", f"expected {expected}, found {said}", expected, found)
    how = "several things" if "fits" in fits else "what can be read in two ways"
    reason = f"expected {expected}, found {how}: {said}"
    return Verdict("unverifiable", reason, expected, found)


def _listed(texts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    return ", ".join(distinct[:5]) + (" …" if len(distinct) > 5 else "")
