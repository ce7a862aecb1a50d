"""The model behind a judge: asked, recorded, replayed; a failure is a vote, not an exception."""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections.abc import Mapping
from typing import Final

from toolenv import bridge
from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.chat import ChatClient, ChatError, ChatReply, ChatRequest
from toolenv.episodes import Response, Status, Usage
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, parse, render, render_sorted
from toolenv.judging.judge_prompts import Prompt
from toolenv.snapshots.key import exact_key
from toolenv.snapshots.records import Recorded, Recordings
from toolenv.snapshots.store import Store

__all__ = ["JUDGEMENT", "JudgeModel"]

JUDGEMENT: Final = Identity("completion_for_judge", "Judge", "judge", "completion")
"""What recorded completions of judges are filed under."""

_APART: Final = 0.002
"""Seconds between the first requests: about what the work on one reply takes."""

_PROBLEMS: Final[dict[str, str]] = {
    "timeout": "the judge timed out",
    "unreachable": "the judge could not be reached",
    "rate_limited": "the judge's server refused for its rate limit",
    "refused": "the judge's server refused the request",
    "redirected": "the judge's server redirects",
    "failed": "the judge's server failed",
    "bad_reply": "the judge's server gave no completion",
}


class JudgeModel:
    """Asks a model at a chat-completions server; what it replied once is replayed.

    A request is named by the model, its settings, the messages and the seed. A store is looked up
    first and written to; a recorded failure is asked again. A snapshot, or ``offline``, is all
    there is: nothing is asked, no key is needed, and a recorded failure is the failure again.

    Args:
        model: The model's name at its server.
        base_url: The server; see ``toolenv.chat.ChatClient``.
        recordings: Where completions are recorded and replayed from; None for nowhere.
        offline: Ask nothing.
        in_flight: Requests that may be under way at a time, per event loop.
        temperature: Sampling temperature; with 0, further samples tell little.
        max_tokens: Longest reply.
        timeout: Seconds until an attempt is given up.
        max_retries: How often a failed attempt is repeated.
        key_variable: The environment variable that holds the key.
        extra_body: Further fields of the request, such as ``response_format``; no keys, since the
            fingerprint covers them.

    Raises:
        ConfigurationError: It is offline and has no recordings, or options are wrong.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        recordings: Recordings | None = None,
        offline: bool = False,
        in_flight: int = 64,
        temperature: float | None = 0.2,
        max_tokens: int | None = 1_000,
        timeout: float = 60.0,
        max_retries: int = 2,
        key_variable: str = "OPENAI_API_KEY",
        extra_body: Mapping[str, JsonValue] | None = None,
    ) -> None:
        if offline and recordings is None:
            raise ConfigurationError(
                "An offline judge needs recorded completions.", fix="Name a store or a snapshot."
            )
        if in_flight < 1:
            raise ConfigurationError("At least one request must be allowed in flight.")
        self.client = ChatClient(
            model,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            key_variable=key_variable,
        )
        self.recordings = recordings
        self.offline = offline or not isinstance(recordings, Store | None)
        self.in_flight = in_flight
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.extra_body = dict(extra_body or {})
        self._limits: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Limit] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def name(self) -> str:
        """The model's name."""
        return self.client.model

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What its replies depend on."""
        return {
            "model": self.client.model,
            "base_url": self.client.base_url,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "extra_body": self.extra_body,
        }

    @property
    def fingerprint(self) -> str:
        """A digest of model, server and sampling."""
        return fingerprint("judge-model", self.settings)

    async def ask(self, prompt: Prompt, seed: int) -> tuple[ChatReply, str]:
        """A reply, and why there is none; one of the two is empty.

        Args:
            prompt: What is asked.
            seed: What sampling derives from.

        Raises:
            StoreError: Completions cannot be recorded.
        """
        if self.recordings is None:
            reply, problem, _ = await self._asked(prompt, seed)
            return reply, problem
        arguments = self._arguments(prompt, seed)
        key = exact_key(JUDGEMENT.function, read_arguments(arguments)[0], arguments)
        found = self.recordings.lookup(JUDGEMENT, key)
        whole = [response for response in found if response.status == Status.OK]
        if whole or (found and self.offline):
            return _read([*whole, *found][0])
        if self.offline:
            return ChatReply(), "no completion of the judge is recorded"
        reply, problem, status = await self._asked(prompt, seed)
        fields = {
            "text": reply.text,
            "refusal": reply.refusal,
            "finish_reason": reply.finish_reason,
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "problem": problem,
        }
        if isinstance(self.recordings, Store):
            response = Response(render(fields), status, "store", "live")
            await self.recordings.aadd(Recorded(JUDGEMENT, arguments, response))
        return reply, problem

    def close(self) -> None:
        """Close connections; closing twice is harmless."""
        self.client.close()

    async def _asked(self, prompt: Prompt, seed: int) -> tuple[ChatReply, str, Status]:
        request = ChatRequest(
            prompt.messages, None, seed, self.temperature, self.max_tokens, self.extra_body
        )

        async def limited() -> ChatReply:
            limit = self._limit()
            async with limit.slots:
                await limit.spread()
                return await self.client.complete(request)

        try:
            reply = await bridge.wait(limited)
        except ChatError as error:
            status = Status.TIMEOUT if error.problem == "timeout" else Status.SIMULATOR_FAILED
            return ChatReply(), _PROBLEMS.get(error.problem, "the judge failed"), status
        # What is recorded is what is read: nothing that a replay would not know.
        return reply._replace(reasoning="", tool_calls=None), "", Status.OK

    def _limit(self) -> _Limit:
        loop = asyncio.get_running_loop()
        limit = self._limits.get(loop)
        if limit is None:
            limit = self._limits[loop] = _Limit(self.in_flight)
        return limit

    def _arguments(self, prompt: Prompt, seed: int) -> str:
        """What names the request: its digest, since whole episodes would be stored again."""
        raw = render_sorted(prompt.messages).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
        return render({"judge": self.fingerprint, "request": digest, "seed": str(seed)})


class _Limit:
    """How many requests may be under way, and when the first of them begin.

    Requests that begin together are answered together by a server that takes its time, and then
    each waits until all are worked off, round after round. Begun apart, they stay apart.
    """

    def __init__(self, in_flight: int) -> None:
        self.slots = asyncio.Semaphore(in_flight)
        self._to_spread = in_flight
        self._begun = 0

    async def spread(self) -> None:
        if self._begun < self._to_spread:
            self._begun += 1
            await asyncio.sleep((self._begun - 1) * _APART)


def _read(response: Response) -> tuple[ChatReply, str]:
    try:
        fields = parse(response.text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return ChatReply(), "a recorded completion cannot be read"
    text, refusal, finish_reason = (
        str(fields.get(name) or "") for name in ("text", "refusal", "finish_reason")
    )
    counted = [fields.get(name) for name in ("input_tokens", "output_tokens")]
    usage = Usage(*(number if isinstance(number, int) else 0 for number in counted))
    reply = ChatReply(text, refusal=refusal, usage=usage, finish_reason=finish_reason)
    return reply, str(fields.get("problem") or "")
