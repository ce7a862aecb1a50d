"""A model behind any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from toolenv import bridge
from toolenv.actions import ActionFormat, read_action
from toolenv.episodes import Message, Usage
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["OpenAIPolicy"]


class OpenAIPolicy:
    """Asks a chat-completions server for the next message.

    The key comes from the environment variable ``OPENAI_API_KEY`` and is never stored in the
    policy, its fingerprint or its errors; servers that need none get a placeholder.

    Args:
        model: The model's name at the server.
        base_url: The server; the client's default where None.
        temperature: Sampling temperature; the server's default where None.
        max_tokens: Longest completion.
        timeout: Seconds until a request is given up.
        max_retries: How often a failed request is repeated by the client.
        calls: ``tools`` sends the functions as OpenAI tools; ``text`` leaves them to the prompt
            and reads the completion as text.
        action_format: How a completion's text is read when it carries no tool calls.
        extra_body: Further fields of the request, as the server wants them; no keys, since the
            fingerprint covers them.

    Raises:
        ConfigurationError: The address holds a password.
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
        extra_body: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self.model = model
        self.name = f"openai:{model}"
        if base_url is not None and urlsplit(base_url).password is not None:
            raise ConfigurationError(  # it would reach manifests, fingerprints and errors
                "The address of the server holds a password.",
                where="base_url",
                fix="Put the key into the environment variable OPENAI_API_KEY.",
            )
        self.base_url = base_url
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.timeout = timeout
        self.max_retries = max_retries
        self.calls = calls
        self.action_format = action_format
        self.extra_body = dict(extra_body or {})
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncOpenAI]
        self._clients = WeakKeyDictionary()

    @property
    def fingerprint(self) -> str:
        """Digest of server, model and sampling."""
        return fingerprint(
            "policy",
            {
                "kind": "openai",
                "model": self.model,
                "base_url": self.base_url,
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "calls": self.calls,
                "action_format": self.action_format,
                "extra_body": self.extra_body,
            },
        )

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The model's next message.

        Raises:
            PolicyError: The server refused, did not answer, or answered without a message.
        """
        request: dict[str, Any] = {
            "model": self.model,
            "messages": list(messages),
            "seed": seed & 0x7FFFFFFF,  # servers read a signed 32-bit integer
        }
        if self.calls == "tools":
            request["tools"] = list(functions)
        if self.temperature is not None:
            request["temperature"] = self.temperature
        if self.max_tokens is not None:
            request["max_tokens"] = self.max_tokens
        if self.extra_body:
            request["extra_body"] = self.extra_body
        return await bridge.wait(lambda: self._ask(request))

    async def _ask(self, request: dict[str, Any]) -> Message:
        import openai  # half a second to import: only when used

        try:
            try:
                completion = await self._client().chat.completions.create(**request)
            except UnicodeEncodeError:  # a lone surrogate, which no request can carry
                request = _encodable(request)
                completion = await self._client().chat.completions.create(**request)
        except (openai.OpenAIError, ValueError) as error:  # ValueError: the reply is not JSON
            raise self._failed(
                f"The server did not give a message: {_without_key(error)}",
                fix="Check the address, the model's name and OPENAI_API_KEY.",
            ) from None  # the client's exception carries the request with its key
        return self._read(completion)

    def _read(self, completion: Any) -> Message:
        """The message in a reply, of which the client has checked nothing."""
        reply = completion.model_dump(warnings=False) if hasattr(completion, "model_dump") else None
        choices = reply.get("choices") if reply else None
        first = choices[0] if isinstance(choices, list) and choices else None
        said = first.get("message") if isinstance(first, dict) else None
        if reply is None or not isinstance(said, dict):
            raise self._failed("The server's reply holds no message.")
        content = said.get("content")
        text = content if isinstance(content, str) else render(content) if content else ""
        if said.get("tool_calls"):
            message = read_action({"content": text, "tool_calls": said["tool_calls"]})
        else:
            message = read_action(text, self.action_format)
        reasoning = said.get("reasoning_content") or said.get("reasoning")
        return message._replace(
            reasoning=reasoning if isinstance(reasoning, str) else "",
            usage=_usage(reply.get("usage")),
        )

    def _failed(self, what: str, *, fix: str = "") -> PolicyError:
        place = f"{self.model} at {self.base_url or 'the default server'}"
        return PolicyError(f"{what.rstrip('.')}.", where=place, fix=fix)

    def _client(self) -> AsyncOpenAI:
        """One client per event loop: connections belong to the loop that opened them."""
        from openai import AsyncOpenAI

        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = AsyncOpenAI(
                api_key=os.environ.get("OPENAI_API_KEY") or "none",
                base_url=self.base_url,
                timeout=self.timeout,
                max_retries=self.max_retries,
            )
        return client


def _usage(counted: Any) -> Usage:
    """What the server counted; 0 for what it did not."""
    known = counted if isinstance(counted, dict) else {}
    numbers = [known.get(name) for name in ("prompt_tokens", "completion_tokens")]
    return Usage(*(n if isinstance(n, int) and n > 0 else 0 for n in numbers))


def _encodable(value: Any) -> Any:
    """The same with replacement characters for lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value


def _without_key(error: Exception) -> str:
    text = str(error)
    key = os.environ.get("OPENAI_API_KEY")
    return text.replace(key, "…") if key else text
