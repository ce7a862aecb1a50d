"""A policy that follows a script: a function, or a list of messages."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from toolenv.actions import Action, read_action
from toolenv.episodes import Message
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue

__all__ = ["Script", "ScriptPolicy"]

Messages: TypeAlias = Sequence[dict[str, JsonValue]]
Script: TypeAlias = Callable[[Messages, Messages, int], Action | Awaitable[Action]]


class ScriptPolicy:
    """Says what a script says; everything is testable with it, without a model or a key.

    Args:
        script: A function of messages, functions and seed, synchronous or not; or a list, of
            which the n-th entry answers a conversation with n assistant messages.
        name: What fingerprints and records call it.

    Example:
        >>> from toolenv import bridge
        >>> policy = ScriptPolicy(['{"name": "Finish", "arguments": {}}'])
        >>> bridge.run(policy([], [], seed=0)).calls[0].name
        'Finish'
    """

    def __init__(self, script: Script | Sequence[Action], *, name: str = "script") -> None:
        self.script = script
        self.name = name

    @property
    def fingerprint(self) -> str:
        """Digest of the list; of the name alone where the script is a function."""
        if callable(self.script):
            return fingerprint("policy", ["script", self.name])
        return fingerprint("policy", ["script", self.name, [repr(one) for one in self.script]])

    async def __call__(self, messages: Messages, functions: Messages, *, seed: int) -> Message:
        """The script's next message.

        Raises:
            PolicyError: The list has no entry for a conversation of this length.
        """
        if callable(self.script):
            said = self.script(messages, functions, seed)
            return read_action(await said if inspect.isawaitable(said) else said)
        turn = sum(message.get("role") == "assistant" for message in messages)
        if turn >= len(self.script):
            raise PolicyError(
                f"The script has {len(self.script)} messages, and one more was asked for.",
                fix="End the script with a call of Finish.",
            )
        return read_action(self.script[turn])
