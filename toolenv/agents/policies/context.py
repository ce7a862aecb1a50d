"""What is shown of a conversation that is longer than the policy's context.

The system message, the task and the newest messages are kept. Old observations give way first,
from the oldest on; then the newest, as long as they are more than a quarter of the context; then
the documents of the functions; then the newest again; then whole turns from the oldest on. What
was cut is said in the text. The same conversation is always cut alike, and old observations go
down to their shortest at once, so that the prompts of later turns begin alike and a server's
prefix cache still serves them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

from toolenv.episodes import Response
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue
from toolenv.observations import cut

__all__ = ["TokenCounter", "fit_context"]

Messages: TypeAlias = Sequence[dict[str, JsonValue]]

_SHORTEST_OBSERVATION: Final = 32
_DOCUMENT_LENGTHS: Final = (256, 128, 64, 32, 16, 0)


class TokenCounter(Protocol):
    """How a policy counts."""

    def prompt(self, messages: Messages, functions: Messages) -> int:
        """Tokens of the whole prompt: everything that the model reads before it answers."""
        ...

    def characters(self, text: str, tokens: int) -> int:
        """How many characters of a text its first so many tokens cover; all of it where fewer."""
        ...


def fit_context(
    messages: Messages, functions: Messages, limit: int, counter: TokenCounter
) -> tuple[list[dict[str, JsonValue]], list[dict[str, JsonValue]]]:
    """Cut a conversation and its functions until their prompt has at most so many tokens.

    Args:
        messages: The conversation, in OpenAI's form; not changed.
        functions: What may be called, in OpenAI's form; not changed.
        limit: Tokens that the prompt may have.
        counter: How the policy counts.

    Returns:
        Messages and functions that fit; equal to what was given where that fits.

    Raises:
        PolicyError: The system message, the task, the functions' names and parameters and the
            newest turn alone are too long.
    """
    fitting = _Fitting(messages, functions, limit, counter)
    if not (
        fitting.fits()
        or fitting.cut_old_observations()
        or fitting.cut_newest_observations(max(_SHORTEST_OBSERVATION, limit // 4))
        or fitting.cut_documents()
        or fitting.cut_newest_observations(_SHORTEST_OBSERVATION)
        or fitting.leave_out_turns()
    ):
        raise PolicyError(
            f"The prompt has {fitting.tokens()} tokens after everything that may be cut was cut, "
            f"and {limit} fit.",
            fix="Use a longer context, a smaller max_new_tokens, or fewer functions.",
        )
    return fitting.messages, fitting.functions


class _Fitting:
    """One conversation while it is cut."""

    def __init__(
        self, messages: Messages, functions: Messages, limit: int, counter: TokenCounter
    ) -> None:
        self._whole = list(messages)
        self.messages = self._whole.copy()
        self.functions = list(functions)
        self._limit = limit
        self._counter = counter
        roles = [message.get("role") for message in messages]
        self._task = next((at for at, role in enumerate(roles) if role == "user"), len(roles))
        said = [at for at, role in enumerate(roles) if role == "assistant"]
        self._newest = said[-1] if said else len(roles)
        """Where the newest turn begins."""

    def tokens(self) -> int:
        return self._counter.prompt(self.messages, self.functions)

    def fits(self) -> bool:
        return self.tokens() <= self._limit

    def cut_old_observations(self) -> bool:
        """Cut what was observed before the newest turn, from the oldest on, until all fits."""
        return any(
            self._shorten(at, _SHORTEST_OBSERVATION) and self.fits()
            for at in range(self._task + 1, self._newest)
            if self._is_observation(at)
        )

    def cut_documents(self) -> bool:
        """Cut all descriptions of functions and parameters alike, as little as is needed."""
        whole = self.functions
        for length in _DOCUMENT_LENGTHS:
            self.functions = [self._with_documents(function, length) for function in whole]
            if self.fits():
                return True
        return False

    def cut_newest_observations(self, shortest: int) -> bool:
        """Cut the newest turn's observations to one length, the greatest that fits."""
        places = [
            at for at in range(self._newest + 1, len(self.messages)) if self._is_observation(at)
        ]

        def fits_with(tokens: int) -> bool:
            for at in places:
                self._shorten(at, tokens)
            return self.fits()

        low, high = shortest, self._limit
        if not places or not fits_with(low):
            return False
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits_with(middle) else (low, middle - 1)
        return fits_with(low)

    def leave_out_turns(self) -> bool:
        """Leave out whole turns before the newest, from the oldest on; the task says how many."""
        turns = [
            at
            for at in range(self._task + 1, self._newest)
            if self.messages[at].get("role") == "assistant"
        ]
        cut_so_far = self.messages
        for number, end in enumerate([*turns[1:], self._newest], start=1):
            if not turns:
                return False
            task = dict(cut_so_far[self._task])
            task["content"] = (
                f"{_text(task)}\n\n[cut: the first {number} of {len(turns) + 1} turns]"
            )
            self.messages = [*cut_so_far[: self._task], task, *cut_so_far[end:]]
            if self.fits():
                return True
        return False

    def _is_observation(self, at: int) -> bool:
        role = self.messages[at].get("role")
        return role in ("tool", "function") or (role == "user" and at < self._newest)

    def _shorten(self, at: int, tokens: int) -> bool:
        """Cut a message's text; whether that changed it."""
        text = _text(self._whole[at])
        shown = self._cut(text, tokens)
        self.messages[at] = (
            {**self._whole[at], "content": shown} if shown != text else self._whole[at]
        )
        return shown != text

    def _cut(self, text: str, tokens: int) -> str:
        length = self._counter.characters(text, tokens) if tokens else 0
        if length >= len(text):
            return text
        shown = cut(Response(text), max(length, 1)).text if tokens else "[cut]"
        return shown if len(shown) < len(text) else text

    def _with_documents(self, function: dict[str, JsonValue], tokens: int) -> dict[str, JsonValue]:
        shown = copy.deepcopy(function)
        waiting: list[JsonValue] = [shown]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                description = value.get("description")
                if isinstance(description, str):
                    value["description"] = self._cut(description, tokens)
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)
        return shown


def _text(message: dict[str, JsonValue]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""
