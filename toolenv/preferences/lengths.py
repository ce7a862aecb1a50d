"""How many tokens a conversation has for a model: what is too long is left out, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue

__all__ = ["TokenLimit"]


class TokenLimit:
    """Tells which conversations fit.

    Args:
        tokenizer: A folder with a tokenizer and its chat template, or a name at the hub.
        longest: Most tokens of a conversation with its functions.

    Raises:
        ConfigurationError: The tokenizer cannot be read, or has no chat template.
    """

    def __init__(self, tokenizer: str | Path, longest: int) -> None:
        self.longest = longest
        try:
            import transformers

            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(tokenizer))
        except ImportError as error:
            raise ConfigurationError(
                f"Counting tokens needs {error.name}, which is not installed.",
                fix="pip install 'toolenv[train]'",
            ) from error
        except Exception as error:  # what the library raises for damaged files is not bounded
            raise ConfigurationError(
                f"The tokenizer cannot be loaded: {str(error)[:300]}", where=str(tokenizer)
            ) from error
        if not self._tokenizer.chat_template:
            raise ConfigurationError(
                "The tokenizer has no chat template.",
                where=str(tokenizer),
                fix="Name the folder of an instruction-tuned model, or set one and save it.",
            )

    def fits(
        self, messages: Sequence[dict[str, JsonValue]], functions: Sequence[dict[str, JsonValue]]
    ) -> bool:
        """Whether a conversation has no more tokens than allowed."""
        ids = self._tokenizer.apply_chat_template(
            [*messages], tools=[*functions], tokenize=True, return_dict=False
        )
        return len(ids) <= self.longest
