"""A model behind any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from toolenv.actions import ActionFormat, read_action
from toolenv.agents.policies.call_schema import call_schema
from toolenv.agents.policies.context import fit_context
from toolenv.agents.policies.context_errors import TooLong, read_too_long
from toolenv.agents.policies.reasoning import (
    Reasoning,
    ThinkTags,
    check_reasoning,
    show_reasoning,
    split_thinking,
)
from toolenv.agents.policies.token_counting import TextCounter, read_tokenizer
from toolenv.chat import ChatClient, ChatError, ChatReply, ChatRequest
from toolenv.credentials import refuse_credentials
from toolenv.episodes import Message
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render

__all__ = ["Constrained", "OpenAIPolicy"]

Constrained: TypeAlias = Literal["tools", "schema"]
"""How a server is made to hold a message to calls of the offered functions: its tool parser must
give one (``tool_choice: required``), or the text must fit a JSON Schema of all calls."""

_Conversation: TypeAlias = tuple[list[dict[str, JsonValue]], list[dict[str, JsonValue]]]

_KEPT_SCHEMAS = 256


class OpenAIPolicy:
    """Asks a chat-completions server for the next message.

    The key comes from the environment variable ``OPENAI_API_KEY`` and is never stored in the
    policy, its fingerprint or its errors; servers that need none get a placeholder.

    Requests of one episode begin with the same bytes up to where the conversation goes on, so that
    a server's prefix cache serves them, unless the conversation is cut.

    Args:
        model: The model's name at the server.
        base_url: The server; what ``OPENAI_BASE_URL`` says, else OpenAI's own, where None.
        temperature: Sampling temperature; the server's default where None.
        max_tokens: Longest completion.
        timeout: Seconds until an attempt is given up.
        max_retries: How often a failed attempt is repeated by the client.
        calls: ``tools`` sends the functions as OpenAI tools; ``text`` leaves them to the prompt
            and reads the completion as text.
        action_format: How a completion's text is read when it carries no tool calls.
        reasoning: What later turns show of reasoning content: ``strip`` nothing, ``keep`` all of
            it, a number so many characters of each message's. It is sent as ``reasoning_content``.
        think_tags: Where a completion's text holds reasoning; see ``ThinkTags``.
        constrained: Whether and how messages are held to calls of the offered functions; None
            leaves it to the model. Both need a server that supports it.
        logprobs: Ask for the log-probability of each token (``Message.tokens``).
        token_ids: Ask for the ids of the prompt's and the message's tokens, as vLLM gives them.
        context_length: Tokens of prompt and completion together. What is longer is cut (see
            ``toolenv.agents.policies.context``). Where None, it is cut once the server says that
            it is too long.
        tokenizer: The model's ``tokenizer.json``, or its folder, to count tokens with; where None,
            they are estimated from the text's length.
        extra_body: Further fields of the request, as the server wants them; no keys or tokens,
            since manifests and fingerprints cover them.

    Raises:
        ConfigurationError: No model is named, the address cannot be used or holds a password, or
            an option or a combination of options cannot be used or holds a key.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = 1024,
        timeout: float = 120.0,
        max_retries: int = 2,
        calls: Literal["tools", "text"] = "tools",
        action_format: ActionFormat = "auto",
        reasoning: Reasoning = "strip",
        think_tags: ThinkTags = "leading",
        constrained: Constrained | None = None,
        logprobs: bool = False,
        token_ids: bool = False,
        context_length: int | None = None,
        tokenizer: str | Path | None = None,
        extra_body: Mapping[str, JsonValue] | None = None,
    ) -> None:
        check_reasoning(reasoning, think_tags)
        refuse_credentials(dict(extra_body or {}), "extra_body")
        refuse_credentials(base_url, "base_url")
        _check_constrained(constrained, calls, action_format)
        _check_context_length(context_length, max_tokens)
        self.client = ChatClient(model, base_url=base_url, timeout=timeout, max_retries=max_retries)
        self.base_url = self.client.base_url
        self.model = model
        self.name = f"openai:{model}"
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.calls = calls
        self.action_format = action_format
        self.reasoning: Reasoning = reasoning
        self.think_tags: ThinkTags = think_tags
        self.constrained = constrained
        self.logprobs = logprobs
        self.token_ids = token_ids
        self.context_length = context_length
        self.extra_body = dict(extra_body or {})
        tokens = read_tokenizer(tokenizer) if tokenizer is not None else None
        self._tokenizer = fingerprint("tokenizer", tokens.to_str()) if tokens is not None else None
        self._counter = TextCounter(tokens)
        self._schemas: dict[str, JsonValue] = {}

    @property
    def fingerprint(self) -> str:
        """Digest of server, model, sampling and everything else that completions depend on."""
        told: dict[str, Any] = {
            "kind": "openai",
            "model": self.model,
            "base_url": self.base_url,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "calls": self.calls,
            "action_format": self.action_format,
            "extra_body": self.extra_body,
        }
        optional: dict[str, tuple[Any, Any]] = {  # each with its default, which goes unsaid
            "reasoning": (self.reasoning, "strip"),
            "think_tags": (self.think_tags, "leading"),
            "constrained": (self.constrained, None),
            "logprobs": (self.logprobs, False),
            "token_ids": (self.token_ids, False),
            "context_length": (self.context_length, None),
            "tokenizer": (self._tokenizer, None),
        }
        told |= {name: value for name, (value, usual) in optional.items() if value != usual}
        return fingerprint("policy", told)

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The model's next message.

        Raises:
            PolicyError: The server refused, did not answer, answered without a message, or the
                conversation is too long even when cut.
        """
        asked: _Conversation = (show_reasoning(messages, self.reasoning), list(functions))
        if self.context_length is not None:
            room = self._room(self.context_length)
            if self._tokens(asked) > room:
                asked = self._cut(asked, room)
        try:
            reply = await self.client.complete(self._request(asked, seed))
        except ChatError as error:
            too_long = read_too_long(error.what)
            if too_long is None or error.problem not in ("refused", "failed"):
                raise PolicyError(error.what, where=error.where, fix=error.fix) from None
        else:
            return self._read(reply)
        shorter = self._cut(asked, self._limit(asked, too_long))
        try:
            return self._read(await self.client.complete(self._request(shorter, seed)))
        except ChatError as error:
            raise PolicyError(error.what, where=error.where, fix=error.fix) from None

    def _request(self, asked: _Conversation, seed: int) -> ChatRequest:
        messages, functions = asked
        extra: dict[str, JsonValue] = {}
        if functions and self.constrained == "tools":
            extra["tool_choice"] = "required"
        elif functions and self.constrained == "schema":
            if self.calls == "tools":
                extra["tool_choice"] = "none"  # they are shown, and called in the text
            form: JsonValue = {"name": "call", "strict": True, "schema": self._schema(functions)}
            extra["response_format"] = {"type": "json_schema", "json_schema": form}
        if self.logprobs:
            extra["logprobs"] = True
        if self.token_ids:
            extra["return_token_ids"] = True
        return ChatRequest(
            messages,
            functions if self.calls == "tools" else None,
            seed,
            self.temperature,
            self.max_tokens,
            {**extra, **self.extra_body},
        )

    def _read(self, reply: ChatReply) -> Message:
        thought, text = split_thinking(reply.text, self.think_tags)
        text = text or reply.refusal
        if reply.tool_calls:
            message = read_action({"content": text, "tool_calls": reply.tool_calls})
        else:
            message = read_action(text, self.action_format)
        if reply.finish_reason == "content_filter" and not message.content and not message.calls:
            raise PolicyError(
                "The server's content filter withheld the message.", where=self.client.place
            )
        reasoning = "\n".join(part for part in (reply.reasoning, thought) if part)
        return message._replace(reasoning=reasoning, usage=reply.usage, tokens=reply.tokens)

    def _schema(self, functions: Sequence[dict[str, JsonValue]]) -> JsonValue:
        key = hashlib.blake2b(render(list(functions)).encode("utf-8", "surrogatepass")).hexdigest()
        schema = self._schemas.get(key)
        if schema is None:
            if len(self._schemas) >= _KEPT_SCHEMAS:
                self._schemas.clear()
            schema = self._schemas[key] = call_schema(functions)
        return schema

    # --- the context --------------------------------------------------------------------------

    def _room(self, context_length: int) -> int:
        """Tokens that a prompt may have beside the completion."""
        completion = context_length // 4 if self.max_tokens is None else self.max_tokens
        return context_length - min(completion, context_length - 1)

    def _tokens(self, asked: _Conversation) -> int:
        messages, functions = asked
        return self._counter.prompt(messages, functions if self.calls == "tools" else ())

    def _limit(self, asked: _Conversation, too_long: TooLong) -> int:
        """What to cut a prompt to that a server found too long, in tokens as counted here."""
        counted = self._tokens(asked)
        if too_long.length is None:
            return counted // 2
        room = self._room(too_long.length)
        if too_long.prompt is not None:
            return room * counted * 49 // (too_long.prompt * 50)  # in the server's own measure
        return room if room < counted else counted * 3 // 4

    def _cut(self, asked: _Conversation, limit: int) -> _Conversation:
        messages, functions = asked
        try:
            shown = functions if self.calls == "tools" else []
            messages, shown = fit_context(messages, shown, limit, self._counter)
        except PolicyError as error:
            raise PolicyError(
                error.what,
                where=self.client.place,
                fix="Use a longer context, a smaller max_tokens, or fewer functions.",
            ) from None
        return messages, shown if self.calls == "tools" else functions


def _check_constrained(constrained: object, calls: str, action_format: str) -> None:
    if constrained not in (None, "tools", "schema"):
        raise ConfigurationError(
            f"It is {constrained!r}; use tools or schema.", where="constrained"
        )
    if constrained == "tools" and calls != "tools":
        raise ConfigurationError(
            "Constrained tool calls need tools that are sent.",
            where="constrained",
            fix="Use calls='tools', or constrained='schema'.",
        )
    if constrained == "schema" and action_format not in ("auto", "json"):
        raise ConfigurationError(
            f"A message held to a schema is JSON and cannot be read as {action_format}.",
            where="action_format",
            fix="Use json or auto.",
        )


def _check_context_length(context_length: object, max_tokens: int | None) -> None:
    if context_length is None:
        return
    if type(context_length) is not int or context_length < 1:
        raise ConfigurationError(
            f"It is {context_length!r}, and must be a number of tokens.", where="context_length"
        )
    if max_tokens is not None and max_tokens >= context_length:
        raise ConfigurationError(
            f"Completions of {max_tokens} tokens leave no room for a prompt in a context of "
            f"{context_length}.",
            where="max_tokens",
            fix="Lower max_tokens or raise context_length.",
        )
