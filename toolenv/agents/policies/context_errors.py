"""What a server says of its context length when a prompt is too long for it.

There is no common form; these are the wordings of OpenAI, vLLM, SGLang, llama.cpp, Text Generation
Inference, Mistral, Anthropic, Google and of servers that speak like one of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["TooLong", "read_too_long"]

_MARKS = re.compile(
    r"context[ _](?:length|size|window)|exceed_context|maximum context|prompt is too long"
    r"|reduce the length|exceeds the maximum number of tokens|input tokens exceed"
    r"|too large for model|max_new_tokens`? must be",
    re.IGNORECASE,
)
_LENGTHS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bn_ctx\W{1,4}(\d{1,9})",
        r"(?<!\d)(\d{1,9}) maximum",
        r"context (?:length|size|window)\D{0,20}(\d{1,9})",
        r"(?:tokens allowed|configured limit of|must be <=)\D{0,3}(\d{1,9})",
    )
)
_PROMPTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bn_prompt_tokens\W{1,4}(\d{1,9})",
        r"(?<!\d)(\d{1,9}) in the messages",
        r"(?<!at least )(?<!\d)(\d{1,9}) (?:input tokens|tokens from the input|`inputs` tokens)",
        r"(?:resulted in|prompt contains|too long:|token count|request|the input)"
        r" \(?(\d{1,9})(?: tokens|\))",
    )
)


class TooLong(NamedTuple):
    """A prompt that was too long.

    Args:
        length: Tokens that prompt and completion may have together; None where unsaid.
        prompt: Tokens that the prompt has; None where unsaid.
    """

    length: int | None = None
    prompt: int | None = None


def read_too_long(text: str) -> TooLong | None:
    """Read a server's error; None where it is not about the length of the prompt.

    Example:
        >>> read_too_long("This model's maximum context length is 4096 tokens. However, you "
        ...               "requested 5024 tokens (4000 in the messages, 1024 in the completion).")
        TooLong(length=4096, prompt=4000)
        >>> read_too_long("The model does not exist.")
    """
    if not _MARKS.search(text):
        return None
    return TooLong(_first(_LENGTHS, text), _first(_PROMPTS, text))


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    for pattern in patterns:
        found = pattern.search(text)
        if found is not None and int(found[1]):
            return int(found[1])
    return None
