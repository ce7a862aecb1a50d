"""A policy that calls at random: the baseline that every other must beat."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv.actions import read_action
from toolenv.episodes import Message
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.spaces import CallSpace

__all__ = ["RandomPolicy"]


class RandomPolicy:
    """Draws a schema-valid call, as ``env.action_space.sample()`` does, from the seed alone."""

    name = "random"
    fingerprint = fingerprint("policy", ["random", 1])

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """A call of one of the functions."""
        return read_action(CallSpace(functions, seed=seed).sample(), "json")
