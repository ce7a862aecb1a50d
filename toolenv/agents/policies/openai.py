"""A model behind any server that speaks OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from toolenv.actions import ActionFormat, read_action
from toolenv.chat import ChatClient, ChatError, ChatRequest
from toolenv.episodes import Message
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue

__all__ = ["OpenAIPolicy"]


class OpenAIPolicy:
    """Asks a chat-completions server for the next message.

    The key comes from the environment variable ``OPENAI_API_KEY`` and is never stored in the
    policy, its fingerprint or its errors; servers that need none get a placeholder.

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
        extra_body: Further fields of the request, as the server wants them; no keys, since the
            fingerprint covers them.

    Raises:
        ConfigurationError: No model is named, or the address cannot be used or holds a password.
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
        self.client = ChatClient(model, base_url=base_url, timeout=timeout, max_retries=max_retries)
        self.base_url = self.client.base_url
        self.model = model
        self.name = f"openai:{model}"
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.calls = calls
        self.action_format = action_format
        self.extra_body = dict(extra_body or {})

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
        request = ChatRequest(
            messages,
            functions if self.calls == "tools" else None,
            seed,
            self.temperature,
            self.max_tokens,
            self.extra_body,
        )
        try:
            reply = await self.client.complete(request)
        except ChatError as error:
            raise PolicyError(error.what, where=error.where, fix=error.fix) from None
        text = reply.text or reply.refusal
        if reply.tool_calls:
            message = read_action({"content": text, "tool_calls": reply.tool_calls})
        else:
            message = read_action(text, self.action_format)
        return message._replace(reasoning=reply.reasoning, usage=reply.usage)
