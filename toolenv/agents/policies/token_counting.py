"""Counting the tokens of a prompt that a server will make: exactly its texts, about its frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, render

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BYTES_PER_TOKEN", "TOKENS_PER_MESSAGE", "TextCounter", "read_tokenizer"]

BYTES_PER_TOKEN: Final = 3
"""Bytes of UTF-8 that are taken for a token where no tokenizer is known: English text has about
four, JSON and code about three, Chinese and Japanese three to a character."""

TOKENS_PER_MESSAGE: Final = 8
"""What a chat template is taken to add around each message."""

_KEPT: Final = 4096


class TextCounter:
    """Counts texts with a tokenizer, or by their length.

    What counts are messages' texts, reasoning and calls, the functions' schemas as JSON, and
    ``TOKENS_PER_MESSAGE`` for each message; the server's chat template is not known here.

    Args:
        tokenizer: A ``tokenizers.Tokenizer``; None to estimate by ``BYTES_PER_TOKEN``.
    """

    def __init__(self, tokenizer: Tokenizer | None = None) -> None:
        self._spans: Callable[[str], list[tuple[int, int]]] | None = None
        if tokenizer is not None:
            encode = tokenizer.encode
            self._spans = lambda text: encode(text, add_special_tokens=False).offsets
        self._count = lru_cache(_KEPT)(self._tokens_of)

    def prompt(
        self, messages: Sequence[dict[str, JsonValue]], functions: Sequence[dict[str, JsonValue]]
    ) -> int:
        """Tokens of a prompt."""
        tokens = sum(self._count(render(function)) for function in functions)
        for message in messages:
            tokens += TOKENS_PER_MESSAGE
            for name in ("content", "reasoning_content", "tool_calls"):
                value = message.get(name)
                if value:
                    tokens += self._count(value if isinstance(value, str) else render(value))
        return tokens

    def characters(self, text: str, tokens: int) -> int:
        """How many characters the first tokens of a text cover; all of it where there are fewer."""
        if self._spans is not None:
            spans = self._spans(_encodable(text))
            return len(text) if len(spans) <= tokens else spans[tokens][0]
        kept = _encodable(text).encode()[: tokens * BYTES_PER_TOKEN]
        return len(kept.decode(errors="ignore"))

    def _tokens_of(self, text: str) -> int:
        text = _encodable(text)
        if self._spans is not None:
            return len(self._spans(text))
        return -(-len(text.encode()) // BYTES_PER_TOKEN)


def read_tokenizer(path: str | Path) -> Tokenizer:
    """Read a tokenizer of the ``tokenizers`` library.

    Args:
        path: A ``tokenizer.json``, or the folder that holds it.

    Raises:
        ConfigurationError: The library is not installed, or the file is no tokenizer.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConfigurationError(
            "Reading a tokenizer needs the library tokenizers, which is not installed.",
            where="tokenizer",
            fix="pip install 'toolenv[local]', or leave it out for an estimate.",
        ) from None
    place = Path(path)
    place = place / "tokenizer.json" if place.is_dir() else place
    try:
        return Tokenizer.from_str(place.read_text("utf-8"))
    except OSError as error:
        what = f"It cannot be read: {error.strerror}."
    except Exception as error:  # the library raises bare exceptions
        what = f"It is no tokenizer: {str(error)[:200]}."
    raise ConfigurationError(what, where=str(place), fix="Give the model's tokenizer.json.")


def _encodable(text: str) -> str:
    """The text with replacement characters for lone surrogates, one for one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
