"""A new model in a folder: its tokenizer made from the data that it is to learn."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from toolenv.errors import ConfigurationError
from toolenv.files import require_empty
from toolenv.training.compact_template import COMPACT_TEMPLATES
from toolenv.training.data import open_rows, tools_of
from toolenv.training.from_scratch.copying import copying_rows
from toolenv.training.from_scratch.model import ModelSize, new_model
from toolenv.training.from_scratch.tokenizer import train_tokenizer

__all__ = ["Made", "make_model"]

_READ_ROWS = 4000
_READ_EXERCISES = 200


class Made(NamedTuple):
    """What was made.

    Args:
        parameters: Numbers that training sets.
        tokens: Tokens that the tokenizer knows.
    """

    parameters: int
    tokens: int


def make_model(
    data: str,
    out: Path,
    size: ModelSize,
    *,
    seed: int = 0,
    vocabulary: int = 1024,
    context_length: int = 1024,
    template: str = COMPACT_TEMPLATES[0],
) -> Made:
    """Make a model that has learned nothing, and write it as ``save_pretrained`` does.

    Args:
        data: Demonstrations, as ``toolenv dataset sft`` writes them; the tokenizer is made from the
            first 4,000, and from some exercises in copying.
        out: The folder, which is absent or empty.
        size: How large the model is to be.
        seed: What its first weights are drawn from.
        vocabulary: Tokens of the tokenizer.
        context_length: Most tokens that it is to read.
        template: Its chat template, one of ``COMPACT_TEMPLATES``.

    Raises:
        ToolenvError: The data cannot be read, the size is impossible, or the folder holds anything.
    """
    try:
        import torch  # noqa: F401  what follows needs it
        import transformers  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"Models need {error.name}, which is not installed.",
            fix="pip install 'toolenv[train]'",
        ) from error
    require_empty(out)
    rows = open_rows(data, "sft")
    plain = train_tokenizer([])  # knows the marks, which is all that rendering needs
    texts = [
        plain.apply_chat_template(row["messages"], tools=tools_of(row), tokenize=False)
        for row in islice(rows, _READ_ROWS)
    ]
    texts += [
        message["content"] for row in copying_rows(_READ_EXERCISES) for message in row["messages"]
    ]
    tokenizer: Any = train_tokenizer(
        texts, size=vocabulary, context_length=context_length, template=template
    )
    model = new_model(tokenizer, size, seed=seed)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return Made(int(model.num_parameters()), len(tokenizer))
