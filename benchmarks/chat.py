"""What a request costs the client: the ``openai`` package as installed, and our ``ChatClient``.

A conversation of 50 messages and 20 functions, a server without latency, one core; the processor's
time of a call, one at a time and 250 at once.

    python -m benchmarks.chat
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.completions_server import (
    keep_to_one_core,
    processor,
    serve_completions,
    three_runs,
)
from toolenv.chat import ChatClient, ChatRequest

CALLS = 500
KINDS = {
    "installed": "`openai` as installed",
    "extra body": "messages and functions through `extra_body`",
    "ours": "`ChatClient`: the body as rendered, aiohttp",
}

MESSAGES: list[dict[str, Any]] = [
    {"role": "user" if number % 2 else "assistant", "content": "What is the weather? " * 35}
    for number in range(50)
]
FUNCTIONS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": f"search_{number}_for_weather",
            "description": "Search the weather report of a city. " * 4,
            "parameters": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": f"The {name} of the report."}
                    for name in ("city", "day", "unit", "language")
                },
                "required": ["city"],
            },
        },
    }
    for number in range(20)
]


def asking(kind: str, address: str) -> Callable[[], Awaitable[object]]:
    """What makes one call."""
    url = f"http://{address}/v1"
    if kind == "ours":
        client = ChatClient("m", base_url=url, max_retries=0)
        request = ChatRequest(MESSAGES, FUNCTIONS, seed=1)
        return lambda: client.complete(request)
    from openai import AsyncOpenAI

    library: Any = AsyncOpenAI(api_key="none", base_url=url, max_retries=0)
    create = library.chat.completions.create
    if kind == "installed":
        return lambda: create(model="m", messages=MESSAGES, tools=FUNCTIONS, seed=1)
    past = {"messages": MESSAGES, "tools": FUNCTIONS}
    return lambda: create(model="m", messages=[], seed=1, extra_body=past)


async def one(kind: str, at_once: int, address: str) -> None:
    """Make the calls, and print wall and processor seconds."""
    ask = asking(kind, address)
    waiting = iter(range(CALLS))

    async def work() -> None:
        for _ in waiting:
            await ask()

    await asyncio.gather(*(ask() for _ in range(at_once)))  # imports and connections
    began, before = time.perf_counter(), processor()
    await asyncio.gather(*(work() for _ in range(at_once)))
    print(time.perf_counter() - began, processor() - before)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address")
    parser.add_argument("--kind", default="ours")
    parser.add_argument("--at-once", type=int, default=1)
    options = parser.parse_args([] if arguments is None else arguments)
    if options.address:
        keep_to_one_core()
        asyncio.run(one(options.kind, options.at_once, options.address))
        return
    size = len(json.dumps(MESSAGES)) // 1000, len(json.dumps(FUNCTIONS)) // 1000
    print(f"\nprocessor time of a call; history {size[0]} KB, functions {size[1]} KB")
    with serve_completions(0, {"content": "It is sunny."}) as address:
        for kind, name in KINDS.items():
            times = []
            for at_once in (1, 250):
                given = ["--address", address, "--kind", kind, "--at-once", str(at_once)]
                spent = sorted(spent for _, spent in three_runs("benchmarks.chat", given))
                low, middle, high = (one / CALLS * 1e3 for one in spent)
                times.append(f"{middle:.2f} ms ({low:.2f}–{high:.2f})")
            print(f"  {name:48}  one at a time {times[0]}  250 at once {times[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
