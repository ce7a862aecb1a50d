"""Searching the answer in free text before comparing."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from toolenv.checks.amounts import folded
from toolenv.checks.verdicts import Verdict

__all__ = ["LONGEST", "searched"]

Thing = TypeVar("Thing")

LONGEST: Final = 100_000
"""Characters of an answer that are searched at most."""

_FINAL: Final = re.compile(
    r"(?:\b(?:final\s+)?answer(?:\s+is)?\s?[:=]|\b(?:final\s+|the\s+)answer\s+is\b|\bboxed\b)"
    r"(?P<said>[^\n]*?)(?=[.!?]\s|\n|$)",
    re.IGNORECASE,
)


def searched(
    text: str,
    find: Callable[[str], list[Thing]],
    expected: str,
    judge: Callable[[Sequence[Thing]], Verdict],
) -> Verdict:
    """Judge what is found: after the last "answer:" where that has any, else in all of it.

    Args:
        text: The answer.
        find: Finds the things in text that ``folded`` returned.
        expected: What is expected, in a normal form.
        judge: The verdict on what was found.
    """
    if len(text) > LONGEST:
        reason = f"the answer has {len(text):,} characters, and {LONGEST:,} are searched"
        return Verdict("unverifiable", reason, expected)
    plain = folded(text)
    lower = plain.lower()
    marked = "answer" in lower or "boxed" in lower  # quicker than the pattern
    said = [match["said"] for match in _FINAL.finditer(plain)] if marked else []
    found = find(said[-1]) if said else []
    return judge(found or find(plain))
