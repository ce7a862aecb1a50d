"""Tiny models whose chat template marks the assistant's turns, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.agents.tiny_models import make_tiny_model

__all__ = ["MARKED_TEMPLATE", "tiny_policy", "tiny_tokenizer"]

MARKED_TEMPLATE = (
    "{% if tools %}<|begin|>tools\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    "<|end|>\n{% endif %}"
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}<|begin|>assistant\n{% generation %}{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    '{"name": {{ call.function.name | tojson }}, "arguments": '
    "{{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|end|>{% endgeneration %}"
    "{% else %}<|begin|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|begin|>assistant\n{% endif %}"
)
"""Knows tools; the assistant's turns, with the token that ends them, are marked."""


def tiny_policy(folder: Path, **options: Any) -> Path:
    """A Llama of random weights, hidden 32 and 2 layers, with its tokenizer and template."""
    given = {"chat_template": MARKED_TEMPLATE, "hidden": 32, "context": 4096, **options}
    return make_tiny_model(folder, **given)


def tiny_tokenizer(folder: Path) -> Path:
    """The folder of such a model, of which the tokenizer matters."""
    return tiny_policy(folder)
