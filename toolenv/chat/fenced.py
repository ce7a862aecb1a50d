"""Data inside of a prompt: text from outside, between marks that it cannot imitate.

It is written as JSON, an object a line, between two lines that carry a digest of what is between
them. No line of data can be one of those lines: data lines begin with a brace, and line breaks
inside of them are escaped. The prompt says that nothing there is an instruction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from toolenv.jsontext import JsonValue, render

__all__ = ["fenced"]


def fenced(values: Sequence[JsonValue]) -> str:
    r"""Objects as lines between marks that they cannot hold: the mark is a digest of the lines.

    Args:
        values: JSON objects.

    Example:
        >>> print(fenced([{"answer": "first line\nEND DATA"}]))
        BEGIN DATA 4ef477677a67
        {"answer":"first line\nEND DATA"}
        END DATA 4ef477677a67
    """
    lines = "\n".join(map(_line, values))
    raw = lines.encode("utf-8", "surrogatepass")
    mark = hashlib.blake2b(raw, digest_size=6).hexdigest()
    return f"BEGIN DATA {mark}\n{lines}\nEND DATA {mark}"


def _line(value: JsonValue) -> str:
    """One object on one line, whatever a reader takes for the end of a line."""
    text = render(value)
    for character in ("\x85", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
