"""What a chat-completions server can do, found out by asking it.

At most ``MOST_REQUESTS`` requests are made: one for the list of models, and completions of at most
64 tokens. All are short but two: one offers 1,024 functions, and one, sent only where
the list of models says nothing of it, is a prompt longer than any context, which servers refuse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from jsonschema_rs import is_valid

from toolenv import bridge
from toolenv.agents.policies.call_schema import call_schema
from toolenv.agents.policies.context_errors import read_too_long
from toolenv.agents.policies.openai import OpenAIPolicy
from toolenv.agents.policies.reasoning import split_thinking
from toolenv.chat import ChatClient, ChatError, ChatReply, ChatRequest
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue, parse

__all__ = ["MOST_REQUESTS", "Ability", "ServerLimits", "aprobe", "probe"]

MOST_REQUESTS: Final = 20
"""Requests of one probe; a client may repeat each that fails."""

_MOST_FUNCTIONS: Final = 1024
_LONG_PROMPT: Final = 2_000_000
_LENGTH_FIELDS: Final = ("max_model_len", "context_length", "max_context_length", "context_window")
_MOST_NAMED: Final = re.compile(
    r"(?:at most|\bmax\w*)(?: \w+){0,3}?\D{1,5}(\d{1,6})", re.IGNORECASE
)

Ability: TypeAlias = Literal["yes", "ignored", "refused"]
"""``ignored``: accepted, and nothing came of it."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server can do.

    Args:
        context_length: Tokens of prompt and completion together; None where it does not say.
        context_from: Who said so: the list of ``models``, or the ``error`` on too long a prompt.
        functions: How many functions were accepted in one request.
        functions_end: Whether one more is refused; else more may be possible.
        tool_calls: Whether calls come back parsed. ``ignored``: the model answered with text, as
            where the server has no parser for the model's calls.
        seed: Whether a seed is accepted; what it does cannot be seen from outside.
        logprobs: Whether log-probabilities are given.
        token_ids: Whether token ids are given (``return_token_ids``).
        json_schema: Whether text is held to a JSON Schema.
        requests: How many requests it took.
        notes: What the server said where it refused, by the name of the limit.
    """

    context_length: int | None
    context_from: Literal["models", "error", ""]
    functions: int
    functions_end: bool
    tool_calls: Ability
    seed: Literal["accepted", "refused"]
    logprobs: Ability
    token_ids: Ability
    json_schema: Ability
    requests: int
    notes: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """All of it on one line."""
        length = str(self.context_length or "unknown")
        told = f" (from {self.context_from})" if self.context_from else ""
        more = "" if self.functions_end else " or more"
        return (
            f"context length {length}{told}, functions {self.functions}{more}, "
            f"tool calls {self.tool_calls}, seed {self.seed}, logprobs {self.logprobs}, "
            f"token ids {self.token_ids}, JSON Schema {self.json_schema} "
            f"({self.requests} requests)"
        )


def probe(policy: OpenAIPolicy) -> ServerLimits:
    """Find out what a policy's server can do, from synchronous code.

    Raises:
        PolicyError: The server does not answer even a plain request.
    """
    return bridge.run(aprobe(policy))


async def aprobe(policy: OpenAIPolicy) -> ServerLimits:
    """Find out what a policy's server can do.

    Raises:
        PolicyError: The server does not answer even a plain request.
    """
    asking = _Asking(policy.client)
    await asking.plain()
    context_length, context_from = await asking.context_length()
    functions, functions_end = await asking.functions()
    return ServerLimits(
        context_length=context_length,
        context_from=context_from,
        functions=functions,
        functions_end=functions_end,
        tool_calls=await asking.tool_calls(),
        seed="refused" if await asking.ask("seed", seed=1) is None else "accepted",
        logprobs=await asking.logprobs(),
        token_ids=await asking.token_ids(),
        json_schema=await asking.json_schema(),
        requests=asking.requests,
        notes=asking.notes,
    )


class _Asking:
    """One probe: what was asked, and what was said where it was refused."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self.requests = 0
        self.notes: dict[str, str] = {}

    async def plain(self) -> None:
        """Ask for anything, to tell a server that refuses all from one that refuses a field."""
        if await self.ask("plain") is None:
            raise PolicyError(self.notes["plain"], where=self._client.place)

    async def ask(
        self, name: str, said: str = "Say OK.", most: int = 1, **asked: Any
    ) -> ChatReply | None:
        """A completion; None where the server refuses, with what it said noted."""
        extra = asked.pop("extra", {})
        self.requests += 1
        try:
            return await self._client.complete(
                ChatRequest(
                    [{"role": "user", "content": said}],
                    asked.get("functions"),
                    asked.get("seed"),
                    max_tokens=most,
                    extra=extra,
                )
            )
        except ChatError as error:
            told = ("refused", "failed", "bad_reply")
            if error.problem not in (*told, *asked.get("tolerated", ())):
                raise PolicyError(error.what, where=error.where, fix=error.fix) from None
            self.notes[name] = error.what
            return None

    async def context_length(self) -> tuple[int | None, Literal["models", "error", ""]]:
        """What the list of models says, else the error on a prompt that is too long for any."""
        self.requests += 1
        try:
            models = await self._client.models()
        except ChatError:
            models = []
        own = next((one for one in models if one.get("id") == self._client.model), {})
        for name in _LENGTH_FIELDS:
            length = own.get(name)
            if type(length) is int and length > 0:
                return length, "models"
        prompt, lost = "a " * _LONG_PROMPT, ("unreachable", "timeout")  # some hang up on such
        if await self.ask("context_length", prompt, tolerated=lost) is not None:
            return None, ""  # cut in silence, or longer than any context that is known
        too_long = read_too_long(self.notes["context_length"])
        if too_long is None or too_long.length is None:
            return None, ""
        del self.notes["context_length"]
        return too_long.length, "error"

    async def functions(self) -> tuple[int, bool]:
        """The greatest number that is accepted: as the refusal says, else by halves."""
        if await self._offers(_MOST_FUNCTIONS):
            return _MOST_FUNCTIONS, False
        named = _MOST_NAMED.search(self.notes["functions"])
        low, high = 0, _MOST_FUNCTIONS
        if named is not None and low < int(named[1]) < high and await self._offers(int(named[1])):
            return int(named[1]), True
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self._offers(middle) else (low, middle)
        return low, True

    async def _offers(self, number: int) -> bool:
        offered = [_function(f"f{place}") for place in range(number)]
        return await self.ask("functions", functions=offered) is not None

    async def tool_calls(self) -> Ability:
        reply = await self.ask(
            "tool_calls",
            "Call the function ping.",
            64,
            functions=[_function("ping")],
            extra={"tool_choice": "required"},
        )
        if reply is None:
            return "refused"
        return "yes" if reply.tool_calls else "ignored"

    async def logprobs(self) -> Ability:
        reply = await self.ask("logprobs", extra={"logprobs": True})
        if reply is None:
            return "refused"
        return "yes" if reply.tokens is not None and reply.tokens.logprobs else "ignored"

    async def token_ids(self) -> Ability:
        reply = await self.ask("token_ids", extra={"return_token_ids": True})
        if reply is None:
            return "refused"
        return "yes" if reply.tokens is not None and reply.tokens.ids else "ignored"

    async def json_schema(self) -> Ability:
        schema = call_schema([_function("ping")])
        form: JsonValue = {"name": "call", "strict": True, "schema": schema}
        asked = {"response_format": {"type": "json_schema", "json_schema": form}}
        reply = await self.ask("json_schema", most=64, extra=asked)
        if reply is None:
            return "refused"
        try:
            value = parse(split_thinking(reply.text)[1])
        except ValueError:
            return "ignored"
        return "yes" if is_valid(schema, value) else "ignored"


def _function(name: str) -> dict[str, JsonValue]:
    nothing: JsonValue = {"type": "object", "properties": {}}
    described: JsonValue = {"name": name, "description": "Does nothing.", "parameters": nothing}
    return {"type": "function", "function": described}
