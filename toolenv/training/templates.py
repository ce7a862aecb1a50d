"""Whether a tokenizer's chat template can be trained with: found out before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue

__all__ = ["Rendered", "check_template", "lengths_of", "training_template"]

Messages = Sequence[dict[str, JsonValue]]


def training_template(tokenizer: Any, where: str) -> str | None:
    """The template that marks the assistant's turns: None for the tokenizer's own.

    Raises:
        ConfigurationError: There is none, or it leaves the token that ends a turn unmarked.
    """
    from trl.chat_template_utils import (
        get_training_chat_template,
        has_generation_markers,
        is_chat_template_stop_token_trained,
    )

    template: str | None = None
    if not has_generation_markers(tokenizer.chat_template):
        try:
            template = get_training_chat_template(tokenizer)
        except ValueError:
            raise ConfigurationError(
                "The chat template does not mark what the assistant says, so the loss cannot be on "
                "that alone.",
                where=where,
                fix="Put {% generation %} and {% endgeneration %} around the assistant's text in "
                "the template, the token that ends the turn included, and save the tokenizer.",
            ) from None
    if not is_chat_template_stop_token_trained(tokenizer, chat_template=template):
        raise ConfigurationError(
            "The chat template does not mark the token that ends the assistant's turn: a model "
            "trained with it never learns to stop.",
            where=where,
            fix="Move {% endgeneration %} behind that token, and save the tokenizer.",
        )
    return template


def check_template(tokenizer: Any, where: str, *, tools: bool) -> None:
    """Refuse a tokenizer whose template is missing or swallows calls.

    Args:
        tokenizer: The tokenizer.
        where: The model's folder.
        tools: Whether the conversations have functions.

    Raises:
        ConfigurationError: It cannot be trained with.
    """
    from trl.chat_template_utils import supports_tool_calling

    if not tokenizer.chat_template:
        raise ConfigurationError(
            "The tokenizer has no chat template.",
            where=where,
            fix="Set tokenizer.chat_template to one that knows tools and save the tokenizer, or "
            "begin from an instruction-tuned model.",
        )
    if tools and not supports_tool_calling(tokenizer):
        raise ConfigurationError(
            "The chat template does not show calls, their arguments, or what came back.",
            where=where,
            fix="Use a template that knows tools, such as that of Qwen 3 or Llama 3.1.",
        )
    if tokenizer.eos_token_id is None:
        raise ConfigurationError(
            "The tokenizer has no token that ends a turn (eos_token).",
            where=where,
            fix="Set it to the token that the template ends the assistant's turns with.",
        )


class Rendered:
    """Conversations as tokens, as the trainers make them.

    Args:
        tokenizer: The tokenizer.
        template: A template in place of its own.
    """

    def __init__(self, tokenizer: Any, template: str | None = None) -> None:
        self._tokenizer = tokenizer
        self._template = template

    def tokens(
        self, messages: Messages, tools: Messages | None, *, asks: bool = False
    ) -> list[int]:
        """The tokens of a conversation; with ``asks``, up to where the assistant's turn begins."""
        ids: list[int] = self._tokenizer.apply_chat_template(
            [*messages],
            tools=[*tools] if tools else None,
            chat_template=self._template,
            add_generation_prompt=asks,
            tokenize=True,
            return_dict=False,
        )
        return ids

    def labelled(self, messages: Messages, tools: Messages | None) -> dict[str, list[int]]:
        """The tokens of a conversation, and the labels of a loss on the assistant's alone."""
        found = self._tokenizer.apply_chat_template(
            [*messages],
            tools=[*tools] if tools else None,
            chat_template=self._template,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        ids, masks = found["input_ids"], found["assistant_masks"]
        labels = [token if said else -100 for token, said in zip(ids, masks, strict=True)]
        return {"input_ids": ids, "labels": labels}

    def completed(
        self, prompt: Messages, completion: Messages, tools: Messages | None
    ) -> dict[str, list[int]]:
        """The tokens of a conversation, and the labels of a loss on its completion alone.

        Only the completion's own assistant tokens count, where it has other messages too.
        """
        found = self.labelled([*prompt, *completion], tools)
        asked = len(self.tokens(prompt, tools, asks=True))
        found["labels"] = [-100] * asked + found["labels"][asked:]
        return found

    def require_prefix(
        self, prompt: Messages, whole: Messages, tools: Messages | None, where: str
    ) -> None:
        """Refuse a template that writes a prompt otherwise once it is answered.

        Raises:
            ConfigurationError: The prompt's tokens do not begin those of the conversation.
        """
        asked, answered = self.tokens(prompt, tools, asks=True), self.tokens(whole, tools)
        if answered[: len(asked)] != asked:
            raise ConfigurationError(
                "The chat template writes a prompt otherwise once it is answered, so a model would "
                "be trained on another prompt than it is asked with.",
                where=where,
                fix="Use a template whose prompt with add_generation_prompt begins the whole.",
            )


def lengths_of(
    rendered: Rendered,
    conversations: Callable[[dict[str, Any]], Sequence[Messages]],
    tools: Callable[[dict[str, Any]], Messages | None],
) -> Callable[[dict[str, Any]], list[int]]:
    """What measures the conversations of a row."""

    def measured(row: dict[str, Any]) -> list[int]:
        offered = tools(row)
        return [len(rendered.tokens(one, offered)) for one in conversations(row)]

    return measured
