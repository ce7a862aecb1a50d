"""Calls in flight to a live server: what the client costs, and what a hanging server delays.

python -m benchmarks.live

The server is a process of its own, bare asyncio: it answers after 200 ms, at once, or never.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from benchmarks.measure import table
from toolenv.simulators.web import WebClient, WebLimits, WebRequest, respond

IN_FLIGHT = 64
ROUNDS = 10
LATENCY = 0.2
REPEATS = 5
HUNG = 64
ASKED = 1.15

SERVER = f"""
import asyncio

BODY = b'{{"answer":"' + b"x" * 800 + b'"}}'
REPLY = (b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n"
         % len(BODY)) + BODY


class Answers(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""

    def data_received(self, data):
        self.read += data
        while b"\\r\\n\\r\\n" in self.read:
            head, _, self.read = self.read.partition(b"\\r\\n\\r\\n")
            if head.startswith(b"GET /fast"):
                self.transport.write(REPLY)
            elif not head.startswith(b"GET /never"):
                asyncio.get_running_loop().call_later({LATENCY}, self.transport.write, REPLY)


async def main():
    server = await asyncio.get_running_loop().create_server(
        Answers, "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
"""


async def rounds(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds for some rounds of as many calls as are in flight, after one that does not count."""

    async def worker(count: int) -> None:
        for _ in range(count):
            await call()

    await asyncio.gather(*(worker(1) for _ in range(IN_FLIGHT)))
    began = time.perf_counter()
    await asyncio.gather(*(worker(ROUNDS) for _ in range(IN_FLIGHT)))
    return time.perf_counter() - began


async def ours(address: str) -> float:
    """The seconds with our client."""
    client = WebClient([address], allow_private=[address])
    request = WebRequest("GET", f"http://{address}/", {})

    async def call() -> None:
        assert not (await respond(client, request)).failed

    try:
        return await rounds(call)
    finally:
        client.close()


async def one_pool(address: str) -> float:
    """The seconds with one client of httpx, whose pool is as large."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def call() -> None:
            assert (await client.get(f"http://{address}/")).status_code == 200

        return await rounds(call)


async def beside_hung(address: str, hanging: str, hung: int) -> list[float]:
    """Milliseconds of fast calls, one after the other, while others hang at another server."""
    limits = WebLimits(in_flight=IN_FLIGHT, total=60)
    client = WebClient([address, hanging], allow_private=["127.0.0.1"], limits=limits)
    never = WebRequest("GET", f"http://{hanging}/never", {})
    waiting = [asyncio.create_task(respond(client, never)) for _ in range(hung)]
    await asyncio.sleep(0.5)
    times = []
    fast = WebRequest("GET", f"http://{address}/fast", {})
    for _ in range(500):
        began = time.perf_counter()
        assert not (await respond(client, fast)).failed
        times.append((time.perf_counter() - began) * 1e3)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    client.close()
    await asyncio.sleep(0)
    return times[50:]


def start() -> tuple[subprocess.Popen[str], str]:
    """A server process and its address."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, f"127.0.0.1:{process.stdout.readline().strip()}"


def main() -> None:
    """Measure and print."""
    servers = [start(), start()]
    (_, address), (_, hanging) = servers
    try:
        ideal = ROUNDS * LATENCY
        found: dict[str, list[float]] = {"ours": [], "one pool": []}
        beside: dict[int, list[float]] = {0: [], HUNG: []}
        for _ in range(REPEATS):
            found["ours"].append(asyncio.run(ours(address)) / ideal)
            found["one pool"].append(asyncio.run(one_pool(address)) / ideal)
            for hung, times in beside.items():
                times.extend(asyncio.run(beside_hung(address, hanging, hung)))
    finally:
        for process, _ in servers:
            process.terminate()
            process.wait()

    def spread(values: list[float]) -> str:
        return f"{statistics.median(values):.3f} ({min(values):.3f}–{max(values):.3f})"

    def quantiles(values: list[float]) -> str:
        cuts = statistics.quantiles(values, n=100)
        return f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms"

    table(
        f"{IN_FLIGHT} calls in flight, a server that takes {LATENCY * 1e3:.0f} ms, "
        f"{ROUNDS} rounds, {REPEATS} repeats; wall time over the ideal",
        [
            ("figure", "asked", "measured"),
            ("our client", f"at most {ASKED}", spread(found["ours"])),
            ("one pool of httpx", "no bound", spread(found["one pool"])),
            ("a fast call, nothing else in flight", "no bound", quantiles(beside[0])),
            (f"a fast call beside {HUNG} that hang", "the same", quantiles(beside[HUNG])),
        ],
    )


if __name__ == "__main__":
    main()
