"""``toolenv serve``: simulators behind the requests of ToolBench and StableToolBench."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import friendly_errors

__all__ = ["serve"]


def serve(
    simulator: Annotated[
        list[str],
        typer.Option(help="snapshot:FILE, store:FOLDER, local:module:name, …; several: in turn."),
    ],
    tools: Annotated[
        list[Path] | None, typer.Option(help="Tool folders that document the APIs; repeatable.")
    ] = None,
    tasks: Annotated[
        list[Path] | None, typer.Option(help="Task files that document the APIs; repeatable.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any that is free.")] = 8080,
    token_variable: Annotated[
        str | None,
        typer.Option(help="The environment variable that holds the token clients must show."),
    ] = None,
    without_token: Annotated[
        bool, typer.Option("--without-token", help="Let in other machines without a token.")
    ] = False,
    body_limit: Annotated[int, typer.Option(help="Bytes of a request's body.")] = 1 << 20,
    request_seconds: Annotated[
        float, typer.Option(help="Seconds in which a request must arrive whole.")
    ] = 30.0,
    answer_seconds: Annotated[
        float, typer.Option(help="Seconds that a live simulator may take to answer.")
    ] = 60.0,
    live_calls: Annotated[
        int, typer.Option(help="Calls to live simulators in flight; more of them wait.")
    ] = 256,
    stop_seconds: Annotated[
        int, typer.Option(help="Seconds that requests in flight have to finish at a stop.")
    ] = 10,
    keep_bytes: Annotated[
        int, typer.Option(help="Bytes of replies from snapshots that are kept in memory; 0: none.")
    ] = 1 << 26,
    episodes: Annotated[int, typer.Option(help="Named episodes that are kept.")] = 1_000,
    log_requests: Annotated[
        bool, typer.Option(help="Whether each request is one line of the log.")
    ] = True,
    log_bodies: Annotated[
        bool, typer.Option("--log-bodies", help="Log arguments and replies too.")
    ] = False,
) -> None:
    """Serve simulators over HTTP, for clients of ToolBench and StableToolBench.

    Their code runs against it by changing one URL: POST /virtual and POST /rapidapi. GET /health,
    /metrics and /openapi.json are about the server itself. The log is JSON on standard error.
    SIGTERM and Ctrl-C let requests in flight finish.

    Example:

      toolenv serve --simulator snapshot:stb.snap --tools toolenv/tools
    """
    with friendly_errors():
        from toolenv.formats import read_tasks, read_tools
        from toolenv.server import ServerSettings
        from toolenv.server import serve as serve_simulator
        from toolenv.simulators import open_simulator

        settings = ServerSettings(
            host=host,
            port=port,
            token=_token(token_variable),
            without_token=without_token,
            body_limit=body_limit,
            request_seconds=request_seconds,
            answer_seconds=answer_seconds,
            live_calls=live_calls,
            stop_seconds=stop_seconds,
            keep_bytes=keep_bytes,
            episodes=episodes,
            log_requests=log_requests,
            log_bodies=log_bodies,
        )
        apis = [api for folder in tools or () for api in read_tools(folder, skip_bad=True)]
        for file in tasks or ():
            apis += [api for task in read_tasks(file, skip_bad=True) for api in task.apis]
        with closing(open_simulator(simulator)) as opened:
            serve_simulator(opened, apis, settings, ready=_say)


def _token(variable: str | None) -> str:
    from toolenv.errors import ConfigurationError

    if variable is None:
        return ""
    token = os.environ.get(variable, "").strip()
    if not token:
        raise ConfigurationError(
            "The variable is empty or not set.",
            where=f"--token-variable {variable}",
            fix=f"Export {variable} with the token that clients must show.",
        )
    return token


def _say(address: str) -> None:
    gc.collect()
    gc.freeze()  # what was made to get here stays: looking through it again only delays answers
    sys.stdout.write(f"serving at {address}\n")
    sys.stdout.flush()
