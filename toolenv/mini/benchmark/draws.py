"""Draws that are the same on every machine and Python, and words that exist nowhere else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final, TypeVar

from toolenv.seeds import derive

__all__ = ["SEED", "Draw", "article", "capitalised", "invented"]

T = TypeVar("T")

SEED: Final = "MiniToolBench-1"
"""What everything in the world derives from."""

_ONSETS: Final = "bdfklmnrstvw"
_VOWELS: Final = "aeiou"
_CODAS: Final = "nrlskm"
_SHORT: Final = 60 * 60 * 6
_UNFORTUNATE: Final = frozenset({"semen", "moron", "satan", "nuker", "wanker"})


class Draw:
    """A stream of draws from a derived seed.

    Of ``random`` it uses ``random()`` alone, which is the same in every version of Python.

    Args:
        parts: What the stream depends on.

    Example:
        >>> Draw("dice", 1).below(6) == Draw("dice", 1).below(6)
        True
    """

    __slots__ = ("_next",)

    def __init__(self, *parts: int | str) -> None:
        self._next = random.Random(derive(SEED, *parts)).random

    def below(self, limit: int) -> int:
        """An integer from 0 to below the limit."""
        return int(self._next() * limit)

    def between(self, least: int, most: int) -> int:
        """An integer from the least to the most, both included."""
        return least + self.below(most - least + 1)

    def chance(self, share: float) -> bool:
        """True in this share of draws."""
        return self._next() < share

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Up to ``count`` of the items, none twice, in the order drawn."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]

    def weighted(self, items: Sequence[tuple[T, float]]) -> T:
        """One of the items, each with the weight beside it."""
        at = self._next() * sum(weight for _, weight in items)
        for item, weight in items:
            at -= weight
            if at < 0:
                return item
        return items[-1][0]


def invented(space: str, number: int) -> str:
    """A pronounceable word of five letters that no dictionary has, or hardly.

    Args:
        space: What kind of word it is; each kind has an order of its own.
        number: Its number in that order: below 21,600, no two numbers give the same word.

    Example:
        >>> len({invented("tool", number) for number in range(21600)})
        21600
    """
    at = (number * 7919 + derive(SEED, "invented", space)) % _SHORT
    at, coda = divmod(at, len(_CODAS))
    word = _CODAS[coda]
    for _ in range(2):
        at, vowel = divmod(at, len(_VOWELS))
        at, onset = divmod(at, len(_ONSETS))
        word = _ONSETS[onset] + _VOWELS[vowel] + word
    return word if word not in _UNFORTUNATE else f"{word}a"


def capitalised(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def article(noun: str) -> str:
    """The noun with ``a`` or ``an``."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
