"""What a row of the instruction tables says: a request, what is offered, and how it is solved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from toolenv.jsontext import JsonValue
from toolenv.mini.state import Failure
from toolenv.tasks import Check

__all__ = ["GIVES_UP", "Row", "contains", "exact", "names", "number"]

GIVES_UP = Check(kind="gives_up")
"""The request cannot be met with what is offered: an answer would be invented."""


class Row(NamedTuple):
    """One instruction. APIs are written ``Tool.api``.

    Args:
        id: The task's id.
        instruction: The user's request.
        offers: The APIs offered, relevant and not.
        calls: The calls that solve it, with their arguments; those that show why it cannot be
            solved, where it cannot.
        answer: The answer that these calls lead to; None to give up.
        check: How an answer is checked.
        failures: Tool, or ``Tool.api``, to how it fails in this task's episodes.
    """

    id: str
    instruction: str
    offers: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, JsonValue]], ...]
    answer: str | None
    check: Check
    failures: Mapping[str, Failure] = {}


def number(value: float, tolerance: float = 0.005) -> Check:
    """The answer states a number."""
    return Check(kind="number", value=value, tolerance=tolerance)


def contains(text: str) -> Check:
    """The answer mentions a text."""
    return Check(kind="contains", value=text)


def exact(text: str) -> Check:
    """The answer is a text and nothing else."""
    return Check(kind="exact", value=text)


def names(*texts: str) -> Check:
    """The answer mentions all of some texts."""
    return Check(kind="set", value=list(texts))
