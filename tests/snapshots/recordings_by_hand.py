"""Records made by hand, and processes that record until they are killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.jsontext import render
from toolenv.snapshots import Recorded, Store, exact_key

SEARCH = Identity("search_for_weather", "Weather", "weather", "search")


def record(
    arguments: str = '{"city":"Paris"}',
    text: str = '{"error":"","response":"sunny"}',
    *,
    identity: Identity = SEARCH,
    at: str = "",
    changes: str = "",
    **response: Any,
) -> Recorded:
    """A record; responses come from one recording unless said otherwise."""
    fields = {"source": "local", "origin": "live", "recording": "1", **response}
    return Recorded(identity, arguments, Response(text, **fields), at, changes)


def numbered(number: int, worker: int = 0) -> Recorded:
    """One of many different calls of one API, the same each time it is made."""
    text = render({"error": "", "response": f"{worker}:{number}" * (number % 50 + 1)})
    return record(render({"number": number, "worker": worker}), text)


def key(arguments: str, identity: Identity = SEARCH, changes: str = "") -> bytes:
    parsed, _ = read_arguments(arguments)
    return exact_key(identity.function, parsed, arguments, bytes.fromhex(changes))


def texts(found: Any) -> list[str]:
    return [response.text for response in found]


def record_all(place: Path, worker: int, count: int) -> None:
    """Record, and say what has been acknowledged."""
    with Store(place, power_loss_safe=worker % 4 == 3) as store:
        for number in range(count):
            store.add(numbered(number, worker))
            os.write(1, f"{worker} {number}\n".encode())


def record_in_forks(place: Path) -> None:
    """Fork a process for each of the workers named on a line; each records until it is killed."""
    for line in sys.stdin:
        children = []
        for worker in map(int, line.split()):
            child = os.fork()
            if not child:
                os.write(1, f"{worker} is {os.getpid()}\n".encode())
                record_all(place, worker, 1_000_000)
                os._exit(1)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        os.write(1, b"all ended\n")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        record_in_forks(Path(sys.argv[1]))
    else:
        record_all(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
