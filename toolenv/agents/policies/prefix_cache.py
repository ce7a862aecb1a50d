"""Prefix caching: what a model has read is not read again by the next prompt that begins alike.

Steps of an episode, siblings of a search and attempts at one task share most of their prompts. Keys
and values of prompts and answers are kept, and found by hashes of their tokens' blocks, as vLLM does
(Kwon et al. 2023, arXiv 2309.06180), up to the first token that differs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Known", "PrefixCache"]

_BLOCK: Final = 16


class Known(NamedTuple):
    """Keys and values of some tokens.

    Args:
        tokens: Which.
        layers: Of each layer keys and values, each ``(heads, tokens, head width)``.
    """

    tokens: tuple[int, ...]
    layers: tuple[tuple[Any, Any], ...]

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return sum(one.nbytes for layer in self.layers for one in layer)


class PrefixCache:
    """Keys and values by tokens; what was not asked for the longest is forgotten first.

    Args:
        limit: Bytes of memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._entries: OrderedDict[int, Known] = OrderedDict()
        self._of_block: dict[int, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def known_length(self, tokens: Sequence[int]) -> int:
        """How many of the first tokens are known; one at least is left to be read."""
        return self._find(tokens)[1]

    def find(self, tokens: Sequence[int]) -> tuple[Known | None, int]:
        """What is known of a prompt, and of how many of its first tokens."""
        number, length = self._find(tokens)
        if number is None:
            return None, 0
        self._entries.move_to_end(number)
        return self._entries[number], length

    def add(self, known: Known) -> None:
        """Keep what was read; what it continues is contained in it and goes."""
        if len(known.tokens) < _BLOCK or known.size > self._limit:
            return
        number, length = self._find((*known.tokens, -1))
        if number is not None and length >= len(known.tokens):
            return
        if number is not None and length == len(self._entries[number].tokens):
            self._forget(number)
        self._entries[self._next] = known
        self._used += known.size
        for block in _blocks(known.tokens):
            self._of_block[block] = self._next
        self._next += 1
        while self._used > self._limit:
            self._forget(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget all: the weights have changed."""
        self._entries.clear()
        self._of_block.clear()
        self._used = 0

    def _find(self, tokens: Sequence[int]) -> tuple[int | None, int]:
        found = None
        for block in _blocks(tokens):
            number = self._of_block.get(block)
            if number is None:
                break
            found = number
        if found is None:
            return None, 0
        length = 0
        for one, other in zip(self._entries[found].tokens, tokens[:-1], strict=False):
            if one != other:
                break
            length += 1
        return found, length

    def _forget(self, number: int) -> None:
        entry = self._entries.pop(number)
        self._used -= entry.size
        for block in _blocks(entry.tokens):
            if self._of_block.get(block) == number:
                del self._of_block[block]


def _blocks(tokens: Sequence[int]) -> list[int]:
    """A hash of the tokens up to the end of each whole block."""
    found, so_far = list[int](), 0
    for end in range(_BLOCK, len(tokens) + 1, _BLOCK):
        so_far = hash((so_far, *tokens[end - _BLOCK : end]))
        found.append(so_far)
    return found
