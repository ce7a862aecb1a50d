"""Checks that look for texts and numbers anywhere in an answer: the oldest, and the simplest."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from toolenv.checks.given import Given
from toolenv.checks.verdicts import Verdict
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = [
    "contains",
    "exact",
    "mentioned",
    "normal",
    "number",
    "read_number",
    "read_set",
    "read_text",
    "set_of",
]

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")
_SPACE = re.compile(r"\s+")


def normal(text: str) -> str:
    """Case, width, accents' composition, white space and outer punctuation folded.

    Example:
        >>> normal("  Zu\u0308rich. ")
        'zürich'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", folded).strip(" \t\r\n.,;:!?\"'()[]")


def mentioned(answer: str, value: str) -> bool:
    """Whether a text has another in it, as whole words, both folded."""
    return _whole_words(value).search(normal(answer)) is not None


@lru_cache(maxsize=4096)
def _whole_words(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(normal(value))}(?!\w)")


def read_text(check: Check) -> str:
    """The text to compare with."""
    if not isinstance(check.value, str) or not check.value:
        raise CheckError(f"A check of kind {check.kind!r} needs a text.", where="check.value")
    return check.value


def exact(value: str, given: Given) -> Verdict:
    """The answer is the text and nothing else."""
    if normal(given.text) == normal(value):
        return Verdict("correct", "equal", value)
    return Verdict("incorrect", f"expected {value!r}", value)


def contains(value: str, given: Given) -> Verdict:
    """The answer mentions the text."""
    if mentioned(given.text, value):
        return Verdict("correct", f"mentions {value!r}", value)
    return Verdict("incorrect", f"does not mention {value!r}", value)


def read_set(check: Check) -> list[str]:
    """The texts to be mentioned."""
    if not isinstance(check.value, list) or not check.value:
        raise CheckError(
            f"A check of kind {check.kind!r} needs a list of texts.", where="check.value"
        )
    return [str(item) for item in check.value]


def set_of(values: list[str], given: Given) -> Verdict:
    """The answer mentions all the texts."""
    missing = [value for value in values if not mentioned(given.text, value)]
    if missing:
        return Verdict("incorrect", f"does not mention {', '.join(missing)}", ", ".join(values))
    return Verdict("correct", f"mentions all {len(values)}", ", ".join(values))


def read_number(check: Check) -> tuple[int | float, float]:
    """The number and its tolerance."""
    if isinstance(check.value, bool) or not isinstance(check.value, int | float):
        raise CheckError("A check of kind 'number' needs a number.", where="check.value")
    return check.value, check.tolerance


def number(expected: tuple[int | float, float], given: Given) -> Verdict:
    """The answer states the number somewhere."""
    value, tolerance = expected
    found = [float(text.replace(",", "")) for text in _NUMBER.findall(given.text)]
    if any(abs(number - value) <= tolerance for number in found):
        return Verdict("correct", f"states {value}", str(value))
    return Verdict("incorrect", f"expected {value} ± {tolerance}, found {found}", str(value))
