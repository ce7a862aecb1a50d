"""Suggestions for what is misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(written: object, known: Iterable[str], most: int = 1) -> str:
    """The nearest known names, as a question; empty where none is near.

    Args:
        written: What was written.
        known: What it can have meant.
        most: How many are named.

    Example:
        >>> did_you_mean("polices", ["policies", "agents"])
        'Did you mean policies?'
        >>> did_you_mean("zzz", ["policies", "agents"])
        ''
    """
    near = difflib.get_close_matches(str(written), list(known), n=most)
    return f"Did you mean {' or '.join(near)}?" if near else ""
