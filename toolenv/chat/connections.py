"""Connections of a chat client: the ``openai`` package's client, one for each event loop.

Connections belong to the loop that opened them, and can be closed on that loop alone. A loop that
ends as ``asyncio.run`` ends it closes the asynchronous generators that it began; so each loop's
client is closed by one of those, if not before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ReferenceType, WeakKeyDictionary, finalize, ref

from toolenv.places import Places

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["LARGEST_REPLY", "Connections", "TooLargeError"]

LARGEST_REPLY = 16 << 20
"""Bytes of a reply's body, unpacked, beyond which it is refused."""


class TooLargeError(Exception):
    """A reply is larger than ``LARGEST_REPLY``."""


class Connections:
    """The clients of all event loops, closed when this is dropped.

    Args:
        base_url: The server; the library's default where None.
        timeout: Seconds until an attempt is given up.
        max_retries: How often an attempt is repeated.
        key_variable: The environment variable that holds the key.

    Attributes:
        places: What limits the requests under way, and adapts to a server that refuses some of
            them; None for no limit.
    """

    def __init__(
        self, base_url: str | None, timeout: float, max_retries: int, key_variable: str
    ) -> None:
        self.places: Places | None = None
        self._connect = partial(
            _connect, base_url, timeout, max_retries, key_variable, lambda: self.places
        )
        self._opened: _Opened = WeakKeyDictionary()
        finalize(self, _close_all, self._opened).atexit = False  # then the loops have ended

    async def client(self) -> AsyncOpenAI:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        opened = self._opened.get(loop)
        if opened is None:
            opened = self._opened[loop] = _OpenClient(self._connect(), loop, ref(self._opened))
            await opened.open()
        return opened.client

    def close(self) -> None:
        """Begin to close the connections of every loop that still runs."""
        _close_all(self._opened)


class _OpenClient:
    """One loop's client."""

    def __init__(
        self, client: AsyncOpenAI, loop: asyncio.AbstractEventLoop, opened: ReferenceType[_Opened]
    ) -> None:
        self.client = client
        self._loop = loop
        self._opened = opened
        self._closing: asyncio.Task[None] | None = None
        self._lifetime = self._live()

    async def open(self) -> None:
        await anext(self._lifetime)

    async def close(self) -> None:
        await self._close_client()
        with suppress(RuntimeError):  # the loop is just closing the generator itself
            await self._lifetime.aclose()

    async def _live(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            known = self._opened()
            if known is not None and known.get(self._loop) is self:
                del known[self._loop]  # its connections know the loop, which would never be freed
            await self._close_client()

    async def _close_client(self) -> None:
        if self._closing is None or self._closing.cancelled():  # as a loop's end cancels tasks
            self._closing = asyncio.create_task(self.client.close())
        if not self._closing.done():
            await asyncio.shield(self._closing)


_Opened: TypeAlias = "WeakKeyDictionary[asyncio.AbstractEventLoop, _OpenClient]"


def _close_all(opened: _Opened) -> None:
    for loop, one in list(opened.items()):
        del opened[loop]
        if loop.is_running():
            asyncio.run_coroutine_threadsafe(one.close(), loop)


_Limit: TypeAlias = "Callable[[], Places | None]"


def _connect(
    base_url: str | None, timeout: float, max_retries: int, key_variable: str, limit: _Limit
) -> AsyncOpenAI:
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key=os.environ.get(key_variable) or "none",
        base_url=base_url,
        max_retries=max_retries,
        timeout=timeout,
        default_headers={"Accept-Encoding": "identity"},
        http_client=_patient_client(timeout, limit),
    )


def _patient_client(timeout: float, limit: _Limit) -> Any:
    """An HTTP client whose attempts end in time, whose replies have an end, and that stays put."""
    import httpx
    import openai

    try:
        import aiohttp

        base: Any = openai.DefaultAioHttpClient  # a third of the CPU where many wait at once
        broken: tuple[type[Exception], ...] = (aiohttp.ClientError,)
    except ImportError:
        base, broken = openai.DefaultAsyncHttpxClient, ()

    class Patient(base):  # type: ignore[misc]
        async def send(self, request: Any, **options: Any) -> Any:
            places = limit()
            if places is None:
                return await self._attempt(request, options)
            while True:
                async with places.place() as place:
                    response = await self._attempt(request, options)
                    if response.status_code != _TOO_MANY:
                        place.answered()
                        return response
                    again = place.refused(_asked_pause(response.headers))
                    if not again or _QUOTA_SPENT in response.content:
                        return response

        async def _attempt(self, request: Any, options: dict[str, Any]) -> Any:
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


_TOO_MANY = 429
_QUOTA_SPENT = b"insufficient_quota"
"""The code of OpenAI's 429 that no waiting helps against."""


def _asked_pause(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait; 0 where it does not say so in a number."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with suppress(ValueError):
            return max(0.0, float(headers.get(name, "")) / unit)
    return 0.0


async def _read_all(response: Any) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_REPLY:
            raise TooLargeError
    return bytes(body)
