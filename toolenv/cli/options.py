"""Options that several commands read alike: words of a list, a folder to write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from toolenv import files
from toolenv.errors import ConfigurationError
from toolenv.suggestions import did_you_mean

__all__ = ["Replace", "choices", "require_empty"]

Replace: TypeAlias = Annotated[
    bool, typer.Option("--replace", help="Write over the tables that the folder holds.")
]


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


def require_empty(out: Path, *, replace: bool) -> None:
    """Refuse to write into a folder that holds anything, unless that is asked for.

    Raises:
        ConfigurationError: It holds something.
    """
    if not replace and out.is_dir():
        files.require_empty(out, "Name another folder, or write over what is there with --replace.")
