"""Tiny models with random weights and a tokenizer of bytes, made by the tests that use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolenv.jsontext import render
from toolenv.mini import mini_tasks

__all__ = ["CHAT_TEMPLATE", "PLAIN_TEMPLATE", "make_tiny_model"]

CHAT_TEMPLATE = (
    "{% if tools %}<|begin|>tools\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "<|end|>\n{% endif %}"
    "{% for message in messages %}<|begin|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}\n<tool_call>\n"
    '{"name": {{ call.function.name | tojson }}, "arguments": '
    "{{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
"""A template that knows tools, of the kind that ends each message with a token."""

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role not in ('user', 'assistant') %}{{ raise_exception('no such role') }}"
    "{% endif %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<|begin|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
"""A template that knows neither tools nor system messages, and wants the roles to alternate."""


def make_tiny_model(
    folder: Path,
    *,
    chat_template: str | None = CHAT_TEMPLATE,
    hidden: int = 64,
    layers: int = 2,
    context: int = 8192,
    merges: int = 512,
    seed: int = 0,
) -> Path:
    """Save a Llama with random weights and its tokenizer, and return the folder."""
    import torch
    import transformers

    tokenizer = _tokenizer(merges)
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,  # wide enough that the likeliest token is never nearly tied
        bos_token_id=tokenizer.convert_tokens_to_ids("<s>"),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(merges: int) -> Any:
    """All bytes, and what follows one another often in the tasks of the embedded world."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    special = ["<|pad|>", "<s>", "<|end|>", "<|begin|>"]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    thought = "Thought: what is the answer?\nAction: Finish\nAction Input: {}"
    texts = [f"{task.instruction} {thought} {render(task.functions)}" for task in mini_tasks()]
    trained.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=256 + len(special) + merges,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained,
        bos_token="<s>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|begin|>"],
    )
