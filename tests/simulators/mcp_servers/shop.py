"""A healthy server: a small shop, over stdio or, given a port file, over streamable HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp_types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("Shop", instructions="Keeps what is to be bought.", version="1")
cart: dict[str, int] = {}
READS = ToolAnnotations(read_only_hint=True)


class Item(BaseModel):
    """Something to buy."""

    itemName: str
    count: int = 1


@server.tool(annotations=READS)
def show() -> dict[str, int]:
    """What is in the cart."""
    return dict(sorted(cart.items()))


@server.tool()
def add(item: Item) -> int:
    """Put an item into the cart."""
    cart[item.itemName] = cart.get(item.itemName, 0) + item.count
    return sum(cart.values())


@server.tool(annotations=READS, structured_output=False)
def echo(someText: str, times: int = 1) -> list[str]:
    """Says the same again."""
    return [someText] * times


@server.tool(annotations=READS, structured_output=False)
def say(text: str) -> str:
    """Says it as text."""
    return text


@server.tool(annotations=READS)
def fail() -> str:
    """Always fails."""
    raise ValueError("out of stock")


@server.tool(annotations=READS, structured_output=False)
def picture() -> Any:
    """A picture."""
    return Image(data=b"\x89PNG....", format="png")


@server.tool(annotations=READS, structured_output=False)
def picture_and_text() -> Any:
    """A picture and what is on it."""
    return ["a cat", Image(data=b"\x89PNG....", format="png")]


@server.tool(annotations=READS)
async def slow(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "done"


@server.tool(annotations=READS)
def large(bytes: int) -> str:
    """A long text."""
    return "x" * bytes


@server.tool(annotations=READS)
def environment(name: str) -> str:
    """An environment variable."""
    return os.environ.get(name, "(not set)")


@server.tool(annotations=READS)
def process() -> int:
    """The number of this process."""
    return os.getpid()


@server.tool(annotations=READS)
def die() -> str:
    """Ends the server."""
    os._exit(3)


@server.tool(annotations=READS)
def flood() -> str:
    """Writes much to standard error, and answers."""
    for _ in range(300):
        sys.stderr.write("noise " * 2000 + "\n")
    return "heard"


@server.tool(annotations=READS)
async def grow(context: Context) -> str:
    """Offers one more tool from now on."""

    def late() -> str:
        """A tool that came later."""
        return "better than never"

    server.add_tool(late, annotations=READS)
    await context.notify_tools_changed()
    return "grown"


def main() -> None:
    if len(sys.argv) == 1:
        server.run("stdio")
        return
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    streaming = server.streamable_http_app()
    plain = server.streamable_http_app(json_response=True, streamable_http_path="/mcp/plain")

    @asynccontextmanager
    async def both(_: Any) -> AsyncIterator[None]:
        async with (
            streaming.router.lifespan_context(streaming),
            plain.router.lifespan_context(plain),
        ):
            yield

    app = Starlette(routes=[*streaming.routes, *plain.routes], lifespan=both)

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        """Asks for a token where the environment names one."""
        token = os.environ.get("SHOP_TOKEN")
        if scope["type"] == "http":
            request = Request(scope)
            if token and request.headers.get("authorization") != f"Bearer {token}":
                await JSONResponse({"detail": "who are you?"}, 401)(scope, receive, send)
                return
        await app(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    place = Path(sys.argv[1])
    new = place.with_suffix(".new")
    new.write_text(str(listening.getsockname()[1]))
    new.rename(place)
    config = uvicorn.Config(guarded, log_level="critical", lifespan="on")
    asyncio.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
