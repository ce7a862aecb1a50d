"""Pages about the server itself: health, metrics, and its description."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from toolenv.server.description import describe
from toolenv.server.metrics import CONTENT_TYPE
from toolenv.server.replies import error_reply
from toolenv.server.settings import ServerSettings

__all__ = ["PAGES", "make_pages"]

PAGES: Final = frozenset({"/health", "/metrics", "/openapi.json"})

_JSON: Final = "application/json"


def make_pages(settings: ServerSettings, metrics: Callable[[], str]) -> Starlette:
    """The application that serves the pages, and refuses what is none, in JSON.

    Args:
        settings: They say whether there is a token; metrics ask for it.
        metrics: Gives the metrics as they are now.
    """

    async def health(request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type=_JSON)

    async def counted(request: Request) -> Response:
        if settings.token and not settings.token_in(dict(request.headers.raw)):
            challenge = {"www-authenticate": "Bearer"}
            raise HTTPException(401, "Show the token: Authorization: Bearer TOKEN.", challenge)
        return Response(metrics(), media_type=CONTENT_TYPE)

    async def description(request: Request) -> Response:
        return Response(describe(settings), media_type=_JSON)

    pages = Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", counted),
            Route("/openapi.json", description),
        ],
        exception_handlers={HTTPException: _refused},
    )
    pages.router.redirect_slashes = False
    return pages


async def _refused(request: Request, error: Exception) -> Response:
    """What Starlette refuses, as JSON."""
    assert isinstance(error, HTTPException)
    said = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        said = "There is no such page; calls go to /virtual or /rapidapi."
    headers = dict(error.headers or {})
    return Response(error_reply(said), error.status_code, headers, _JSON)
