"""The ASGI application: ToolBench's and StableToolBench's routes, and pages about the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import perf_counter, time
from typing import Any, Final, TypeAlias

from toolenv.apis import API
from toolenv.episodes import Response
from toolenv.errors import ToolenvError
from toolenv.server.answering import Answering
from toolenv.server.kept_replies import KeptReplies, Reply
from toolenv.server.log import ServerLog
from toolenv.server.metrics import Metrics, Outcome
from toolenv.server.named_episodes import NamedEpisodes
from toolenv.server.pages import PAGES, make_pages
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
_LONGEST_LOGGED: Final = 200
_LONGEST_LOGGED_BODY: Final = 10_000


class _Left(Exception):
    """The client has gone; there is nobody to answer."""


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
        self._kept = KeptReplies(settings.keep_bytes)
        self._in_flight = 0
        self._heads: dict[tuple[str, str], list[tuple[bytes, bytes]]] = {}
        self._pages = make_pages(settings, self._metrics_text)

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

    async def _page(self, path: str, scope: Scope, receive: Receive, send: Send) -> Outcome:
        http = 500

        async def noted(message: MutableMapping[str, Any]) -> None:
            nonlocal http
            if message["type"] == "http.response.start":
                http = message["status"]
            await send(message)

        await self._pages(scope, receive, noted)
        return Outcome(path if path in PAGES else "other", http)

    def _metrics_text(self) -> str:
        calls = self.answering.live_calls
        return self._metrics.text(
            {
                "requests_in_flight": ("Requests being answered.", self._in_flight),
                "live_calls_in_flight": ("Calls that live simulators are making.", calls.in_flight),
                "live_calls_waiting": ("Calls that wait for their turn.", calls.waiting),
                "episodes": ("Named episodes that are kept.", len(self._episodes)),
                "kept_replies": ("Replies of frozen recordings that are kept.", len(self._kept)),
            }
        )

    def tidy(self) -> None:
        """Forget what is idle."""
        self._episodes.forget(perf_counter())

    def close(self) -> None:
        """Give up the calls in flight."""
        self.answering.close()

    async def _answer(
        self, path: str, scope: Scope, receive: Receive, send: Send, began: float
    ) -> Outcome:
        http, reply, body = 200, None, b""
        try:
            reply = await self._reply(dict(scope["headers"]), scope["method"], receive)
        except Refusal as refusal:
            http, body = refusal.http, error_reply(refusal.message)
        except ToolenvError as error:
            self._log.failure(error, path=path)
            http, body = 502, error_reply(f"The simulator failed: {error.what}")
        except asyncio.CancelledError:
            http, body = 503, error_reply("The server stops.")
        except _Left:
            raise
        except Exception as error:  # a simulator's own; its text may hold a key
            self._log.failure(error, path=path)
            http, body = 502, error_reply(f"The simulator failed: {type(error).__name__}.")
        if reply is None:
            outcome = Outcome(path, http)
            head = [_JSON, *_HEADERS.get(http, ())]
        else:
            body = reply.body
            outcome = Outcome(path, http, reply.answer, reply.source)
            head = self._head(reply.answer, reply.source)
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": http, "headers": [*head, length]})
        await send({"type": "http.response.body", "body": body})
        if self._settings.log_requests:
            wanted = reply.wanted if reply is not None else None
            self._note(outcome, wanted, body, scope["method"], perf_counter() - began)
        return outcome

    async def _reply(self, headers: Headers, method: str, receive: Receive) -> Reply:
        settings = self._settings
        if method != "POST":
            raise Refusal(405, "Ask with POST.")
        kind = headers.get(b"content-type")
        if kind is not None and kind != b"application/json" and not _is_json(kind):
            raise Refusal(415, "The body must be JSON: Content-Type: application/json.")
        body = await self._body(headers, receive)
        shown = not settings.token or settings.token_in(headers)
        name = headers.get(b"x-toolenv-episode")
        if shown and name is None:
            kept = self._kept.get(body)
            if kept is not None:
                return kept
        try:
            wanted = read_request(body)
        except Refusal:
            if shown:
                raise
            raise _no_token() from None
        if not shown and not settings.token_is(wanted.key):
            raise _no_token()
        if name is not None:
            episode = self._episodes.get(name.decode("latin-1"), perf_counter())
            return _replied(
                await _unless_left(self.answering.in_episode(wanted, episode), receive), wanted
            )
        answering = self.answering
        found = await answering.recorded(wanted)
        if found is not None:
            reply = _replied(found, wanted)
            if answering.frozen:
                self._kept.keep(body, reply)
            return reply
        missed = answering.without_live(wanted)
        return _replied(missed or await _unless_left(answering.live(wanted), receive), wanted)

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Refusal: It is too large (413).
        """
        limit = self._settings.body_limit
        length = headers.get(b"content-length", b"")
        if len(length) > 3 and int(length) > limit:
            raise self._too_large()
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Left
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            body = await self._rest(body, receive)
        if len(body) > limit:
            raise self._too_large()
        return body

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

    def _note(
        self,
        outcome: Outcome,
        wanted: WantedCall | None,
        body: bytes,
        method: str,
        seconds: float,
    ) -> None:
        fields: dict[str, object] = {
            "time": time(),
            "event": "request",
            "method": method,
            "path": outcome.path,
            "http": outcome.http,
            "seconds": round(seconds, 6),
        }
        if wanted is not None:
            fields["category"] = wanted.category[:_LONGEST_LOGGED]
            fields["tool"] = wanted.tool[:_LONGEST_LOGGED]
            fields["api"] = wanted.api[:_LONGEST_LOGGED]
            fields["answer"] = outcome.answer
            fields["source"] = outcome.source
            if self._settings.log_bodies:
                fields["arguments"] = wanted.text[:_LONGEST_LOGGED_BODY]
                fields["reply"] = body[:_LONGEST_LOGGED_BODY].decode("utf-8", "replace")
        self._log.later(fields)


def _no_token() -> Refusal:
    return Refusal(401, "Show the token: Authorization: Bearer TOKEN, or as toolbench_key.")


_HEADERS: Final = {
    401: ((b"www-authenticate", b"Bearer"),),
    405: ((b"allow", b"POST"),),
    413: ((b"connection", b"close"),),
    503: ((b"retry-after", b"1"),),
}
"""What goes with a refusal, by its status."""


def _replied(response: Response, wanted: WantedCall) -> Reply:
    wanted = wanted._replace(key="") if wanted.key else wanted  # not to be kept anywhere
    return Reply(reply_of(response), response.status.name, response.source, wanted)


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
