"""A real HTTP server that says what it was asked, and descriptions of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API
from toolenv.episodes import ROOT, Branch, FunctionCall
from toolenv.episodes import Response as Answer
from toolenv.formats.openapi import parse_openapi
from toolenv.jsontext import parse, render
from toolenv.simulators import Simulator
from toolenv.tasks import Task


async def _echo(request: Request) -> Response:
    body = await request.body()
    form: list[Any] = []
    if request.headers.get("content-type", "").startswith(
        ("multipart/", "application/x-www-form-urlencoded")
    ):
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile):
                content = (await value.read()).decode()
                form.append([name, value.filename, value.content_type, content])
            else:
                form.append([name, value])
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode("ascii"),
            "query": request.scope["query_string"].decode("ascii"),
            "read": [list(pair) for pair in request.query_params.multi_items()],
            "headers": dict(request.headers),
            "cookies": request.cookies,
            "body": body.decode("utf-8", "replace"),
            "form": form,
        }
    )


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every path there is: a router would leave some out."""
    request = Request(scope, receive)
    if request.url.path.startswith("/fail/"):
        status = int(request.url.path.rpartition("/")[2])
        response: Response = PlainTextResponse("the key s3cret-key was no good", status)
    else:
        response = await _echo(request)
    await response(scope, receive, send)


@contextmanager
def serving() -> Iterator[str]:
    """The echoing server on a free port; gives its address, ``host:port``."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # from here on a connection waits rather than fails
    server = uvicorn.Server(uvicorn.Config(_app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def described(host: str, paths: str, rest: str = "") -> list[API]:
    """The APIs of a description of the server, whose paths are given as YAML."""
    text = (
        "openapi: 3.1.0\ninfo: {title: Echo, version: '1'}\n"
        f"servers: [{{url: 'http://{host}/'}}]\n{rest}\npaths:\n{paths}"
    )
    return parse_openapi(text, "https://example.org/openapi.yaml")


def task_of(apis: list[API]) -> Task:
    """A task that offers the APIs."""
    return Task(id="1", instruction="?", apis=tuple(apis))


def ask(simulator: Simulator, task: Task, name: str, /, **arguments: Any) -> Answer:
    """What the simulator answers to one call, in a session of its own."""
    function = next(key for key, api in task.named_apis.items() if api.name == name)
    call = Resolver(task.named_apis).resolve(FunctionCall(function, render(arguments)))
    answer = bridge.run(simulator.open(task, 1).call(call, Branch(task, [], ROOT)))
    assert answer is not None
    return answer


def told(answer: Answer) -> Any:
    """What the server was asked, as it says."""
    body = parse(answer.text)
    assert isinstance(body, dict) and body["error"] == "", answer
    return body["response"]
