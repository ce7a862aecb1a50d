"""What is sent to a chat-completions server, and what comes back, as plain data.

The form is OpenAI's: https://platform.openai.com/docs/api-reference/chat. Of a reply nothing is
taken on trust: servers that claim that form leave fields out, and send others of other types.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from toolenv.episodes import Tokens, Usage
from toolenv.jsontext import JsonValue, parse, render

__all__ = ["ChatReply", "ChatRequest", "read_reply"]

_LARGEST_SEED = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One completion that is asked for.

    Args:
        messages: The conversation.
        functions: What may be called, as ``tools``; None to send none.
        seed: What sampling derives from; its low 31 bits are sent, because servers read a signed
            32-bit integer. None to send none.
        temperature: Sampling temperature; the server's default where None.
        max_tokens: Longest completion; the server's default where None.
        extra: Further fields, as the server wants them; they win over those above.
    """

    messages: Sequence[Mapping[str, JsonValue]]
    functions: Sequence[Mapping[str, JsonValue]] | None = None
    seed: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    extra: Mapping[str, JsonValue] = field(default_factory=dict)

    def body(self, model: str) -> bytes:
        r"""The request's body: equal requests have equal bytes.

        Lone surrogates, which no request can carry, are replaced.

        Example:
            >>> ChatRequest([{"role": "user", "content": "a\ud800"}], seed=2**40 + 1).body("m")
            b'{"model":"m","messages":[{"role":"user","content":"a\xef\xbf\xbd"}],"seed":1}'
        """
        fields: dict[str, Any] = {"model": model, "messages": list(self.messages)}
        if self.functions is not None:
            fields["tools"] = list(self.functions)
        if self.seed is not None:
            fields["seed"] = self.seed & _LARGEST_SEED
        if self.temperature is not None:
            fields["temperature"] = self.temperature
        if self.max_tokens is not None:
            fields["max_tokens"] = self.max_tokens
        fields.update(self.extra)
        try:
            return orjson.dumps(fields)
        except TypeError:  # a lone surrogate, or an integer of more than 64 bits
            return render(_encodable(fields)).encode()


class ChatReply(NamedTuple):
    """A completion.

    Args:
        text: The message's text; empty where there is none.
        tool_calls: The message's tool calls as the server sent them, checked by nobody.
        reasoning: Reasoning content that the server returned apart from the text.
        refusal: The model's refusal, where the server returned it apart from the text.
        usage: What the server counted; 0 for what it did not. Tokens of reasoning are among the
            completion's.
        finish_reason: Why it ended: ``stop``, ``length``, ``tool_calls``, …; empty where unsaid.
        model: The model that answered, by its server.
        system_fingerprint: The server's own mark of its configuration; empty where it has none.
        tokens: What the server gave of the sampled tokens; None where that is nothing.
    """

    text: str = ""
    tool_calls: Any = None
    reasoning: str = ""
    refusal: str = ""
    usage: Usage = Usage()
    finish_reason: str = ""
    model: str = ""
    system_fingerprint: str = ""
    tokens: Tokens | None = None


def read_reply(body: bytes | str) -> ChatReply:
    """Read the body of a reply.

    Raises:
        ValueError: It is not JSON, or holds no message.

    Example:
        >>> read_reply('{"choices": [{"message": {"content": "hello"}}]}').text
        'hello'
    """
    reply = parse(body)
    choices = reply.get("choices") if isinstance(reply, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    said = first.get("message") if isinstance(first, dict) else None
    if not isinstance(reply, dict) or not isinstance(first, dict) or not isinstance(said, dict):
        raise ValueError("the reply holds no message")
    return ChatReply(
        text=_text(said.get("content")),
        tool_calls=said.get("tool_calls"),
        reasoning=_string(said.get("reasoning_content")) or _string(said.get("reasoning")),
        refusal=_string(said.get("refusal")),
        usage=_usage(reply.get("usage")),
        finish_reason=_string(first.get("finish_reason")),
        model=_string(reply.get("model")),
        system_fingerprint=_string(reply.get("system_fingerprint")),
        tokens=_tokens(reply, first),
    )


def _text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # OpenAI's other form: a list of parts
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(content):
            return "".join(texts)
    return render(content) if content else ""


def _string(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _usage(counted: JsonValue) -> Usage:
    known = counted if isinstance(counted, dict) else {}
    numbers = [known.get(name) for name in ("prompt_tokens", "completion_tokens")]
    return Usage(*(n if type(n) is int and n > 0 else 0 for n in numbers))


def _tokens(reply: dict[str, JsonValue], choice: dict[str, JsonValue]) -> Tokens | None:
    """What is given of the tokens, in OpenAI's form of log-probabilities and vLLM's of ids."""
    logprobs = choice.get("logprobs")
    listed = logprobs.get("content") if isinstance(logprobs, dict) else None
    each = listed if isinstance(listed, list) else []
    texts = [one.get("token") if isinstance(one, dict) else None for one in each]
    values = [_finite(one.get("logprob")) if isinstance(one, dict) else None for one in each]
    read = [
        (text, value)
        for text, value in zip(texts, values, strict=True)
        if isinstance(text, str) and value is not None
    ]
    whole = read if len(read) == len(each) else []
    tokens = Tokens(
        ids=_ids(choice.get("token_ids")),
        texts=tuple(text for text, _ in whole),
        logprobs=tuple(value for _, value in whole),
        prompt_ids=_ids(reply.get("prompt_token_ids")),
    )
    return tokens if any(tokens) else None


def _finite(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _ids(value: JsonValue) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    ids = tuple(one for one in value if type(one) is int and one >= 0)
    return ids if len(ids) == len(value) else ()


def _encodable(value: Any) -> Any:
    """The same with replacement characters for lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    return value
