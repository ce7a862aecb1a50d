"""What a step of training need not calculate: masks of padding, scores of what has no label.

Together they took a third of the time of a step on processors: ``benchmarks/training_speed.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["spared_work"]


@contextmanager
def spared_work(*models: Any) -> Iterator[None]:
    """Train without work that changes nothing but the last bits of a loss.

    - Under causal attention no token sees what stands behind it, so padding on the right needs no
      mask; without one, attention skips what no token may see.
    - TRL's language model head scores positions with a label alone where Triton runs, and all
      positions elsewhere, for devices that would compile each new shape; processors do not.

    Args:
        models: Of transformers, with causal attention, under an adapter or not; None for none.
    """
    from trl.trainer import utils

    hooks = [
        model.get_decoder().register_forward_pre_hook(_without_mask, with_kwargs=True)
        for model in models
        if hasattr(model, "get_decoder")
    ]
    scores_labels_alone = getattr(utils, "_use_triton", None)
    if scores_labels_alone is not None:
        utils._use_triton = lambda device: device.type == "cpu" or scores_labels_alone(device)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        if scores_labels_alone is not None:
            utils._use_triton = scores_labels_alone


def _without_mask(
    module: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    mask = named.get("attention_mask")
    if mask is None or mask.dim() != 2:
        return None
    if named.get("past_key_values") is not None or bool((mask[:, 1:] > mask[:, :-1]).any()):
        return None
    return given, {**named, "attention_mask": None}
