"""The report as an application: the same page, whose episodes are asked for, over growing runs.

It answers on this machine alone. A page of another site that makes a browser ask (DNS rebinding)
is refused by the name it uses for this server; no other origin may read an answer, and none may
embed one.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toolenv.errors import ToolenvError
from toolenv.jsontext import render
from toolenv.report.growing import GrowingRuns
from toolenv.report.page import content_security_policy
from toolenv.running.records import EpisodeKey

__all__ = ["make_application"]

_JSON = "application/json"


def make_application(runs: GrowingRuns) -> Starlette:
    """The application.

    ``GET /`` is the page; ``/index`` the list of episodes (204 where ``known`` is its version);
    ``/episode`` one of them, by ``run``, ``task``, ``agent``, ``policy`` and ``seed``; ``/search``
    the keys of those in whose steps ``text`` stands.
    """

    async def page(request: Request) -> Response:
        return _reply(await run_in_threadpool(runs.page), "text/html")

    async def index(request: Request) -> Response:
        found = await run_in_threadpool(runs.index, request.query_params.get("known", ""))
        return _reply(found, _JSON) if found is not None else Response(status_code=204)

    async def episode(request: Request) -> Response:
        asked = request.query_params
        try:
            key = EpisodeKey(asked["task"], asked["agent"], asked["policy"], int(asked["seed"]))
            found = await run_in_threadpool(runs.episode, asked["run"], key)
        except (KeyError, ValueError):
            return _refusal("Name run, task, agent, policy and seed.", 400)
        return _reply(found, _JSON) if found is not None else _refusal("No such episode.", 404)

    async def search(request: Request) -> Response:
        text = request.query_params.get("text", "").lower()
        return _reply(await run_in_threadpool(runs.search, text), _JSON)

    async def failed(request: Request, error: Exception) -> Response:
        return _refusal(str(error), 503)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/index", index),
            Route("/episode", episode),
            Route("/search", search),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={ToolenvError: failed},
    )


def _reply(body: str | bytes, media_type: str, status: int = 200) -> Response:
    headers = {
        "content-security-policy": f"{content_security_policy(live=True)}; frame-ancestors 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return Response(body, status, headers, media_type)


def _refusal(problem: str, status: int) -> Response:
    return _reply(render({"error": problem}), _JSON, status)
