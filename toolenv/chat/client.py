"""The client: connections, retries, limits, and errors without keys.

It stands on the ``openai`` package, past the parts of it that are slow for long conversations: the
body is rendered here and sent as it is (its per-field transform takes ten times as long as all the
rest), over aiohttp where that is installed, and the reply is read here. Completions can be recorded
at that seam: a body is bytes that equal requests share, a reply is bytes that ``read_reply`` reads.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolenv import bridge
from toolenv.chat.connections import LARGEST_REPLY, Connections, TooLargeError
from toolenv.chat.errors import ChatError, ChatProblem
from toolenv.chat.messages import ChatReply, ChatRequest, read_reply
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, parse
from toolenv.places import Places

if TYPE_CHECKING:
    import httpx

__all__ = ["ChatClient"]

_SHORTEST_KEY = 8
"""Characters from which a key is looked for in replies: placeholders are words like others."""

_LONGEST_QUOTE = 1_000
"""Characters of a server's error that are passed on."""


class ChatClient:
    """Asks one model at any server that speaks OpenAI's chat completions.

    It may be used by any number of threads and event loops at once. Each loop has its own
    connections, which are closed when the loop ends, when the client is dropped, or by ``close``.

    The key comes from the environment when a loop's first request is made, and is kept nowhere
    else; servers that need none get a placeholder. Redirects are not followed.

    Args:
        model: The model's name at the server.
        base_url: The server, such as ``http://127.0.0.1:8000/v1``; by default what the variable
            ``OPENAI_BASE_URL`` says, else OpenAI's own.
        timeout: Seconds until an attempt is given up, however slowly the reply drips in.
        max_retries: How often an attempt is repeated that timed out, found no connection, or was
            answered with 408, 409, 429 or 5xx; ``Retry-After`` is honoured.
        key_variable: The environment variable that holds the key.

    Raises:
        ConfigurationError: No model is named, or the address holds a password.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        max_retries: int = 2,
        key_variable: str = "OPENAI_API_KEY",
    ) -> None:
        if not model:
            raise ConfigurationError("No model is named.", fix="Name one that the server knows.")
        base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        if base_url is not None:
            _check_address(base_url, key_variable)
        self.model = model
        self.base_url = base_url
        self.timeout = timeout
        self.max_retries = max_retries
        self.key_variable = key_variable
        self._connections = Connections(base_url, timeout, max_retries, key_variable)

    @property
    def place(self) -> str:
        """The model and its server, as errors name them."""
        return f"{self.model} at {self.base_url or 'the default server'}"

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Ask for a completion.

        Raises:
            ChatError: There is none; ``problem`` says of what kind the failure was.
        """
        body = request.body(self.model)
        return await bridge.wait(lambda: self._ask(body))

    def share(self, places: Places | None) -> None:
        """Let requests wait for one of the places at the server, which several clients may share.

        A request that the server refuses as one too many (429) is then repeated as long as the
        server answers others, and does not count among ``max_retries``.
        """
        self._connections.places = places

    def close(self) -> None:
        """Close the connections of every loop that still runs; a later request opens new ones."""
        self._connections.close()

    async def models(self) -> list[dict[str, JsonValue]]:
        """What the server says of its models.

        Raises:
            ChatError: It says nothing; ``problem`` says of what kind the failure was.
        """
        answered = await bridge.wait(lambda: self._send(None))
        try:
            listed = parse(self._without_key_in(answered.content))
        except ValueError:
            listed = None
        data = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(data, list):
            raise self._error("The server does not list its models.", "bad_reply")
        return [one for one in data if isinstance(one, dict)]

    async def _ask(self, body: bytes) -> ChatReply:
        return self._read(await self._send(body))

    async def _send(self, body: bytes | None) -> httpx.Response:
        """Post the body of a completion's request; without one, get the list of models."""
        import httpx  # these take half a second to import: only when used
        import openai

        try:
            client = await self._connections.client()
            if body is None:
                return await client.get("/models", cast_to=httpx.Response)
            return await client.post(
                "/chat/completions",
                cast_to=httpx.Response,
                content=body,
                options={"headers": {"Content-Type": "application/json"}},
            )
        except openai.OpenAIError as error:
            told = self._told(error)
        except TooLargeError:
            told = self._error(
                f"The server's reply is larger than {LARGEST_REPLY >> 20} MiB.", "bad_reply"
            )
        raise told  # outside of the handlers: what they caught carries the request with its key

    def _read(self, answered: httpx.Response) -> ChatReply:
        try:
            return read_reply(self._without_key_in(answered.content))
        except ValueError as error:
            kind = answered.headers.get("content-type", "").partition(";")[0]
            what = "The server's reply holds no message"
            if "no message" not in str(error):
                if kind == "application/json":
                    what = f"The server did not give a message: {error}"
                else:
                    what = f"{what}: it is {self._without_key(kind) or 'of no stated type'}"
        raise self._error(f"{what}.", "bad_reply")

    def _told(self, error: Exception) -> ChatError:
        """An error of the library, without what it carries."""
        import openai

        text = self._without_key(str(error))
        if len(text) > _LONGEST_QUOTE:
            text = f"{text[:_LONGEST_QUOTE]}…"
        what = f"The server did not give a message: {text.rstrip('.')}."
        if isinstance(error, openai.APITimeoutError):
            return self._error(what, "timeout")
        if isinstance(error, openai.APIConnectionError):
            return self._error(what, "unreachable")
        if not isinstance(error, openai.APIStatusError):
            return self._error(what, "failed")
        status = error.status_code
        if 300 <= status < 400:
            to = urlsplit(str(error.response.headers.get("location", "")))
            return ChatError(
                f"The server redirects ({status}) to {to.scheme}://{to.hostname or '?'}, and "
                "redirects are not followed: they would carry the key along.",
                where=self.place,
                fix="Give the address of the server itself as base_url.",
                problem="redirected",
            )
        if status == 429:
            return self._error(what, "rate_limited")
        return self._error(what, "refused" if status < 500 else "failed")

    def _error(self, what: str, problem: ChatProblem) -> ChatError:
        fix = f"Check the address, the model's name and {self.key_variable}."
        return ChatError(
            what, where=self.place, fix="" if problem == "bad_reply" else fix, problem=problem
        )

    def _without_key(self, text: str) -> str:
        key = os.environ.get(self.key_variable)
        return text.replace(key, "…") if key else text

    def _without_key_in(self, body: bytes) -> bytes:
        """A reply that says the key back would take it into journals and snapshots."""
        key = (os.environ.get(self.key_variable) or "").encode()
        return body.replace(key, "…".encode()) if len(key) >= _SHORTEST_KEY else body


def _check_address(base_url: str, key_variable: str) -> None:
    try:
        address = urlsplit(base_url)
        legal = address.scheme in ("http", "https") and bool(address.hostname)
        secret = "@" in address.netloc
    except ValueError:
        legal = secret = False
    if secret:  # it would reach manifests, fingerprints and errors
        raise ConfigurationError(
            "The address of the server holds a password.",
            where="base_url",
            fix=f"Put the key into the environment variable {key_variable}.",
        )
    if not legal:
        raise ConfigurationError(
            f"{base_url!r} is no address of a server.",
            where="base_url",
            fix="Write it as http://HOST:PORT/v1.",
        )
