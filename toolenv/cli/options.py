"""Reading options whose values are words of a list."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from toolenv.errors import ConfigurationError

__all__ = ["choices"]


def choices(given: Sequence[str], known: Iterable[str], where: str) -> tuple[Any, ...]:
    """The given words, each once, in the order given.

    Raises:
        ConfigurationError: One is not known.
    """
    words = list(known)
    for word in given:
        if word not in words:
            near = difflib.get_close_matches(word, words, n=1)
            raise ConfigurationError(
                f"Unknown: {word!r}.",
                where=where,
                fix=f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(words)}.",
            )
    return tuple(dict.fromkeys(given))
