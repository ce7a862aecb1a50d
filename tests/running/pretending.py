"""A server whose answers are known, and simulators that are as right as they are told to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.snapshots.recordings_by_hand import record
from toolenv import bridge
from toolenv.apis import API, Parameter
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import SimulatorError
from toolenv.jsontext import render
from toolenv.seeds import derive
from toolenv.simulators import SimulatorBase
from toolenv.snapshots import Recorded, Snapshot, exact_key
from toolenv.tasks import Task

GOOD = ("Paris", "Rome", "Berlin", "Lisbon")
BAD = ("Xyzzy", "Nowhere", "Atlantis", "Qwerty")
APIS = tuple(
    API(
        category="Data",
        tool="weather",
        name=f"report {number}",
        parameters=(Parameter(name="city", required=True),),
        response_schema={"city": "str", "days": [{"high": "int"}]} if number % 2 else None,
    )
    for number in range(10)
)


def truth(city: str, **more: Any) -> Response:
    """What the real server says."""
    if city in BAD:
        return fails(city, **more)
    return says({"city": city, "days": [{"high": len(city)}]}, **more)


def says(body: object, **more: Any) -> Response:
    return Response(render({"error": "", "response": body}), **{"origin": "live", **more})


def fails(city: str, **more: Any) -> Response:
    text = render({"error": f"There is no {city}.", "response": ""})
    return Response(text, Status.NOT_FOUND, **{"origin": "live", **more})


def recorded() -> list[Recorded]:
    """Eight calls of each API: four that it answers, four that it refuses."""
    found = []
    for api in APIS:
        for city in (*GOOD, *BAD):
            one = record(render({"city": city}), identity=api.identity)
            found.append(one._replace(response=truth(city, recording="real")))
    return found


def documents() -> list[Task]:
    return [Task(id="all", instruction="?", apis=APIS)]


Plays = Callable[[str, Call], Response | None]


class Pretending(SimulatorBase):
    """Answers as a function says, after a pause that differs from call to call."""

    def __init__(self, plays: Plays, name: str = "pretending") -> None:
        self.fingerprint = f"simulator-{name}"
        self._plays = plays

    def open(self, task: Task, seed: int) -> Pretending:
        return self

    def fork(self) -> Pretending:
        return self

    async def call(self, call: Call, past: Branch) -> Response | None:
        async def turns() -> None:
            for _ in range(derive(call.text) % 5):
                await asyncio.sleep(0)

        await bridge.wait(turns)
        assert call.arguments is not None
        return self._plays(str(call.arguments["city"]), call)


def right() -> Pretending:
    return Pretending(lambda city, call: truth(city, source="llm"))


def wrong() -> Pretending:
    """Refuses good calls and accepts bad ones."""
    return Pretending(lambda city, call: fails(city) if city in GOOD else says({"town": city}))


def learns(examples: str, count: str) -> Pretending:
    """Refuses bad calls if it is shown three examples or more; knows the keys from one on."""

    def plays(city: str, call: Call) -> Response:
        if city in BAD and int(count) >= 3:
            return fails(city)
        return truth("Oslo") if int(count) else says("Sunny.")

    return Pretending(plays, name=f"learns-{count}")


def peeks(examples: str, count: str) -> Pretending:
    """Answers what is among its examples, and nothing else."""
    snapshot = Snapshot(Path(examples))

    def plays(city: str, call: Call) -> Response | None:
        assert call.api is not None
        key = exact_key(call.api.function, call.arguments, call.text, b"")
        return next(iter(snapshot.lookup(call.api, key)), None)

    return Pretending(plays)


def confused() -> Pretending:
    """Of the bad calls accepts one and fails at one; of the good ones refuses two, skips one."""

    def plays(city: str, call: Call) -> Response | None:
        match city:
            case "Xyzzy":
                return says({"city": city})
            case "Nowhere":
                raise SimulatorError("The model is gone.")
            case "Paris" | "Rome":
                return fails(city)
            case "Berlin":
                return None
            case "Lisbon":
                return says({"city": 7, "more": True})
        return fails(city)

    return Pretending(plays)
