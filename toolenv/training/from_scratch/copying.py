"""Exercises in copying: words that mean nothing, and then parts of them again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from toolenv.seeds import derive

__all__ = ["copying_rows"]

_BEGINNINGS: Final = (
    *("b", "br", "d", "dr", "f", "g", "gl", "h", "j", "k", "kl", "l", "m", "n", "p", "pr"),
    *("r", "s", "sk", "st", "t", "tr", "v", "w", "z"),
)
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_LENGTHS: Final = (1, 1, 2, 2, 3, 4)
_ENDINGS: Final = ("", "", "n", "r", "l", "x", "m", "t")


def copying_rows(rows: int, *, seed: int = 0) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Conversations in which all that the assistant says stands in the request.

    The request is phrases between commas; then a phrase's first word is given, and the phrase is to
    be said. The rows have the column ``messages`` of supervised fine-tuning.

    Args:
        rows: How many.
        seed: What they are drawn from.

    Example:
        >>> (row,) = copying_rows(1)
        >>> phrases, cue, answer = row["messages"][:3]
        >>> answer["content"].startswith(cue["content"])
        True
        >>> answer["content"] in phrases["content"].split(", ")
        True
    """
    for number in range(rows):
        draw = random.Random(derive("copying", seed, number))
        phrases = [
            " ".join(_word(draw) for _ in range(draw.choice(_LENGTHS)))
            for _ in range(draw.randint(6, 20))
        ]
        by_cue = {phrase.split(" ")[0]: phrase for phrase in phrases}
        cues = draw.sample(sorted(by_cue), min(len(by_cue), draw.randint(3, 8)))
        messages = [{"role": "user", "content": ", ".join(phrases)}]
        for cue in cues:
            messages.append({"role": "user", "content": cue})
            messages.append({"role": "assistant", "content": by_cue[cue]})
        yield {"messages": messages}


def _word(draw: random.Random) -> str:
    syllables = draw.choice((2, 2, 3))
    word = "".join(draw.choice(_BEGINNINGS) + draw.choice(_VOWELS) for _ in range(syllables))
    word += draw.choice(_ENDINGS)
    return word.capitalize() if draw.random() < 0.3 else word
