"""Suggestions for what is misspelt."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable

__all__ = ["did_you_mean", "misfit"]


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


def misfit(error: TypeError, made: Callable[..., object] | None = None) -> str:
    """Why options given by name do not fit what is made with them, in the words of options.

    Args:
        error: What calling it raised.
        made: What was called, where its options are to be suggested.

    Example:
        >>> misfit(TypeError("f() got an unexpected keyword argument 'dept'"))
        "there is no option 'dept'."
        >>> misfit(TypeError("f() missing 1 required positional argument: 'model'"))
        "the option 'model' is missing."
    """
    text = str(error)
    if found := re.search(r"unexpected keyword argument '(\w+)'", text):
        known = inspect.signature(made).parameters if made is not None else ()
        return f"there is no option {found[1]!r}. {did_you_mean(found[1], known)}".rstrip()
    if found := re.search(r"missing \d+ required [\w-]+ arguments?: (.+)$", text):
        named = found[1]
        several = " and " in named
        return f"the option{'s' * several} {named} {'are' if several else 'is'} missing."
    return f"{text}."
