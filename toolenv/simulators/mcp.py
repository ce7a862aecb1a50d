"""An MCP server as a tool source and a simulator: its tools are APIs, its results responses.

A server is a command, which is started as a process and spoken to over its standard input and
output, or an address for streamable HTTP. See ``docs/mcp.md``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from toolenv import bridge
from toolenv.apis import API, Identity
from toolenv.episodes import Response
from toolenv.errors import ConfigurationError, FormatError, SimulatorError
from toolenv.fingerprint import fingerprint
from toolenv.formats.mcp import apis_of_mcp_tools
from toolenv.jsontext import JsonValue, parse, render
from toolenv.names import standard_tool
from toolenv.simulators.live import LiveSimulator
from toolenv.simulators.mcp_connection import Listing, MCPConnection, Reach
from toolenv.simulators.web_secrets import Secrets

__all__ = ["MCPSimulator", "open_mcp", "read_mcp_tools"]

_SIZE: Final = 1 << 20
_UNNAMED: Final = "mcp"


class MCPSimulator(LiveSimulator):
    """Asks an MCP server.

    The connection is opened by the first call, kept open, shared by all sessions and callers, and
    closed by ``close``; a server's process ends with it, and with this process however that ends.
    A server that ends, or that twice lets a call time out without a sign of life, is started again
    by the next call; whatever state it held is then gone.

    Args:
        server: A command, as text or as a list, or an address that begins with ``http``.
        environment: Names of environment variables that the process gets. It gets ``PATH``,
            ``HOME`` and the like besides, and nothing else: keys do not leak.
        headers: For HTTP: header to the name of the environment variable that holds its value.
        token: For HTTP: the environment variable that holds a bearer token.
        allow_private: For HTTP: hosts that may have a private, loopback or link-local address.
        tool: The name under which its tools are APIs; the server's own by default.
        category: The category they are filed under.
        timeout: Seconds for one call, and for one page of the list of tools.
        connect_timeout: Seconds to start the server and agree on the protocol.
        size: The longest message in bytes, results and lists of tools included.
        restarts: How often it is started again in all.
        safe_to_repeat: Function names of APIs that may change state and yet may be called in one
            branch without being noticed in another; ``*`` for all.

    Raises:
        ConfigurationError: The server cannot be one, or an option is none for it, or the extra
            ``mcp`` is not installed.
    """

    def __init__(
        self,
        server: str | Sequence[str],
        *,
        environment: Collection[str] = (),
        headers: Mapping[str, str] | None = None,
        token: str = "",
        allow_private: Collection[str] = (),
        tool: str = "",
        category: str = "",
        timeout: float = 60.0,
        connect_timeout: float = 30.0,
        size: int = _SIZE,
        restarts: int = 2,
        safe_to_repeat: Collection[str] = (),
    ) -> None:
        super().__init__(safe_to_repeat=safe_to_repeat)
        if find_spec("mcp") is None:
            raise ConfigurationError(
                "MCP servers need the extra 'mcp'.", fix="pip install 'toolenv[mcp]'"
            )
        self.tool = tool
        self.category = category
        self.size = size
        self.timeout = timeout
        self._given: dict[str, Any] = {
            "server": server if isinstance(server, str) else tuple(server),
            "environment": tuple(environment),
            "headers": dict(headers or {}),
            "token": token,
            "allow_private": tuple(allow_private),
            "tool": tool,
            "category": category,
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "size": size,
            "restarts": restarts,
            "safe_to_repeat": tuple(safe_to_repeat),
        }
        for name, value in (("timeout", timeout), ("connect_timeout", connect_timeout)):
            if not 0 < value < float("inf"):
                raise ConfigurationError("Expected a number of seconds above 0.", where=name)
        if size <= 0 or restarts < 0:
            raise ConfigurationError(
                "Expected a number of bytes above 0, and a number of restarts.", where="size"
            )
        web = isinstance(server, str) and re.match(r"https?://", server, re.IGNORECASE)
        self._url = _checked_url(str(server)) if web else ""
        self._command = [] if web else _split(server)
        _refuse_misfits(self._url, environment, headers, token, allow_private)
        self._listed: tuple[Listing, dict[Identity, tuple[str, API]]] | None = None
        self._connection = MCPConnection(
            self._reach,
            where=self.name,
            connect=connect_timeout,
            timeout=timeout,
            restarts=restarts,
            hide=lambda text: self._secrets().hide(text),
        )

    @property
    def name(self) -> str:
        """What it is called in errors: no arguments and no query, which may hold keys."""
        if self._url:
            parts = urlsplit(self._url)
            return f"{parts.scheme}://{parts.netloc}{parts.path}"
        return os.path.basename(self._command[0])  # noqa: PTH119 - a name, not a place

    @cached_property
    def fingerprint(self) -> str:
        """A digest of what is asked and how; what the server makes of it is its own affair."""
        asked = ("server", "environment", "headers", "token", "tool", "category", "timeout", "size")
        return fingerprint(
            "simulator", {"kind": "mcp", **{name: self._given[name] for name in asked}}
        )

    @property
    def apis(self) -> tuple[API, ...]:
        """The documents of the server's tools; asks the server when first used.

        Raises:
            SimulatorError: It cannot be reached, or lists something that is no tool.
        """
        return tuple(api for _, api in bridge.run(bridge.in_background(self._tools)).values())

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        """Call the tool that an API stands for.

        Returns:
            The answer, failures typed by status; None for an API of another tool.

        Raises:
            SimulatorError: The server cannot be reached, or was started too often.
        """
        if self.tool and api.tool and standard_tool(self.tool) != standard_tool(api.tool):
            return None
        return await bridge.in_background(lambda: self._answer(api, arguments))

    async def _answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        found = _find(await self._tools(), api.identity)
        if found is None and self._connection.changed:
            self._listed = None
            found = _find(await self._tools(), api.identity)
        if found is None:
            return None
        name, own = found
        spelt = {
            parameter.key: parameter.name
            for parameter in reversed(api.parameters or own.parameters)
        }
        written = {spelt.get(key, key): value for key, value in arguments.items()}
        response = await self._connection.call(name, written)
        return response._replace(text=self._secrets().hide(response.text))

    async def _tools(self) -> dict[Identity, tuple[str, API]]:
        """The server's tools, by what names them."""
        if self._listed is None:
            listing = await self._connection.listing()
            plain = parse(self._secrets().hide(render(listing._asdict())))
            assert isinstance(plain, dict)
            told: Any = plain["tools"]
            try:
                apis = apis_of_mcp_tools(
                    told,
                    tool=self.tool or str(plain["name"]) or _UNNAMED,
                    category=self.category,
                    tool_description=str(plain["instructions"]),
                )
            except FormatError as error:
                raise SimulatorError(
                    f"The MCP server lists what is no tool: {error}", where=self.name
                ) from None
            tools = {api.identity: (name, api) for name, api in apis.items()}
            self._listed = (listing, tools)
        return self._listed[1]

    def _reach(self) -> Reach:
        """A way to the server; imports the protocol's library."""
        values = _values(self._names())
        if self._url:
            from toolenv.simulators.mcp_http import WebServer

            headers = {header: values[name] for header, name in self._given["headers"].items()}
            if self._given["token"]:
                headers["Authorization"] = f"Bearer {values[self._given['token']]}"
            return WebServer(
                self._url,
                headers,
                allow_private=self._given["allow_private"],
                connect=self._given["connect_timeout"],
                total=self.timeout,
                size=self.size,
            )
        from toolenv.simulators.mcp_stdio import ServerProcess

        if shutil.which(self._command[0]) is None:
            raise ConfigurationError(
                "There is no such program.", where=self.name, fix="Check the command of mcp:…."
            )
        return ServerProcess(self._command, values, size=self.size)

    def _names(self) -> list[str]:
        """The names of the environment variables in use."""
        token = [self._given["token"]] if self._given["token"] else []
        return [*self._given["environment"], *self._given["headers"].values(), *token]

    def _secrets(self) -> Secrets:
        return Secrets([os.environ[name] for name in self._names() if name in os.environ])

    def close(self) -> None:
        """End the connection, and the server's process with it; a later call starts it anew."""
        self._connection.close_from()

    def __repr__(self) -> str:
        return f"MCPSimulator({self.name!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._given,)


def _restore(given: dict[str, Any]) -> MCPSimulator:
    return MCPSimulator(**given)


def read_mcp_tools(server: str | Sequence[str], **options: Any) -> list[API]:
    """The tools of an MCP server as APIs, for tasks.

    Args:
        server: As for ``MCPSimulator``.
        options: The options of ``MCPSimulator``.

    Raises:
        ConfigurationError: The server or an option cannot be one.
        SimulatorError: The server cannot be reached, or lists something that is no tool.
    """
    with MCPSimulator(server, **options) as simulator:
        return list(simulator.apis)


def open_mcp(place: str, options: dict[str, Any]) -> MCPSimulator:
    """Make the simulator that ``mcp:COMMAND`` or ``mcp:http://…`` describes.

    Args:
        place: The command, quoted as for a shell, or the address.
        options: ``timeout``, ``connect_timeout``, ``size``, ``restarts``, ``tool``, ``category``;
            with commas ``env``, ``safe_to_repeat``, ``allow_private`` and ``headers``
            (``Header:VARIABLE``); ``token``.

    Raises:
        ConfigurationError: An option is unknown, or no number where one is expected.
    """
    read: dict[str, Any] = {}
    for name, text in options.items():
        if name in ("timeout", "connect_timeout"):
            read[name] = _number(name, text, float)
        elif name in ("size", "restarts"):
            read[name] = _number(name, text, int)
        elif name in ("safe_to_repeat", "allow_private"):
            read[name] = [part for part in text.split(",") if part]
        elif name == "env":
            read["environment"] = [part for part in text.split(",") if part]
        elif name == "headers":
            pairs = [part.partition(":") for part in text.split(",") if part]
            read[name] = {header.strip(): variable.strip() for header, _, variable in pairs}
        elif name in ("tool", "category", "token"):
            read[name] = text
        else:  # the value may be a key, as in the query of an address
            raise ConfigurationError(
                f"An MCP server has no option {name!r}.",
                fix="See docs/mcp.md; an address with a query is given as MCPSimulator(…).",
            )
    return MCPSimulator(place, **read)


def _number(name: str, text: str, kind: type[float] | type[int]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no number.", where=name) from None


def _split(server: str | Sequence[str]) -> list[str]:
    try:
        command = shlex.split(server) if isinstance(server, str) else [str(one) for one in server]
    except ValueError as error:
        raise ConfigurationError(f"The command cannot be read: {error}.", where="mcp") from None
    if not command or not command[0]:
        raise ConfigurationError(
            "No MCP server is named.", fix="Write mcp:COMMAND or mcp:http://HOST:PORT/mcp."
        )
    if any("\0" in part for part in command):
        raise ConfigurationError("The command holds a NUL character.", where="mcp")
    return command


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(  # it would reach fingerprints and errors
            "The address of the server holds a name or a password.",
            where="mcp",
            fix="Name an environment variable: token or headers.",
        )
    if not parts.hostname:
        raise ConfigurationError("The address of the server names no host.", where="mcp")
    return url


def _refuse_misfits(
    url: str,
    environment: Collection[str],
    headers: Mapping[str, str] | None,
    token: str,
    allow_private: Collection[str],
) -> None:
    """Refuse options of the one kind of server for the other: they would do nothing, unseen."""
    web = {"headers": headers, "token": token, "allow_private": allow_private}
    misfits = ["environment"] if url and environment else []
    misfits += [name for name, value in web.items() if value and not url]
    if misfits:
        kind = "reached over HTTP" if url else "started by a command"
        raise ConfigurationError(
            f"A server that is {kind} has no use for {', '.join(misfits)}.", where="mcp"
        )


def _values(names: Collection[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ConfigurationError(
            "An environment variable is not set.",
            where=", ".join(missing),
            fix="Set it, or do not name it for the MCP server.",
        )
    return {name: os.environ[name] for name in names}


def _find(tools: Mapping[Identity, tuple[str, API]], identity: Identity) -> tuple[str, API] | None:
    """The tool that an identity names; one that knows less is joined where only one fits."""
    if identity in tools:
        return tools[identity]
    fitting = [tool for known, tool in tools.items() if identity.joins(known)]
    return fitting[0] if len(fitting) == 1 else None
