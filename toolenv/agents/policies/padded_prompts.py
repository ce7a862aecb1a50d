"""Prompts of different lengths as one batch, of which some beginnings have been read before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolenv.agents.policies.local_model import LoadedModel
from toolenv.agents.policies.prefix_cache import Known, PrefixCache

__all__ = ["PaddedPrompts"]


class PaddedPrompts:
    """A batch: first what is known of each row, then what is not, both padded on the left.

    Args:
        loaded: The model that reads it.
        prompts: The tokens of each row.
        cache: What it has read before. Models that do not keep keys and values of all tokens, as
            with sliding windows, do without.

    Attributes:
        rows: Tokens, all rows alike in length.
        masks: 1 where a token is no padding.
        past: Keys and values of what is known, in transformers' form; None where it has to make its
            own.
    """

    def __init__(
        self, loaded: LoadedModel, prompts: Sequence[Sequence[int]], cache: PrefixCache | None
    ) -> None:
        from toolenv.agents.policies.growing_cache import growing_cache

        self.past = growing_cache(loaded.model)
        self._cache = cache if self.past is not None else None
        self._ends = loaded.ends
        self._prompts = [*prompts]
        found = [self._cache.find(one) if self._cache else (None, 0) for one in prompts]
        self._lengths = [length for _, length in found]
        self._known = max(self._lengths)
        self._new = max(len(p) - n for p, n in zip(prompts, self._lengths, strict=True))
        self.rows: list[list[int]] = []
        self.masks: list[list[int]] = []
        for prompt, length in zip(prompts, self._lengths, strict=True):
            parts = (self._known, prompt[:length]), (self._new, prompt[length:])
            self.rows.append(
                [t for width, part in parts for t in (*_pad(loaded.padding, width, part), *part)]
            )
            self.masks.append(
                [m for width, part in parts for m in (*_pad(0, width, part), *[1] * len(part))]
            )
        if self._known:
            self._put([entry for entry, _ in found])

    def keep(self, row: int, said: Sequence[int]) -> None:
        """Add what was read to the cache: a prompt, and of its answer all but what nobody read.

        Args:
            row: Which row.
            said: The tokens of its answer, and of what pads it.
        """
        if self._cache is None:
            return
        prompt, length, width = self._prompts[row], self._lengths[row], self._known + self._new
        end = next((n for n, token in enumerate(said) if token in self._ends), len(said))
        answer = said[: min(end + 1, self.past.get_seq_length() - width)]
        spans = (self._known - length, self._known), (width - len(prompt) + length, width + len(answer))
        self._cache.add(
            Known(
                (*prompt, *answer),
                tuple(
                    (_columns(layer.keys[row], spans), _columns(layer.values[row], spans))
                    for layer in self.past.layers
                ),
            )
        )

    def narrow(self, rows: Sequence[int], said: Sequence[Sequence[int]]) -> None:
        """Go on with some rows alone.

        Args:
            rows: Which, by their places.
            said: What each of them has said since the batch was made or narrowed, no padding in it.
        """
        import torch

        self.rows = [[*self.rows[row], *new] for row, new in zip(rows, said, strict=True)]
        self.masks = [[*self.masks[row], *[1] * len(new)] for row, new in zip(rows, said, strict=True)]
        self._prompts = [self._prompts[row] for row in rows]
        self._lengths = [self._lengths[row] for row in rows]
        for layer in self.past.layers:
            layer.keep_rows(torch.tensor(rows, device=layer.keys.device))

    def _put(self, entries: Sequence[Known | None]) -> None:
        some = next(entry for entry in entries if entry is not None)
        for number, (like, _) in enumerate(some.layers):
            heads, _, head_width = like.shape
            both = [like.new_zeros(len(entries), heads, self._known, head_width) for _ in range(2)]
            for row, (entry, length) in enumerate(zip(entries, self._lengths, strict=True)):
                if entry is not None:
                    for whole, part in zip(both, entry.layers[number], strict=True):
                        whole[row, :, self._known - length :] = part[:, :length]
            self.past.update(*both, number)


def _pad(filling: int, width: int, part: Sequence[int]) -> list[int]:
    return [filling] * (width - len(part))


def _columns(one: Any, spans: Sequence[tuple[int, int]]) -> Any:
    import torch

    return torch.cat([one[:, begin:end] for begin, end in spans], dim=1)
