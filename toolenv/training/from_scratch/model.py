"""A Llama of a few million parameters, with first weights that can copy."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from toolenv.errors import ConfigurationError
from toolenv.training.from_scratch.induction import give_induction_heads

__all__ = ["SIZES", "ModelSize", "new_model"]


class ModelSize(NamedTuple):
    """How large a model is.

    Args:
        width: Width of the residual stream.
        layers: Layers, at least two.
        heads: Attention heads of a layer; half of those of the first two copy.
        inner: Width within the feed-forward parts.
    """

    width: int
    layers: int
    heads: int
    inner: int


SIZES: Final = {
    "tiny": ModelSize(128, 4, 4, 384),
    "small": ModelSize(192, 5, 6, 512),
    "medium": ModelSize(256, 6, 8, 768),
    "large": ModelSize(768, 12, 12, 2048),
}
"""1.0, 2.4, 5.4 and 86 million parameters with 1,024 tokens."""

_BASE: Final = 100_000.0


def new_model(tokenizer: Any, size: ModelSize, *, seed: int = 0) -> Any:
    """A ``LlamaForCausalLM`` that has learned nothing, but can copy.

    Args:
        tokenizer: Of transformers, with padding and end tokens and ``model_max_length``.
        size: How large it is to be.
        seed: What its first weights are drawn from.

    Raises:
        ConfigurationError: The size is impossible.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    if size.layers < 2 or size.heads < 2 or size.width % (4 * size.heads):
        raise ConfigurationError(
            f"No model can be made of {size}.",
            where="size",
            fix="It needs two layers, two heads, and a width that is a multiple of 4 × heads.",
        )
    width = -(-len(tokenizer) // 16) * 16
    configuration = LlamaConfig(
        vocab_size=width,
        hidden_size=size.width,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=tokenizer.model_max_length,
        rope_parameters={"rope_type": "default", "rope_theta": _BASE},
        attention_bias=True,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(configuration)
        give_induction_heads(model)
    return model
