"""Records made by hand, and a process that records until it is killed."""

from __future__ import annotations

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


if __name__ == "__main__":  # records until it is killed, and says what has been acknowledged
    place, worker, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with Store(place) as store:
        for number in range(count):
            store.add(numbered(number, worker))
            print(number, flush=True)
