"""A small tokenizer: byte-level BPE within words, everything else a token of its own.

Spaces, digits and punctuation stand alone, so that a word is the same tokens in a sentence, in a
function's name and in an argument: what has to be copied can be. Frequent pieces of JSON are single
tokens, which makes calls short.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from toolenv.training.compact_template import COMPACT_TEMPLATES, compact_template

__all__ = ["END", "PADDING", "train_tokenizer"]

PADDING: Final = "<|padding|>"
END: Final = "<|end|>"
_MARKS: Final = (
    PADDING,
    END,
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|tool|>",
    "<|function|>",
    "<|name|>",
    "<|parameter|>",
    "<|key|>",
)
_PIECES: Final = (
    '{"name":"Finish","arguments":{"return_type":"give_answer","final_answer":"',
    '{"name":"Finish","arguments":{"return_type":"give_up_and_restart"}}',
    *('{"name":"', '","arguments":{"', '"}}', "}}", '":"', '","', '":', ',"', '{"', '"}'),
    *('{"error":"","response":{"', '{"error":"', '","response":""}'),
)
_WORDS: Final = r"[A-Za-z]+|\d|[^A-Za-z\d]"


def train_tokenizer(
    texts: Iterable[str],
    *,
    size: int = 1024,
    context_length: int = 1024,
    template: str = COMPACT_TEMPLATES[0],
) -> Any:
    """A tokenizer of transformers, with our chat template.

    Args:
        texts: What it is to be good at.
        size: Tokens, at least the 256 bytes and the marks.
        context_length: Tokens of the longest text that a model is to read.
        template: One of ``COMPACT_TEMPLATES``.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, plain])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(_PIECES),
        special_tokens=list(_MARKS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in _PIECES])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        eos_token=END,
        additional_special_tokens=list(_MARKS[2:]),
        chat_template=compact_template(template),
        model_max_length=context_length,
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )
