"""The client: connections, retries, limits, and errors without keys.

It stands on the ``openai`` package, past the parts of it that are slow for long conversations: the
body is rendered here and sent as it is (its per-field transform takes ten times as long as all the
rest), over aiohttp where that is installed, and the reply is read here. Completions can be recorded
at that seam: a body is bytes that equal requests share, a reply is bytes that ``read_reply`` reads.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from weakref import ReferenceType, WeakKeyDictionary, finalize, ref

import httpx

from toolenv import bridge
from toolenv.chat.errors import ChatError, ChatProblem
from toolenv.chat.messages import ChatReply, ChatRequest, read_reply
from toolenv.errors import ConfigurationError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["LARGEST_REPLY", "ChatClient"]

LARGEST_REPLY = 16 << 20
"""Bytes of a reply's body, unpacked, beyond which it is refused."""

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
        self._clients: _Clients = WeakKeyDictionary()
        finalize(self, _close_all, self._clients).atexit = False  # then the loops have ended

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

    def close(self) -> None:
        """Close the connections of every loop that still runs; a later request opens new ones."""
        _close_all(self._clients)

    async def _ask(self, body: bytes) -> ChatReply:
        import openai  # half a second to import: only when used

        try:
            client = await self._client()
            answered = await client.post(
                "/chat/completions",
                cast_to=httpx.Response,
                content=body,
                options={"headers": {"Content-Type": "application/json"}},
            )
        except openai.OpenAIError as error:
            told = self._told(error)
        except _TooLargeError:
            told = self._error(
                f"The server's reply is larger than {LARGEST_REPLY >> 20} MiB.", "bad_reply"
            )
        else:
            return self._read(answered)
        raise told  # outside of the handlers: what they caught carries the request with its key

    def _read(self, answered: httpx.Response) -> ChatReply:
        try:
            return read_reply(answered.content)
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

    async def _client(self) -> AsyncOpenAI:
        """One client per event loop: connections belong to the loop that opened them."""
        loop = asyncio.get_running_loop()
        connected = self._clients.get(loop)
        if connected is None:
            connected = self._clients[loop] = _Connected(self, ref(self._clients))
            await connected.open()
        return connected.client


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


class _Connected:
    """The library's client for one loop, closed with the loop.

    A loop that ends as ``asyncio.run`` ends it closes the asynchronous generators that it began,
    and with them what waits in them to be closed.
    """

    def __init__(self, owner: ChatClient, clients: ReferenceType[_Clients]) -> None:
        from openai import AsyncOpenAI

        self.client = AsyncOpenAI(
            api_key=os.environ.get(owner.key_variable) or "none",
            base_url=owner.base_url,
            max_retries=owner.max_retries,
            timeout=owner.timeout,
            default_headers={"Accept-Encoding": "identity"},
            http_client=_patient_client(owner.timeout),
        )
        self._lifetime = _lifetime(self.client, clients)

    async def open(self) -> None:
        await anext(self._lifetime)

    async def close(self) -> None:
        await self._lifetime.aclose()


def _close_all(clients: _Clients) -> None:
    for loop, connected in list(clients.items()):
        del clients[loop]
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(connected.close(), loop)


_Clients: TypeAlias = "WeakKeyDictionary[asyncio.AbstractEventLoop, _Connected]"


async def _lifetime(
    client: AsyncOpenAI, clients: ReferenceType[_Clients]
) -> AsyncGenerator[None, None]:
    loop = asyncio.get_running_loop()
    try:
        yield
    finally:
        known = clients()
        if known is not None and loop in known and known[loop].client is client:
            del known[loop]  # its connections know the loop, which would never be freed
        await client.close()


class _TooLargeError(Exception):
    pass


def _patient_client(timeout: float) -> Any:
    """An HTTP client whose attempts end in time, whose replies have an end, and that stays put."""
    import openai

    try:
        import aiohttp

        base: Any = openai.DefaultAioHttpClient  # a third of the CPU where many wait at once
        broken: tuple[type[Exception], ...] = (aiohttp.ClientError,)
    except ImportError:
        base, broken = openai.DefaultAsyncHttpxClient, ()

    class Patient(base):  # type: ignore[misc]
        async def send(self, request: Any, **options: Any) -> Any:
            try:
                async with asyncio.timeout(timeout):
                    response = await super().send(request, **{**options, "stream": True})
                    try:
                        body = await _read_all(response)
                    finally:
                        await response.aclose()
            except TimeoutError:
                raise httpx.ReadTimeout(f"no reply within {timeout:g} s") from None
            except Exception as error:
                cause = error.__cause__ or error  # a lost connection comes as a time-out
                if isinstance(cause, broken) and not isinstance(cause, TimeoutError):
                    raise httpx.ReadError(str(cause)) from None
                raise
            headers = [
                (name, value)
                for name, value in response.headers.multi_items()
                if name.lower() not in _OF_THE_WIRE
            ]
            return type(response)(
                response.status_code, headers=headers, content=body, request=request
            )

    return Patient(timeout=timeout, follow_redirects=False)


_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


async def _read_all(response: Any) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_REPLY:
            raise _TooLargeError
    return bytes(body)
