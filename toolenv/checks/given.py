"""What a check is given to look at."""

from __future__ import annotations

from typing import NamedTuple

from toolenv.episodes import Branch
from toolenv.jsontext import JsonValue, render

__all__ = ["Given", "text_of"]


class Given(NamedTuple):
    """A finished branch, and the value that is checked: its answer, or a part of something.

    Args:
        value: The value; None where the branch gave no answer.
        branch: The branch.
        is_answer: Whether the value is the branch's answer itself.
    """

    value: JsonValue
    branch: Branch
    is_answer: bool = True

    @property
    def text(self) -> str:
        """The value as text: a text as it is, anything else as JSON."""
        return text_of(self.value)


def text_of(value: JsonValue) -> str:
    """A value as text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else render(value)
