"""Keys and values that grow in place.

transformers' own cache copies all of them for each token that is said, which on a CPU takes as long
as the attention itself.
"""

from __future__ import annotations

from typing import Any, Final

from transformers.cache_utils import DynamicCache, DynamicLayer

__all__ = ["growing_cache"]

_SPARE: Final = 64


class _GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """As its base, in a buffer that has room for more."""

    _buffers: tuple[Any, Any] | None = None

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        read = self.get_seq_length()
        length = read + key_states.shape[-2]
        if self._buffers is None or length > self._buffers[0].shape[-2]:
            before = self._buffers
            shape = (*key_states.shape[:-2], length + _SPARE, key_states.shape[-1])
            self._buffers = (
                key_states.new_empty(shape),
                value_states.new_empty((*shape[:-1], value_states.shape[-1])),
            )
            for new, old in zip(self._buffers, before or (), strict=False):
                new[..., :read, :] = old[..., :read, :]
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., read:length, :] = states
        self.keys, self.values = (buffer[..., :length, :] for buffer in self._buffers)
        return self.keys, self.values

    def keep_rows(self, rows: Any) -> None:
        """Forget all rows but some."""
        assert self._buffers is not None
        length = self.get_seq_length()
        self._buffers = tuple(buffer.index_select(0, rows) for buffer in self._buffers)
        self.keys, self.values = (buffer[..., :length, :] for buffer in self._buffers)


def growing_cache(model: Any) -> Any:
    """An empty cache of a model; None where it does not keep keys and values of all tokens."""
    cache = DynamicCache(config=model.config)
    if not cache.layers or any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    cache.layers = [_GrowingLayer() for _ in cache.layers]
    return cache
