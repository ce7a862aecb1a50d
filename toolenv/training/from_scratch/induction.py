"""First weights with induction heads: the circuit that copies what followed last time.

A head of the first layer looks at the previous token and writes its embedding beside the token's
own; a head of the second looks for a place whose previous token is the present one, and says what
stands there (Olsson et al. 2022, "In-context Learning and Induction Heads"). Training finds this
circuit by itself only after many more tokens than a laptop can read; given it, copying is learned
in minutes.
"""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["give_induction_heads"]

_LOOK_BACK: Final = 5.0
_MATCH: Final = 3.0
_WRITE: Final = 0.7
_SAY: Final = 0.5


def give_induction_heads(model: Any) -> None:
    """Set embeddings, and half of the heads of a Llama's first two layers.

    Args:
        model: A ``LlamaForCausalLM`` with attention biases and tied embeddings; it draws from
            torch's random numbers.
    """
    import torch

    configuration = model.config
    width, heads = configuration.hidden_size, configuration.num_attention_heads
    head = width // heads
    half = head // 2
    base = configuration.rope_parameters["rope_theta"]
    turns = base ** (-torch.arange(half) / half)  # radians that a pair turns by from token to token
    slow = torch.arange(half // 2, half)
    slow = torch.cat([slow, slow + half])  # dimensions that hardly turn, so that content compares
    first, second = (model.model.layers[number].self_attn for number in range(2))
    with torch.no_grad():
        embeddings = model.model.embed_tokens.weight
        embeddings.normal_(0, 1 / math.sqrt(width))
        embeddings[configuration.pad_token_id] = 0
        directions = torch.linalg.qr(torch.randn(width, width))[0]
        for number in range(heads // 2):
            own = slice(number * head, (number + 1) * head)
            other = slice((heads // 2 + number) * head, (heads // 2 + number + 1) * head)
            seen, kept = directions[own], directions[other]
            # The score of two places depends on their distance alone, and is highest at one.
            first.q_proj.weight[own] *= 0.1
            first.k_proj.weight[own] *= 0.1
            strength = math.sqrt(_LOOK_BACK * math.sqrt(head) / math.sqrt(half))
            first.k_proj.bias[own][:half] = strength
            first.q_proj.bias[own][:half] = strength * torch.cos(turns)
            first.q_proj.bias[own][half:] = -strength * torch.sin(turns)
            first.v_proj.weight[own] = seen
            first.o_proj.weight[:, own] = _WRITE * kept.T
            second.q_proj.weight[own] = 0
            second.k_proj.weight[own] = 0
            second.q_proj.weight[own.start + slow] = _MATCH * seen[: len(slow)]
            second.k_proj.weight[own.start + slow] = _MATCH * kept[: len(slow)]
            said = torch.linalg.qr(torch.randn(width, width))[0][:head]
            second.v_proj.weight[own] = said
            second.o_proj.weight[:, own] = _SAY * said.T
