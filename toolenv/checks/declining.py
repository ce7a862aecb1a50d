"""Telling an answer that declines from one that is wrong."""

from __future__ import annotations

import re

__all__ = ["declines"]

_VERBS = (
    "find|determine|retrieve|get|access|provide|answer|complete|fulfil|fulfill|help|assist|obtain"
    "|give|tell|locate|fetch|process|perform|do|book|say|resolve|identify|check|look|carry|finish"
)
_DECLINES = re.compile(
    r"\b(?:i|we)(?:['’]m| am|['’]re| are| was| were)? "
    rf"(?:(?:unable|not able) to|(?:can ?not|can['’]?t|could not|couldn['’]?t) "
    rf"(?:\w+ly )?(?:{_VERBS})\b"
    rf"|(?:do not|don['’]?t) (?:know\b|have (?:access|enough|any|the) )|failed to (?:{_VERBS})\b"
    r"|give up\b|must decline\b|won['’]?t be able\b)"
    r"|\b(?:it (?:is|was) (?:not possible|impossible) to|no (?:answer|information|data|results?) "
    r"(?:could be|can be|was|were|is|are) (?:found|available|given|provided|retrieved))\b"
    r"|\bas an ai\b|^\W*(?:sorry|i apologi[sz]e|unfortunately)\b[^.!]{0,60}\b(?:can ?not|can['’]?t"
    r"|could not|couldn['’]?t|unable|not able)\b"
    r"|^\W*(?:i['’]m sorry|sorry|unknown|no answer|not available|n/?a|none|i don['’]?t know)\W*$",
    re.IGNORECASE,
)
_LONGEST = 2_000


def declines(answer: str) -> bool:
    """Whether an answer says, in English, that there is none.

    It is asked of answers that hold nothing correct. Only their first 2,000 characters count.

    Example:
        >>> declines("I'm sorry, I could not find the price."), declines("Sorry to keep you: 7.")
        (True, False)
    """
    return _DECLINES.search(answer[:_LONGEST]) is not None
