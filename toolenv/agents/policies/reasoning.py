"""What a model thought before it spoke: told apart from its text, and shown to it again or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from toolenv.episodes import Response
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.observations import cut

__all__ = ["Reasoning", "ThinkTags", "check_reasoning", "show_reasoning", "split_thinking"]

Reasoning: TypeAlias = Literal["strip", "keep"] | int
"""What later turns show of earlier reasoning: nothing, all of it, or so many characters of each."""

ThinkTags: TypeAlias = Literal["leading", "closing", "none"]
"""Where text holds reasoning: after a ``<think>`` that it begins with; up to a ``</think>`` also
without one, since some chat templates open it in the prompt; nowhere."""

_OPEN, _CLOSE = "<think>", "</think>"


def check_reasoning(reasoning: object, tags: object) -> None:
    """Refuse what is no way to treat reasoning.

    Raises:
        ConfigurationError: It is none.
    """
    whole = type(reasoning) is int and reasoning >= 0
    if not whole and reasoning not in ("strip", "keep"):
        raise ConfigurationError(
            f"It is {reasoning!r}; use strip, keep or a number of characters.", where="reasoning"
        )
    if tags not in ("leading", "closing", "none"):
        raise ConfigurationError(
            f"It is {tags!r}; use leading, closing or none.", where="think_tags"
        )


def split_thinking(text: str, tags: ThinkTags = "leading") -> tuple[str, str]:
    """Tell reasoning in a text from the rest.

    Reasoning that is never closed, as where the completion was cut off, is all there is.

    Returns:
        The reasoning, and the rest; the text as it is where it holds no reasoning.

    Example:
        >>> split_thinking("<think>It rains.</think> Take an umbrella.")
        ('It rains.', 'Take an umbrella.')
        >>> split_thinking("<think>It rains, so")
        ('It rains, so', '')
    """
    begun = text.lstrip()
    if tags != "none" and begun.startswith(_OPEN):
        thought, _, rest = begun.removeprefix(_OPEN).partition(_CLOSE)
    elif tags == "closing" and _CLOSE in text:
        thought, _, rest = text.partition(_CLOSE)
    else:
        return "", text
    return thought.strip(), rest.lstrip()


def show_reasoning(
    messages: Sequence[dict[str, JsonValue]], reasoning: Reasoning
) -> list[dict[str, JsonValue]]:
    """A conversation with as much of its reasoning as is to be shown.

    What one message shows does not depend on those after it, so that prompts of later turns begin
    like those of earlier ones.

    Args:
        messages: The conversation; not changed.
        reasoning: What is shown; what is cut off says so in its text.
    """
    if reasoning == "keep":
        return list(messages)
    return [
        _shown(message, reasoning) if "reasoning_content" in message else message
        for message in messages
    ]


def _shown(
    message: dict[str, JsonValue], reasoning: Literal["strip"] | int
) -> dict[str, JsonValue]:
    shown = dict(message)
    text = shown.pop("reasoning_content")
    if reasoning != "strip" and reasoning > 0 and isinstance(text, str):
        shown["reasoning_content"] = cut(Response(text), reasoning).text
    return shown
