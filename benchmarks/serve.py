"""``toolenv serve`` from a frozen snapshot, against a bare handler and a server of JSON files.

200 tools of 5 APIs with 20 recorded calls each, replies of about 0.8 KB; every server gets the same
requests, from a client that speaks over bare sockets. The repeats are interleaved, so that a
drifting machine drifts for all.

    python -m benchmarks.serve [--seconds 4] [--repeats 5] [--connections 32]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.measure import table
from benchmarks.serve_peers import CACHE, SIZES
from toolenv.snapshots import freeze, import_records

TOOLS, APIS, ENTRIES = 200, 5, 20
SERVERS = {
    "toolenv": "toolenv",
    "toolenv, nothing kept": "toolenv --keep-bytes 0",
    "bare": "bare",
    "files": "files",
}
"""What is measured, and how it is started; ``toolenv`` alone is as it comes, log included."""


class Window(NamedTuple):
    """What one server did in one repeat."""

    rate: float
    median: float
    p99: float


def write(folder: Path) -> list[bytes]:
    """Write the recorded calls as files and as a snapshot; the requests for them."""
    rng = random.Random(4)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(2000)]
    requests, sizes = [], []
    for tool in range(TOOLS):
        category = f"Category_{tool % 40}"
        for api in range(APIS):
            entries = {}
            for number in range(ENTRIES):
                arguments = {"query": f"q{number}", "limit": number}
                rows = [" ".join(rng.choices(words, k=15)) for _ in range(rng.randint(4, 10))]
                value = {"error": "", "response": {"tool": tool, "api": api, "rows": rows}}
                entries[str(arguments)] = value
                sizes.append(len(json.dumps(value, separators=(",", ":"))))
                requests.append(
                    request_of(
                        {
                            "category": category,
                            "tool_name": f"tool_{tool}",
                            "api_name": f"api_{api}",
                            "tool_input": json.dumps(arguments),
                            "strip": "truncate",
                            "toolbench_key": "",
                        }
                    )
                )
            path = folder / CACHE / category / f"tool_{tool}_for_{category}" / f"api_{api}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(entries, indent=4))
    rng.shuffle(sizes)
    (folder / SIZES).write_text(json.dumps(sizes))
    freeze(import_records([folder / CACHE]), folder / "calls.snap")
    return requests


def request_of(fields: dict[str, str]) -> bytes:
    """A request as Python's ``requests`` writes it."""
    body = json.dumps(fields).encode()
    head = (
        "POST /virtual HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: python-requests/2.32.3\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        f"toolbench_key: none\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/json\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def serving(name: str, folder: Path) -> Iterator[int]:
    """A server as a process of its own; its port."""
    kind, *options = SERVERS[name].split()
    if kind == "toolenv":
        command = ["-m", "toolenv", "serve", "--port", "0", *options]
        command += ["--simulator", f"snapshot:{folder / 'calls.snap'}"]
    else:
        command = ["-m", "benchmarks.serve_peers", kind, str(folder)]
    with (folder / f"{name}.stderr").open("wb") as errors:
        server = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline().rpartition(":")[2])
        finally:
            server.terminate()
            server.wait(timeout=30)


class Connection(asyncio.Protocol):
    """Asks for one thing after the other."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.received = b""
        self.whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        """Ask for something."""
        client = self.client
        self.began = time.perf_counter()
        self.transport.write(client.requests[int(client.random() * len(client.requests))])

    def data_received(self, data: bytes) -> None:
        """Note the reply once it is whole."""
        received = self.received = self.received + data if self.received else data
        if not self.whole:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            at = received.index(b"content-length: ", 0, end) + 16
            self.whole = end + 4 + int(received[at : received.index(b"\r\n", at)])
        if len(received) >= self.whole:
            self.client.note(time.perf_counter(), self.began, received)
            self.received, self.whole = b"", 0
            if self.client.asking:
                self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Count what was not asked to end."""
        self.client.lost += self.client.asking


class Client:
    """A closed loop over many connections."""

    def __init__(self, port: int, requests: list[bytes], seed: int) -> None:
        self.port = port
        self.requests = requests
        self.random = random.Random(seed).random
        self.asking = True
        self.counting = False
        self.times: list[float] = []
        self.bad = self.lost = 0

    def note(self, now: float, began: float, reply: bytes) -> None:
        """Note a reply."""
        if not reply.startswith(b"HTTP/1.1 200 ") or b'"error":"miss' in reply:
            self.bad += 1
        if self.counting:
            self.times.append(now - began)

    async def run(self, connections: int, seconds: float) -> Window:
        """Ask for so long, after a warm-up that does not count."""
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
            for _ in range(connections)
        ]
        await asyncio.sleep(min(1.0, seconds / 2))
        self.counting = True
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        self.counting = False
        spent = time.perf_counter() - began
        self.asking = False
        for transport, _ in opened:
            transport.close()
        if self.bad or self.lost:
            raise SystemExit(f"{self.bad} bad replies, {self.lost} connections lost")
        times = sorted(self.times)
        return Window(
            len(times) / spent,
            times[len(times) // 2] * 1e3,
            times[int(len(times) * 0.99)] * 1e3,
        )


async def check(port: int, requests: list[bytes], folder: Path) -> None:
    """See that what is served is what the files hold."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in random.Random(1).sample(requests, 200):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.splitlines() if line.startswith(b"content-length:")
        )
        reply = json.loads(await reader.readexactly(length))
        fields = json.loads(request.partition(b"\r\n\r\n")[2])
        category, tool = fields["category"], f"{fields['tool_name']}_for_{fields['category']}"
        path = folder / CACHE / category / tool / f"{fields['api_name']}.json"
        assert reply == json.loads(path.read_text())[str(json.loads(fields["tool_input"]))], reply
    writer.close()


def measure(seconds: float, repeats: int, connections: int) -> dict[str, list[Window]]:
    """Every server's windows, interleaved."""
    found: dict[str, list[Window]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=Path.cwd()) as place:
        folder = Path(place)
        requests = write(folder)
        with ExitStack() as stack:
            ports = {name: stack.enter_context(serving(name, folder)) for name in SERVERS}
            for name, port in ports.items():
                if name != "bare":
                    uvloop.run(check(port, requests, folder))
            for repeat in range(repeats):
                for name, port in ports.items():
                    client = Client(port, requests, repeat)
                    found[name].append(uvloop.run(client.run(connections, seconds)))
    return found


def said(values: list[float], digits: int = 2) -> str:
    """A median and its spread."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args([] if arguments is None else arguments)
    load = os.getloadavg()[0]
    found = measure(options.seconds, options.repeats, options.connections)
    ours, lookups, bare, files = (found[name] for name in SERVERS)
    table(
        f"toolenv serve, one process, {options.connections} connections, "
        f"{TOOLS * APIS * ENTRIES:,} recorded calls (load {load:.1f} when it began)",
        [
            ("figure", "asked", "measured"),
            *(
                (f"requests a second: {name}", "–", said([one.rate for one in windows], 0))
                for name, windows in found.items()
            ),
            ("of the bare handler's", "at least 0.60", ratios(ours, bare, "rate")),
            ("… nothing kept", "–", ratios(lookups, bare, "rate")),
            ("times the JSON files'", "at least 5", ratios(ours, files, "rate")),
            ("… nothing kept", "–", ratios(lookups, files, "rate")),
            *(
                (f"p99, milliseconds: {name}", "–", said([one.p99 for one in windows], 1))
                for name, windows in found.items()
            ),
            ("times the bare handler's", "at most 2", ratios(ours, bare, "p99")),
            ("… nothing kept", "–", ratios(lookups, bare, "p99")),
        ],
    )


def ratios(ours: list[Window], others: list[Window], field: str) -> str:
    """One server's figures by another's, repeat by repeat."""
    pairs = zip(ours, others, strict=True)
    return said([float(getattr(one, field) / getattr(other, field)) for one, other in pairs])


if __name__ == "__main__":
    main(sys.argv[1:])
