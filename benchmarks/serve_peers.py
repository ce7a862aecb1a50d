"""What ``toolenv serve`` is measured against: two servers of ``POST /virtual``.

``bare``: a Starlette handler on uvloop and httptools that parses the request and returns one of the
recorded bodies' sizes: what HTTP alone costs.

``files``: reads the JSON file of an API again for each call, in a pool of threads, and logs request
and reply, as StableToolBench's server does; on uvicorn's plain event loop and parser, as its
requirements install it. Written anew from a description of the behaviour.

    python -m benchmarks.serve_peers bare FOLDER
    python -m benchmarks.serve_peers files FOLDER

Each prints ``serving at http://127.0.0.1:PORT`` once it takes requests.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
import socket
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SIZES = "sizes.json"
CACHE = "cache"


def bare(folder: Path) -> Starlette:
    """Constant bodies, one after the other."""
    sizes = json.loads((folder / SIZES).read_text())
    bodies = itertools.cycle([b"x" * size for size in sizes])

    async def virtual(request: Request) -> Response:
        fields = orjson.loads(await request.body())
        orjson.loads(fields["tool_input"])
        return Response(next(bodies), media_type="application/json")

    return Starlette(routes=[Route("/virtual", virtual, methods=["POST"])])


class Wanted(BaseModel):
    """A request, all fields required."""

    category: str
    tool_name: str
    api_name: str
    tool_input: str
    strip: str
    toolbench_key: str


def files(folder: Path) -> Starlette:
    """One JSON file per API, read for each call."""
    logger = logging.getLogger("files")
    logger.addHandler(logging.FileHandler(folder / "files.log"))
    logger.setLevel(logging.INFO)
    logger.propagate = False

    def answer(wanted: Wanted) -> Any:
        category = re.sub("[ ,/]", "_", wanted.category)
        tool = f"{_standard(wanted.tool_name)}_for_{category}"
        path = folder / CACHE / category / tool / f"{_standard(wanted.api_name)}.json"
        arguments = json.loads(wanted.tool_input) if wanted.tool_input else {}
        with path.open() as stream:
            entries = json.load(stream)
        reply = entries.get(str(arguments), {"error": "miss", "response": ""})
        logger.info("%s %s", wanted, reply)
        return reply

    async def body_of(request: Request) -> Wanted:
        return Wanted.model_validate(await request.json())

    def virtual(request: Request) -> Response:
        return JSONResponse(answer(request.state.wanted))

    async def parsed(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        request.state.wanted = await body_of(request)
        await inner(scope, receive, send)

    inner = Starlette(routes=[Route("/virtual", virtual, methods=["POST"])])
    return parsed  # type: ignore[return-value]  # an application around the other


def _standard(name: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9_]", "_", name)).lower().strip("_")


def main(kind: str, folder: Path) -> None:
    """Serve until stopped."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    if kind == "bare":
        config = uvicorn.Config(
            bare(folder), loop="uvloop", http="httptools", access_log=False, log_level="error"
        )
    else:
        config = uvicorn.Config(
            files(folder), loop="asyncio", http="h11", access_log=False, log_level="error"
        )
    print(f"serving at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
