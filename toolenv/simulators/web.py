"""One client for everything that is asked over HTTP: safe, patient within limits, and typed.

Only the hosts it is given are called, a redirect to another is refused, and so is an address that
is private, loopback or link-local unless its host is allowed by name. Environment proxies are not
used. Everything has a limit: the connection, an attempt as a whole, the size of a body, the number
of attempts, of requests in flight, of requests a second and in all.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

import httpcore
import httpx

from toolenv import bridge
from toolenv.episodes import Response, Status
from toolenv.simulators.pacing import Budget, Pace, backoff
from toolenv.simulators.web_hosts import Hosts, Origin
from toolenv.simulators.web_messages import WebError, WebLimits, WebReply, WebRequest
from toolenv.simulators.web_pools import Pools, read_body
from toolenv.simulators.web_responses import failure, response_of
from toolenv.simulators.web_retries import asked_pause, may_repeat
from toolenv.simulators.web_secrets import Secrets

__all__ = [
    "Secrets",
    "WebClient",
    "WebError",
    "WebLimits",
    "WebReply",
    "WebRequest",
    "respond",
    "response_of",
]

_MOST_REDIRECTS: Final = 5
_LONGEST_CAUSE: Final = 200
"""Characters of what a library says went wrong: it may quote the server at length."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})

_draws = random.SystemRandom()  # jitter: it changes when something is asked, never what


class WebClient:
    """Sends requests to a few named hosts.

    Synchronous and asynchronous callers, in any number of threads and loops, may share one.

    Args:
        hosts: Who may be called: ``host`` for the scheme's own port, ``host:port`` for another.
        allow_private: Which hosts may have a private, loopback or link-local address: ``host`` for
            all its ports, or ``host:port``.
        limits: How long, how much and how often.
        secrets: Keys and tokens, which no reply and no error shows, should a server send them back.
        paces: Rates beside the one for each host, such as that of a key; shared by whoever has
            the same ``Pace``.

    Raises:
        ConfigurationError: A host is none, or a limit makes no sense.

    Example:
        >>> client = WebClient(["api.example.com"])
        >>> bridge.run(respond(client, WebRequest("GET", "https://elsewhere.org/"))).status.name
        'SEND_ERROR'
    """

    def __init__(
        self,
        hosts: Collection[str],
        *,
        allow_private: Collection[str] = (),
        limits: WebLimits = WebLimits(),  # noqa: B008 immutable
        secrets: Collection[str] = (),
        paces: Sequence[Pace] = (),
    ) -> None:
        self.limits = limits
        self.budget = Budget(limits.calls)
        self._hosts = Hosts(hosts, allow_private)
        self._secrets = Secrets(secrets)
        self._pools = Pools(self._hosts, limits)
        self._paces = tuple(paces)
        self._host_paces: dict[str, Pace] = {}
        Pace(limits.per_second)  # refuse a rate that is none now rather than at the first call

    async def send(self, request: WebRequest) -> WebReply:
        """Send a request, again where that is safe and may help.

        A 429 is tried again, and what never reached the server; a 5xx and a connection that broke
        only where the request may be repeated. ``Retry-After`` is waited for, unless that would be
        longer than ``limits.total``: then the reply that said so is the result.

        Returns:
            The reply, whatever its status.

        Raises:
            WebError: There was none within the limits, or the request is refused.
        """
        return await bridge.wait(partial(self._send, request))

    def hide(self, text: str) -> str:
        """A text without the secrets."""
        return self._secrets.hide(text)

    def close(self) -> None:
        """Close all connections. Closing twice is harmless."""
        self._pools.close()

    async def _send(self, request: WebRequest) -> WebReply:
        method = request.method.upper()
        url, origin = self._target(request.url)
        headers = _headers(request)
        patience = self.limits.total
        attempt = 0
        last: WebReply | WebError | None = None
        while True:
            attempt += 1
            try:
                last = await self._attempt(method, url, origin, headers, request.content)
            except _BudgetSpentError as spent:
                if last is None:
                    raise spent.shown() from None
                return _or_raise(last)
            except WebError as error:
                last = error
            if attempt >= self.limits.attempts or not may_repeat(last, request):
                return _or_raise(last)
            asked = asked_pause(last)
            if asked > patience:
                return _or_raise(last)
            pause = min(asked + backoff(attempt, draw=_draws.random()), patience)
            patience -= pause
            await asyncio.sleep(pause)

    async def _attempt(
        self,
        method: str,
        url: httpx.URL,
        origin: Origin,
        headers: list[tuple[bytes, bytes]],
        content: bytes | None,
    ) -> WebReply:
        """One attempt: the request, and those that the server's redirects lead to."""
        for _ in range(_MOST_REDIRECTS + 1):
            reply = await self._exchange(method, url, origin, headers, content)
            if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
                return reply
            url = self._redirected(url, origin, reply.headers["location"])
            origin = self._hosts.origin(url)
            if reply.status == 303 or (reply.status in (301, 302) and method == "POST"):
                method = "HEAD" if method == "HEAD" else "GET"
                content = None
                headers = [pair for pair in headers if not pair[0].startswith(b"content-")]
        raise WebError("The server redirects without end.", where=origin.name)

    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        origin: Origin,
        headers: list[tuple[bytes, bytes]],
        content: bytes | None,
    ) -> WebReply:
        limits = self.limits
        headers = [(b"host", origin.name.encode()), *headers]
        if content is None and method in ("POST", "PUT", "PATCH"):
            content = b""  # some servers insist on a length
        for pace in (*self._paces, self._pace(origin)):
            await pace.turn()
        async with self._pools.of(origin).pool() as pool:
            if not self.budget.take():
                raise _BudgetSpentError(limits.calls or 0)
            try:
                async with (
                    asyncio.timeout(limits.total),
                    pool.stream(
                        method,
                        httpcore.URL(
                            scheme=origin.scheme,
                            host=origin.host,
                            port=url.port,
                            target=url.raw_path,
                        ),
                        headers=headers,
                        content=content,
                        extensions={"timeout": {"connect": min(limits.connect, limits.total)}},
                    ) as reply,
                ):
                    found = _reply_headers(reply.headers)
                    body = b""
                    if method != "HEAD":
                        encoding = found.get("content-encoding", "")
                        body = await read_body(reply, encoding, limits.size)
            except WebError as error:
                error.where = error.where or origin.name
                error.what = self.hide(error.what)
                raise
            except TimeoutError:
                raise WebError(
                    f"No whole reply within {limits.total:g} s.",
                    status=Status.TIMEOUT,
                    where=origin.name,
                ) from None
            except (*_UNSENT, *_BROKEN) as error:
                raise self._broken(error, origin) from None
        hidden = {name: self.hide(value) for name, value in found.items()}
        return WebReply(reply.status, hidden, self._secrets.hide_bytes(body))

    def _broken(self, error: Exception, origin: Origin) -> WebError:
        about = self.hide(str(error))[:_LONGEST_CAUSE] or type(error).__name__
        if isinstance(error, httpcore.ConnectTimeout):
            what, status = f"No connection within {self.limits.connect:g} s", Status.TIMEOUT
        elif isinstance(error, _UNSENT):
            what, status = f"No connection: {about}", Status.SEND_ERROR
        else:
            what, status = f"The connection broke: {about}", Status.SEND_ERROR
        return WebError(
            f"{what.rstrip('.')}.",
            status=status,
            unsent=isinstance(error, _UNSENT),
            again=not isinstance(error, httpcore.LocalProtocolError),
            where=origin.name,
        )

    def _target(self, url: str) -> tuple[httpx.URL, Origin]:
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError, UnicodeError):
            raise WebError("The address cannot be read.", unsent=True) from None
        if parsed.userinfo:
            raise WebError("The address holds a user's name or password.", unsent=True)
        return parsed, self._hosts.origin(parsed)

    def _redirected(self, url: httpx.URL, origin: Origin, location: str) -> httpx.URL:
        """Where a redirect leads: the same host, and never out of encryption."""
        try:
            target = url.join(location)
            leads_to = self._hosts.origin(target)
        except (httpx.InvalidURL, UnicodeError, WebError):
            leads_to = None
        downgraded = origin.scheme == "https" and leads_to is not None and leads_to.scheme == "http"
        if leads_to is None or leads_to.host != origin.host or downgraded or target.userinfo:
            raise WebError("The server redirects to another host, which is refused.")
        if leads_to.scheme == origin.scheme and leads_to.port != origin.port:
            raise WebError("The server redirects to another host, which is refused.")
        return target

    def _pace(self, origin: Origin) -> Pace:
        pace = self._host_paces.get(origin.name)
        if pace is None:
            pace = self._host_paces.setdefault(origin.name, Pace(self.limits.per_second))
        return pace


async def respond(client: WebClient, request: WebRequest) -> Response:
    """Send a request and return a typed response, whatever the server does.

    Args:
        client: Who sends it.
        request: What is sent.
    """
    try:
        response = response_of(await client.send(request))
    except WebError as error:
        return failure(error.status, client.hide(error.what.rstrip(".")))
    hidden = client.hide(response.text)
    return response if hidden == response.text else response._replace(text=hidden)


class _BudgetSpentError(Exception):
    """The run's calls are used up."""

    def __init__(self, calls: int) -> None:
        super().__init__(calls)
        self.calls = calls

    def shown(self) -> WebError:
        return WebError(
            f"The budget of {self.calls} calls for this run is spent.",
            status=Status.SIMULATOR_FAILED,
            unsent=True,
            fix="Allow more calls, or answer from recordings first.",
        )


_UNSENT: Final = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)
_BROKEN: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)


def _or_raise(last: WebReply | WebError) -> WebReply:
    if isinstance(last, WebError):
        raise last
    return last


def _headers(request: WebRequest) -> list[tuple[bytes, bytes]]:
    """A request's headers as they travel.

    Raises:
        WebError: A name or a value cannot be a header; it is not shown.
    """
    found = {"accept": "application/json, text/*;q=0.9, */*;q=0.1", "user-agent": "toolenv"}
    for name, value in request.headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise WebError("A header has a name that is not allowed.", unsent=True)
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise WebError(f"The header {name!r} holds control characters.", unsent=True)
        found[name.lower()] = value.strip()
    found["accept-encoding"] = "gzip, deflate"
    try:
        return [(name.encode("ascii"), value.encode()) for name, value in found.items()]
    except UnicodeEncodeError:
        raise WebError("A header holds text that cannot be sent.", unsent=True) from None


def _reply_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
