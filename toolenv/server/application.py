"""The ASGI application: the two routes of ToolBench and StableToolBench, and pages about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response as Page
from starlette.routing import Route

from toolenv.apis import API
from toolenv.episodes import Response
from toolenv.errors import ToolenvError
from toolenv.server.answering import Answering
from toolenv.server.description import describe
from toolenv.server.log import ServerLog
from toolenv.server.metrics import CONTENT_TYPE, Metrics, Outcome
from toolenv.server.named_episodes import NamedEpisodes
from toolenv.server.replies import error_reply, reply_of
from toolenv.server.settings import ServerSettings
from toolenv.server.wanted import Refusal, WantedCall, read_request
from toolenv.simulators import Simulator

__all__ = ["Application"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = dict[bytes, bytes]

_JSON: Final = (b"content-type", b"application/json")
_CALLS: Final = frozenset({"/virtual", "/rapidapi"})
_PAGES: Final = frozenset({"/health", "/metrics", "/openapi.json"})
_LONGEST_LOGGED: Final = 200


class _Left(Exception):
    """The client has gone; there is nobody to answer."""


class _Answer(NamedTuple):
    """What goes back, and what the log says of it."""

    http: int
    body: bytes
    response: Response | None = None
    wanted: WantedCall | None = None


class Application:
    """A simulator behind HTTP.

    Args:
        simulator: What answers; closed by whoever made it.
        apis: Documents of the APIs, beside the simulator's own.
        settings: Limits and the token.
        log: Where requests and failures are logged.
    """

    def __init__(
        self,
        simulator: Simulator,
        apis: Iterable[API],
        settings: ServerSettings,
        log: ServerLog,
    ) -> None:
        self.answering = Answering(
            simulator,
            apis,
            live_calls=settings.live_calls,
            answer_seconds=settings.answer_seconds,
        )
        self._settings = settings
        self._log = log
        self._metrics = Metrics()
        self._episodes = NamedEpisodes(
            self.answering.begin_episode, settings.episodes, settings.episode_seconds
        )
        self._in_flight = 0
        self._heads: dict[tuple[str, str], list[tuple[bytes, bytes]]] = {}
        self._pages = self._make_pages()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        began = perf_counter()
        self._in_flight += 1
        path: str = scope["path"]
        outcome = Outcome("other", 500)
        try:
            if path in _CALLS:
                outcome = await self._answer(path, scope, receive, send, began)
            else:
                outcome = await self._page(path, scope, receive, send)
        except _Left:
            outcome = Outcome(path, 499)
        finally:
            self._in_flight -= 1
            self._metrics.count(outcome, perf_counter() - began)

    def tidy(self) -> None:
        """Forget what is idle."""
        self._episodes.forget(perf_counter())

    def close(self) -> None:
        """Give up the calls in flight."""
        self.answering.close()

    # --- calls --------------------------------------------------------------------------------

    async def _answer(
        self, path: str, scope: Scope, receive: Receive, send: Send, began: float
    ) -> Outcome:
        headers: list[tuple[bytes, bytes]] = []
        try:
            answer = await self._reply(dict(scope["headers"]), scope["method"], receive)
        except Refusal as refusal:
            answer = _Answer(refusal.http, error_reply(refusal.message))
            headers = _headers_of(refusal.http)
        except ToolenvError as error:
            self._log.failure(error, path=path)
            answer = _Answer(502, error_reply(f"The simulator failed: {error}"))
        except asyncio.CancelledError:
            answer = _Answer(503, error_reply("The server stops."))
            headers = _headers_of(503)
        except _Left:
            raise
        except Exception as error:  # a simulator's own; its text may hold a key
            self._log.failure(error, path=path)
            answer = _Answer(502, error_reply(f"The simulator failed: {type(error).__name__}."))
        response = answer.response
        if response is None:
            outcome = Outcome(path, answer.http)
            headers = [*headers, _JSON]
        else:
            outcome = Outcome(path, answer.http, response.status.name, response.source)
            headers = self._head(outcome.answer, outcome.source)
        length = (b"content-length", b"%d" % len(answer.body))
        start = {
            "type": "http.response.start",
            "status": answer.http,
            "headers": [*headers, length],
        }
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})
        if self._settings.log_requests:
            self._note(outcome, answer, scope["method"], perf_counter() - began)
        return outcome

    async def _reply(self, headers: Headers, method: str, receive: Receive) -> _Answer:
        settings = self._settings
        if method != "POST":
            raise Refusal(405, "Ask with POST.")
        kind = headers.get(b"content-type")
        if kind is not None and kind != b"application/json" and not _is_json(kind):
            raise Refusal(415, "The body must be JSON: Content-Type: application/json.")
        shown = not settings.token or self._shows_token(headers)
        length = headers.get(b"content-length")
        if length is not None and len(length) > 6 and int(length) > settings.body_limit:
            raise self._too_large()
        message = await receive()
        body = message.get("body", b"")
        if message.get("more_body"):
            body = await self._rest(body, receive)
        elif message["type"] == "http.disconnect":
            raise _Left
        if len(body) > settings.body_limit:
            raise self._too_large()
        try:
            wanted = read_request(body)
        except Refusal:
            if shown:
                raise
            raise _no_token() from None
        if not shown and not settings.token_is(wanted.key):
            raise _no_token()
        name = headers.get(b"x-toolenv-episode")
        if name is not None:
            episode = self._episodes.get(name.decode("latin-1"), perf_counter())
            response = await _unless_left(self.answering.in_episode(wanted, episode), receive)
        else:
            answering = self.answering
            found = await answering.recorded(wanted) or answering.without_live(wanted)
            response = found or await _unless_left(answering.live(wanted), receive)
        return _Answer(200, reply_of(response), response, wanted)

    async def _rest(self, begun: bytes, receive: Receive) -> bytes:
        parts, size = [begun], len(begun)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Left
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._settings.body_limit:
                raise self._too_large()
            if not message.get("more_body"):
                return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The body is larger than {self._settings.body_limit:,} bytes.")

    def _shows_token(self, headers: Headers) -> bool:
        """Whether the headers show the token: as a bearer's, or as ToolBench's key."""
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and self._settings.token_is(bearer.strip()):
            return True
        return self._settings.token_is(headers.get(b"toolbench_key", b""))

    def _head(self, answer: str, source: str) -> list[tuple[bytes, bytes]]:
        """The headers that all answers of one kind share."""
        head = self._heads.get((answer, source))
        if head is None:
            head = self._heads[answer, source] = [
                _JSON,
                (b"x-toolenv-status", answer.encode()),
                (b"x-toolenv-source", source.encode()),
            ]
        return head

    def _note(self, outcome: Outcome, answer: _Answer, method: str, seconds: float) -> None:
        fields: dict[str, object] = {
            "method": method[:_LONGEST_LOGGED],
            "path": outcome.path,
            "http": outcome.http,
            "seconds": round(seconds, 6),
        }
        if answer.wanted is not None:
            category, tool, api, _, text, *_ = answer.wanted
            fields["category"] = category[:_LONGEST_LOGGED]
            fields["tool"] = tool[:_LONGEST_LOGGED]
            fields["api"] = api[:_LONGEST_LOGGED]
            fields["answer"], fields["source"] = outcome.answer, outcome.source
            if self._settings.log_bodies:
                fields["arguments"] = text
                fields["reply"] = answer.body.decode("utf-8", "replace")
        self._log.later("request", **fields)

    # --- pages --------------------------------------------------------------------------------

    def _make_pages(self) -> Starlette:
        pages = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics_page),
                Route("/openapi.json", self._description),
            ],
            exception_handlers={HTTPException: _refused},
        )
        pages.router.redirect_slashes = False
        return pages

    async def _page(self, path: str, scope: Scope, receive: Receive, send: Send) -> Outcome:
        http = 500

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal http
            if message["type"] == "http.response.start":
                http = message["status"]
            await send(message)

        await self._pages(scope, receive, noted)
        return Outcome(path if path in _PAGES else "other", http)

    async def _health(self, request: Request) -> Page:
        return Page(b'{"status":"ok"}', media_type="application/json")

    async def _metrics_page(self, request: Request) -> Page:
        headers = {name.encode(): value.encode() for name, value in request.headers.items()}
        if self._settings.token and not self._shows_token(headers):
            raise HTTPException(401, "Show the token: Authorization: Bearer TOKEN.", _CHALLENGE)
        calls = self.answering.live_calls
        gauges = {
            "requests_in_flight": ("Requests being answered.", self._in_flight),
            "live_calls_in_flight": ("Calls that live simulators are making.", calls.in_flight),
            "live_calls_waiting": ("Calls that wait for their turn.", calls.waiting),
            "episodes": ("Named episodes that are kept.", len(self._episodes)),
        }
        return Page(self._metrics.text(gauges), media_type=CONTENT_TYPE)

    async def _description(self, request: Request) -> Page:
        return Page(describe(self._settings), media_type="application/json")


_CHALLENGE: Final = {"www-authenticate": "Bearer"}


def _no_token() -> Refusal:
    return Refusal(401, "Show the token: Authorization: Bearer TOKEN, or as toolbench_key.")


def _headers_of(http: int) -> list[tuple[bytes, bytes]]:
    match http:
        case 401:
            return [(b"www-authenticate", b"Bearer")]
        case 405:
            return [(b"allow", b"POST")]
        case 413:
            return [(b"connection", b"close")]
        case 503:
            return [(b"retry-after", b"1")]
        case _:
            return []


def _is_json(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and b"+json" in kind)


async def _unless_left(answer: Awaitable[Response], receive: Receive) -> Response:
    """An answer that may take a while; given up when the client leaves."""
    answering = asyncio.ensure_future(answer)
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        raise _Left
    finally:
        answering.cancel()
        leaving.cancel()


async def _refused(request: Request, error: Exception) -> Page:
    """What Starlette refuses, as JSON."""
    assert isinstance(error, HTTPException)
    said = error.detail
    if said == HTTPStatus(error.status_code).phrase:
        said = {404: "There is no such page; calls go to /virtual or /rapidapi."}.get(
            error.status_code, f"{said}."
        )
    return Page(error_reply(said), error.status_code, dict(error.headers or {}), "application/json")
