"""An MCP server as a process of our own: within limits, without our secrets, gone when we are.

The protocol's client library starts processes too, but reads lines of any length, and a server that
ignores the end of its input would outlive a killed run (see ``toolenv.simulators.mcp_guard``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from toolenv.episodes import Status
from toolenv.jsontext import parse, render
from toolenv.simulators import mcp_guard
from toolenv.simulators.mcp_results import failure_data

__all__ = ["ServerProcess"]

_Messages: TypeAlias = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]

_GRACE_SECONDS: Final = 1.0
_LAST_WORDS_SECONDS: Final = 0.2
_CHUNK: Final = 1 << 16
_ENDS: Final = 512
"""Bytes that are kept of both ends of a message that is too long, to find whose answer it was."""

_TAIL: Final = 500
_FLOOD: Final = 1 << 20
_QUEUE: Final = 1024

_INHERITED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "SYSTEMDRIVE", "PATHEXT", "USERPROFILE", "APPDATA"),
)
"""What a server's environment holds beside the variables that are named."""

_FIRST_ID: Final = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\b')
_LAST_ID: Final = re.compile(rb'"id"\s*:\s*(\d{1,15})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


class ServerProcess:
    """Runs a server and carries messages to and from it; a transport of ``mcp.Client``.

    Args:
        command: The program and its arguments.
        environment: Variables that the server gets beside the usual few.
        size: The longest message in bytes.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, size: int
    ) -> None:
        self._command = list(command)
        self._environment = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **environment,
        }
        self._size = size
        self._waiting: set[int | str] = set()
        self._said = bytearray()
        self.heard = 0
        """How many messages have come."""
        self.gone = False
        """Whether the server has closed its end."""

    @property
    def last_words(self) -> str:
        """The end of what the server wrote to its standard error."""
        lines = bytes(self._said).decode("utf-8", "replace").split("\n")
        return " ".join(filter(None, map(str.strip, lines)))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[_Messages]:
        """Start the server; it is ended, with all it has started, on leaving.

        Raises:
            OSError: It cannot be started.
        """
        process, life = await self._start()
        to_client, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        # A server that does not read must not hold up callers that have given up.
        to_server, from_client = anyio.create_memory_object_stream[SessionMessage](_QUEUE)
        listening = asyncio.create_task(self._listen(process))
        tasks = [
            asyncio.create_task(self._receive(process, to_client, listening)),
            asyncio.create_task(self._send(process, from_client, to_client)),
            listening,
        ]
        try:
            yield from_server, to_server
        finally:
            os.close(life)
            if process.stdin is not None:
                process.stdin.close()
            try:
                await _ended(process)
            finally:
                for task in tasks:
                    task.cancel()
                for stream in (to_client, from_server, to_server, from_client):
                    stream.close()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self) -> tuple[asyncio.subprocess.Process, int]:
        command = self._command
        theirs, ours = os.pipe()
        if sys.platform != "win32":
            guard = [sys.executable, "-I", "-S", str(Path(mcp_guard.__file__))]
            command = [*guard, str(theirs), str(_GRACE_SECONDS), *command]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                pass_fds=() if sys.platform == "win32" else (theirs,),
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return process, ours

    async def _receive(
        self,
        process: asyncio.subprocess.Process,
        to_client: MemoryObjectSendStream[SessionMessage | Exception],
        listening: asyncio.Task[None],
    ) -> None:
        """Pass on what the server says, until it says no more."""
        assert process.stdout is not None
        lines = _Lines(self._size)
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            while chunk := await process.stdout.read(_CHUNK):
                for line in lines.add(chunk):
                    for message in self._read(line):
                        await to_client.send(SessionMessage(message))
        self.gone = True
        await asyncio.wait([listening], timeout=_LAST_WORDS_SECONDS)
        to_client.close()

    def _read(self, line: bytes | _TooLong) -> Iterator[mcp_types.JSONRPCMessage]:
        """The message in a line; for what is none, failures of the requests it may have answered.

        What is no object, or an object that is no answer, is chatter: servers print it.
        """
        if isinstance(line, _TooLong):
            problem = f"The response is larger than {self._size} bytes."
            yield from self._fail(line.start, line.end, problem, Status.API_ERROR)
            return
        if not line.lstrip().startswith(b"{"):
            return
        text = line.decode("utf-8", "replace")
        try:
            message = mcp_types.jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValueError:
            try:
                value = parse(text)
            except ValueError:
                problem = "The server sent a message that is not JSON."
                yield from self._fail(line[:_ENDS], line[-_ENDS:], problem, Status.SEND_ERROR)
                return
            asked = value.get("id") if isinstance(value, dict) else None
            if isinstance(asked, int | str) and asked in self._waiting:
                problem = "The server sent a message that is no answer."
                yield _failure(asked, problem, Status.SEND_ERROR)
            return
        self.heard += 1
        if isinstance(message, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError):
            self._waiting.discard(message.id if message.id is not None else "")
        yield message

    def _fail(
        self, start: bytes, end: bytes, problem: str, status: Status
    ) -> Iterator[mcp_types.JSONRPCMessage]:
        """Failures of the request whose number is found, or else of all that wait."""
        found = _FIRST_ID.match(start) or _LAST_ID.search(end)
        asked = {int(found[1])} if found is not None else set(self._waiting)
        for request in sorted(asked & self._waiting, key=str):
            self._waiting.discard(request)
            yield _failure(request, problem, status)

    async def _send(
        self,
        process: asyncio.subprocess.Process,
        from_client: MemoryObjectReceiveStream[SessionMessage],
        to_client: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        """Pass on what the client says; a server that takes no more is gone."""
        assert process.stdin is not None
        try:
            async for sent in from_client:
                message = sent.message
                if isinstance(message, mcp_types.JSONRPCRequest):
                    self._waiting.add(message.id)
                line = render(message.model_dump(by_alias=True, exclude_unset=True))
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.gone = True
            to_client.close()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of what the server writes to its standard error; slow a flood down."""
        assert process.stderr is not None
        received = 0
        while chunk := await process.stderr.read(_CHUNK):
            self._said += chunk
            del self._said[:-_TAIL]
            received += len(chunk)
            if received > _FLOOD:
                await asyncio.sleep(0.01)


class _TooLong(NamedTuple):
    """Both ends of a line that is too long."""

    start: bytes
    end: bytes


class _Lines:
    """Lines as they grow, never beyond their largest size."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._line = bytearray()
        self._start = b""

    def add(self, chunk: bytes) -> Iterator[bytes | _TooLong]:
        """The lines that a chunk completes."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._grow(end)
            line = bytes(self._line)
            yield _TooLong(self._start, line[-_ENDS:]) if self._start else line
            self._line.clear()
            self._start = b""
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) > self._size or self._start:
            self._start = self._start or bytes(self._line[:_ENDS])
            del self._line[:-_ENDS]


def _failure(request: int | str, problem: str, status: Status) -> mcp_types.JSONRPCError:
    error = mcp_types.ErrorData(
        code=mcp_types.INTERNAL_ERROR, message=problem, data=failure_data(status)
    )
    return mcp_types.JSONRPCError(jsonrpc="2.0", id=request, error=error)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait until a process has ended, which its guard sees to, or kill its group.

    Not ``process.wait()``, which waits for the ends of pipes that others may have inherited.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _GRACE_SECONDS + 1.0
    try:
        while process.returncode is None and loop.time() < deadline:
            await asyncio.sleep(0.005)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
        # Pipes that a survivor holds would keep the loop busy; nothing public closes them.
        transport = getattr(process, "_transport", None)
        if transport is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                transport.close()
