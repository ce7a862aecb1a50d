"""A connection to an MCP server: opened when first used, shared, opened again within limits.

It lives on the bridge's background loop, whoever calls: a connection belongs to one loop, and the
tasks that keep it open belong to one task.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from toolenv import bridge
from toolenv.episodes import Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.jsontext import JsonValue
from toolenv.simulators.mcp_results import refusal, response_of_error, response_of_result

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Listing", "MCPConnection", "Reach"]

_MOST_PAGES: Final = 100
_CLOSING_SECONDS: Final = 10.0
_STRIKES: Final = 2
"""Calls in a row that time out without a sign of life, after which the server is given up."""


class Reach(Protocol):
    """A way to a server: a process of ours, or HTTP."""

    heard: int
    gone: bool

    @property
    def last_words(self) -> str:
        """What the server said of itself, for errors."""
        ...

    def connected(self) -> AbstractAsyncContextManager[Any]:
        """The streams of messages, as long as it is entered."""
        ...


class Listing(NamedTuple):
    """What a server says of itself.

    Args:
        name: Its name.
        instructions: What it is for.
        tools: Its tools, as the protocol names their fields.
    """

    name: str
    instructions: str
    tools: list[dict[str, JsonValue]]


class _Open:
    """One connection, and the task that holds it open."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self.ending = asyncio.Event()
        self.changed = False
        self.task = asyncio.create_task(self._hold(), name="toolenv-mcp")

    async def _hold(self) -> None:
        import mcp_types
        from mcp import Client

        async def notice(message: object) -> None:
            if isinstance(message, mcp_types.ToolListChangedNotification):
                self.changed = True

        client = Client(
            self.reach.connected(),
            cache=None,
            message_handler=notice,
            client_info=mcp_types.Implementation(name="toolenv", version=version("toolenv")),
        )
        try:
            async with client:
                self.ready.set_result(client)
                following = asyncio.create_task(self._follow(client))
                try:
                    await self.ending.wait()
                finally:
                    following.cancel()
                    await asyncio.wait([following])
        except BaseException as error:
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            if not self.ready.done():
                self.ready.set_exception(error)
                self.ready.exception()  # whoever waited for it may have given up
        finally:
            self.reach.gone = True

    async def _follow(self, client: Client) -> None:
        """Ask to be told of other tools; older protocols tell unasked, and some servers never."""
        from mcp import MCPError

        with suppress(RuntimeError, TimeoutError, MCPError):
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.changed = True

    async def end(self) -> None:
        """Close it, with the server's process where there is one."""
        self.ending.set()
        if not self.ready.done():
            self.task.cancel()
        _, still = await asyncio.wait([self.task], timeout=_CLOSING_SECONDS)
        for task in still:
            task.cancel()


class MCPConnection:
    """Asks a server on behalf of all sessions. Every method runs on the background loop.

    Args:
        make_reach: Makes a way to the server; called whenever it is started anew.
        where: What the server is called in errors.
        connect: Seconds to start the server and agree on the protocol.
        timeout: Seconds for one call, and for one page of the list of tools.
        restarts: How often it is started again after it ended or hung.
        hide: Takes keys out of what the server says of itself.
    """

    def __init__(
        self,
        make_reach: Callable[[], Reach],
        *,
        where: str,
        connect: float,
        timeout: float,
        restarts: int,
        hide: Callable[[str], str],
    ) -> None:
        self._make_reach = make_reach
        self._where = where
        self._connect = connect
        self._timeout = timeout
        self._restarts = restarts
        self._hide = hide
        self._process = os.getpid()
        self._lock = asyncio.Lock()
        self._open: _Open | None = None
        self._starts = 0
        self._strikes = 0
        self._closing: Callable[[], None] | None = None

    @property
    def changed(self) -> bool:
        """Whether the server said that its tools are others now."""
        return self._open is not None and self._open.changed

    async def listing(self) -> Listing:
        """The server's tools.

        Raises:
            SimulatorError: It cannot be reached, or gives no list.
        """
        opened = await self._opened()
        client = opened.ready.result()

        import mcp_types

        opened.changed = False
        tools: list[dict[str, JsonValue]] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            request = mcp_types.ListToolsRequest(
                params=mcp_types.PaginatedRequestParams(cursor=cursor)
            )
            page = await self._asked(opened, request, mcp_types.ListToolsResult)
            if isinstance(page, Response):
                raise self._failed(f"The server did not list its tools: {page.error}", opened)
            tools += [
                tool.model_dump(mode="json", by_alias=True, exclude_none=True)
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if not cursor:
                break
        else:
            raise self._failed(f"The list of tools has more than {_MOST_PAGES} pages.", opened)
        info = client.server_info
        return Listing(info.name if info else "", client.instructions or "", tools)

    async def call(self, tool: str, arguments: Mapping[str, JsonValue]) -> Response:
        """Call a tool.

        Raises:
            SimulatorError: The server cannot be reached any more.
        """
        try:
            json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            return refusal(Status.BAD_INPUT, f"The arguments cannot be sent: {error}")
        opened = await self._opened()

        import mcp_types

        request = mcp_types.CallToolRequest(
            params=mcp_types.CallToolRequestParams(name=tool, arguments=dict(arguments))
        )
        answer = await self._asked(opened, request, mcp_types.CallToolResult)
        if isinstance(answer, Response) and answer.status is Status.NOT_FOUND and opened.reach.gone:
            opened = await self._opened()  # it knew our session no more, and so did nothing
            answer = await self._asked(opened, request, mcp_types.CallToolResult)
        if isinstance(answer, Response):
            return answer
        return response_of_result(answer.model_dump(mode="json", by_alias=True, exclude_none=True))

    async def _asked(self, opened: _Open, request: Any, kind: Any) -> Any:
        """The result of a request, or the response that stands for its failure."""
        from mcp import MCPError
        from pydantic import ValidationError

        heard = opened.reach.heard
        session = opened.ready.result().session
        try:
            async with asyncio.timeout(self._timeout):
                # Not call_tool, which checks the result by the server's own patterns on this loop.
                result = await session.send_request(request, kind)
        except TimeoutError:
            return await self._given_up(opened, heard)
        except MCPError as error:
            answer = response_of_error(error.code, error.message, error.data)
            if answer.status is Status.SEND_ERROR and opened.reach.gone:
                answer = refusal(Status.SEND_ERROR, _with_words("The server ended", opened))
        except (ValidationError, RuntimeError):
            answer = refusal(
                Status.SEND_ERROR, "The server's result is not what the protocol says."
            )
        else:
            self._strikes = 0
            return result
        if answer.status is not Status.TIMEOUT:
            self._strikes = 0
        return answer

    async def _given_up(self, opened: _Open, heard: int) -> Response:
        """The response to a call that timed out; a server that twice said nothing is ended."""
        self._strikes = self._strikes + 1 if opened.reach.heard == heard else 0
        if self._strikes >= _STRIKES:
            opened.reach.gone = True
        return refusal(Status.TIMEOUT, f"The server did not answer within {self._timeout:g} s.")

    async def _opened(self) -> _Open:
        """The connection, opened where it is not."""
        if os.getpid() != self._process:  # forked: the connection is our parent's
            self._process = os.getpid()
            self._lock, self._open = asyncio.Lock(), None
        async with self._lock:
            if self._open is not None and not self._open.reach.gone:
                return self._open
            if self._open is not None:
                await self._open.end()
                self._open = None
            if self._starts > self._restarts:
                raise SimulatorError(
                    f"The MCP server has ended or hung {self._starts} times and is not started "
                    "again.",
                    where=self._where,
                    fix="See why it ends, or allow more: restarts.",
                )
            self._starts += 1
            self._strikes = 0
            self._open = await self._started()
            self._open.changed = self._starts > 1
            return self._open

    async def _started(self) -> _Open:
        self._close_at_exit()
        await asyncio.to_thread(import_module, "mcp")  # half a second, which others need not wait
        opened = _Open(self._make_reach())
        try:
            async with asyncio.timeout(self._connect):
                await asyncio.shield(opened.ready)
        except TimeoutError:
            await opened.end()
            raise self._failed(
                f"The MCP server was not ready within {self._connect:g} s.", opened
            ) from None
        except (SimulatorError, ConfigurationError):
            await opened.end()
            raise
        except Exception as error:
            await opened.end()
            raise self._failed(f"The MCP server cannot be used: {error}", opened) from None
        except BaseException:
            await opened.end()
            raise
        return opened

    def _failed(self, problem: str, opened: _Open) -> SimulatorError:
        return SimulatorError(self._hide(_with_words(problem, opened)), where=self._where)

    async def close(self) -> None:
        """Close the connection, if it is open; a later call opens another."""
        if os.getpid() != self._process:
            return
        async with self._lock:
            opened, self._open = self._open, None
            if opened is not None:
                await opened.end()

    def close_from(self, patience: float = _CLOSING_SECONDS) -> None:
        """Close it from any thread; on the background loop itself, without waiting."""
        if self._closing is not None:
            atexit.unregister(self._closing)
            self._closing = None
        opened = self._open
        if opened is None or os.getpid() != self._process:
            return
        own = opened.task.get_loop()
        future = bridge.submit(self.close)
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not own:
            future.result(patience)

    def _close_at_exit(self) -> None:
        """See that the server is ended with this process; after the loop exists, so before it."""
        if self._closing is None:
            held = weakref.ref(self)

            def close() -> None:
                connection = held()
                if connection is not None:
                    connection.close_from()

            self._closing = close
            atexit.register(close)


def _with_words(problem: str, opened: _Open) -> str:
    """A problem, and what the server wrote last."""
    said = opened.reach.last_words
    return f"{problem.rstrip('.')}." + (f" It wrote: {said}" if said else "")
