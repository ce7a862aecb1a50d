"""A model behind any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from toolenv import bridge
from toolenv.actions import ActionFormat, read_action
from toolenv.episodes import Message, Usage
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue

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
        extra_body: Further fields of the request, as the server wants them.
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
            completion = await self._client().chat.completions.create(**request)
        except openai.OpenAIError as error:
            raise PolicyError(
                f"The server did not give a message: {_without_key(error)}.",
                where=f"{self.model} at {self.base_url or 'the default server'}",
                fix="Check the address, the model's name and OPENAI_API_KEY.",
            ) from None  # the client's exception carries the request with its key
        return self._read(completion)

    def _read(self, completion: Any) -> Message:
        if not completion.choices:
            raise PolicyError("The completion has no choices.", where=self.model)
        said = completion.choices[0].message
        content = said.content or ""
        usage = completion.usage
        counted = Usage(usage.prompt_tokens, usage.completion_tokens) if usage else Usage()
        if said.tool_calls:
            message = read_action(
                {
                    "role": "assistant",
                    "content": content,
                    "tool_calls": [call.model_dump() for call in said.tool_calls],
                }
            )
        else:
            message = read_action(content, self.action_format)
        reasoning = getattr(said, "reasoning_content", None) or getattr(said, "reasoning", None)
        return message._replace(
            reasoning=reasoning if isinstance(reasoning, str) else "", usage=counted
        )

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


def _without_key(error: Exception) -> str:

    text = str(error)
    key = os.environ.get("OPENAI_API_KEY")
    return text.replace(key, "…") if key else text
