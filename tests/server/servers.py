"""A server as a process of its own, asked over bare sockets, and what it serves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.running.processes import COMMAND, environment, heed_interrupts
from toolenv.apis import Identity
from toolenv.episodes import Response, Status
from toolenv.names import standard_api, standard_tool, toolbench_function_name
from toolenv.simulators import ApiError, LocalSimulator, LocalTool
from toolenv.snapshots import Recorded, freeze

PATIENCE = 60.0

WHOLE = '{"error": "", "response": {"b": 1, "a": [1.0, "Zürich"]}}'
CUT = '{"error": "Message error...", "response": {"rows": [1, 2...'


def identity(category: str, tool: str, api: str) -> Identity:
    return Identity(
        toolbench_function_name(tool, api), category, standard_tool(tool), standard_api(api)
    )


SEARCH = identity("Data", "SEO API", "Search It")
BY_ID = identity("Data", "SEO API", "ID")


def recorded(
    api: Identity, arguments: str = '{"query": "tea"}', text: str = WHOLE, **fields: Any
) -> Recorded:
    return Recorded(api, arguments, Response(text, source="store", origin="live", **fields))


def freeze_calls(folder: Path) -> Path:
    """The snapshot that most tests serve."""
    path = folder / "calls.snap"
    records = [
        recorded(SEARCH),
        recorded(SEARCH, "{}", '{"error":"","response":"nothing asked"}'),
        recorded(SEARCH, '{"query": "cut"}', CUT, completeness="truncated"),
        recorded(SEARCH, '{"query": "bare"}', '{"rows": [1,  2]}'),
        recorded(SEARCH, '{"query": "text"}', "no JSON"),
        recorded(
            SEARCH,
            '{"query": "gone"}',
            '{"error": "Not found", "response": ""}',
            status=Status.NOT_FOUND,
        ),
        recorded(SEARCH, "[1]", '{"error": "", "response": "a list"}'),
        recorded(SEARCH, '{"query": ', '{"error": "parse", "response": "as recorded"}'),
        recorded(BY_ID, '{"is_id": 7}', '{"error":"","response":7}'),
        # as StableToolBench's server files what it is asked for as id_for_seo_api
        recorded(
            Identity("id_for_seo_api", "Data", "seo_api", "id"), "{}", '{"error":"","response":0}'
        ),
        recorded(Identity("lookup_for_trees"), "{}", '{"error":"","response":"of a tree"}'),
    ]
    freeze(records, path)
    return path


class Reply(NamedTuple):
    http: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Running(NamedTuple):
    """A server that takes requests."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def send(self, raw: bytes) -> Reply:
        """Send bytes, and read the reply to them."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(raw)
            return read_reply(connection)

    def ask(
        self,
        fields: Any,
        path: str = "/virtual",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make a call as ToolBench's clients do."""
        return self.send(request(fields, path, headers))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.send(written("GET", path, headers or {}))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(folder: Path, *options: str | Path, **variables: str) -> Iterator[Running]:
    """``toolenv serve`` on a free port."""
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(**variables),
            cwd=folder,
            preexec_fn=heed_interrupts,
        )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("serving at http://"), log.read_text()
        yield Running(process, int(said.rpartition(":")[2]), log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()


def call(
    api: str = "search_it",
    tool: str = "seo_api",
    category: str = "Data",
    tool_input: Any = '{"query": "tea"}',
    **more: Any,
) -> dict[str, Any]:
    """A call with all the fields that ToolBench's clients send."""
    return {
        "category": category,
        "tool_name": tool,
        "api_name": api,
        "tool_input": tool_input,
        "strip": "truncate",
        "toolbench_key": "",
        **more,
    }


def request(fields: Any, path: str = "/virtual", headers: Mapping[str, str] | None = None) -> bytes:
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    about = {"Content-Type": "application/json", **(headers or {})}
    return written("POST", path, {**about, "Content-Length": str(len(body))}) + body


def written(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **headers}.items()]
    return f"{method} {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


def read_reply(connection: socket.socket) -> Reply:
    """Read one reply; its status is 0 where the connection ends without one."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(1 << 16)
        if not more:
            return Reply(0, {}, received)
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(1 << 16)
    return Reply(int(first.split()[1]), headers, body)


# --- a live simulator ------------------------------------------------------------------------

shop = LocalTool("Shop", "Corner Shop", "Sells, and depends on others.")


@shop.api()
def price(item: str) -> float:
    """Tell a price."""
    if item == "unheard of":
        raise ApiError(Status.NOT_FOUND, "No such item.")
    return float(len(item))


@shop.api(changes_state=True)
def buy(state: list[str], item: str) -> int:
    """Buy something."""
    state.append(item)
    return len(state)


@shop.api()
def basket(state: list[str]) -> list[str]:
    """Show what was bought."""
    return state


@shop.api()
async def delivery(item: str) -> str:
    """Ask a server elsewhere, however long that takes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["ELSEWHERE"]))
    try:
        writer.write(f"{item}\n".encode())
        return (await reader.readline()).decode().strip()
    finally:
        writer.close()


@shop.api()
def blocking(item: str) -> str:
    """Ask a server elsewhere, and hold up the thread."""
    with socket.create_connection(("127.0.0.1", int(os.environ["ELSEWHERE"]))) as connection:
        connection.sendall(f"{item}\n".encode())
        return connection.makefile().readline().strip()


@shop.api()
def broken() -> None:
    """Fail, and not for the API's reasons."""
    from toolenv.errors import SimulatorError

    raise SimulatorError("The till is locked.")


def corner_shop() -> LocalSimulator:
    return LocalSimulator([shop], make_state=lambda task, seed: [], version="1")


SHOP = ("--simulator", f"local:{__name__}:corner_shop")


def shop_call(api: str, **arguments: Any) -> dict[str, Any]:
    return call(api, "corner_shop", "Shop", arguments)
