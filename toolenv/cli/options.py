"""Reading options whose values are words of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.suggestions import did_you_mean

__all__ = ["choices"]


def choices(given: Sequence[str], known: Iterable[str], where: str) -> tuple[Any, ...]:
    """The given words, each once, in the order given.

    Raises:
        ConfigurationError: One is not known.
    """
    words = list(known)
    for word in given:
        if word not in words:
            raise ConfigurationError(
                f"Unknown: {word!r}.",
                where=where,
                fix=did_you_mean(word, words) or f"Use one of {', '.join(words)}.",
            )
    return tuple(dict.fromkeys(given))
