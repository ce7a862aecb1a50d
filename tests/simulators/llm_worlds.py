"""A documented endpoint, recordings of it, and a model that plays its server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chat.scripted_server import ChatServer, completion
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Identity, Parameter
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Message, Response, Step
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import Simulator
from toolenv.snapshots import Recorded, Snapshot, freeze
from toolenv.tasks import Task

FORECAST = API(
    category="Weather",
    tool="Skies",
    name="forecast",
    description="The weather of the next days.",
    tool_description="Knows the weather.",
    parameters=(
        Parameter(name="city", description="Name of the city.", default="Oslo", required=True),
        Parameter(name="days", type="NUMBER"),
    ),
    response_schema={"type": "object", "required": ["sky"]},
)
PLANT = API(category="Weather", tool="Skies", name="plant", method="POST")
OTHER = API(category="Time", tool="Clock", name="read")
TASK = Task(id="skies", instruction="Look up.", apis=(FORECAST, PLANT, OTHER))
ASK, GROW, READ = TASK.named_apis
SKY = '{"error": "", "response": {"sky": "grey"}}'


def recorded(
    city: str,
    body: JsonValue = None,
    *,
    error: str = "",
    days: int | None = None,
    at: str = "2021-03-04T05:06:07Z",
    text: str = "",
    **response: Any,
) -> Recorded:
    arguments: dict[str, JsonValue] = (
        {"city": city} if days is None else {"city": city, "days": days}
    )
    envelope = text or render({"error": error, "response": body or {"sky": f"sky of {city}"}})
    fields = {"source": "store", "origin": "live", "recording": "r", **response}
    return Recorded(FORECAST.identity, render(arguments), Response(envelope, **fields), at)


def frozen(folder: Path, *records: Recorded) -> Snapshot:
    freeze(records, folder / "recorded.snap")
    return Snapshot(folder / "recorded.snap")


def as_call(function: str, arguments: object) -> Call:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Resolver(TASK.named_apis).resolve(FunctionCall(function, text))


def ask(
    simulator: Simulator, arguments: object, function: str = ASK, past: Branch | None = None
) -> Response | None:
    session = simulator.open(TASK, 7)
    return bridge.run(session.call(as_call(function, arguments), past or Branch(TASK, [], ROOT)))


def answered(simulator: Simulator, arguments: object, **more: Any) -> Response:
    response = ask(simulator, arguments, **more)
    assert response is not None, "nothing was answered"
    return response


def path(*made: Sequence[tuple[str, object, str]]) -> Branch:
    """A path of steps, each of calls: function, arguments, and the text that was answered."""
    steps = []
    for number, calls in enumerate(made):
        steps.append(
            Step(
                number - 1,
                0,
                Message(),
                tuple(as_call(function, arguments) for function, arguments, _ in calls),
                tuple(Response(text, source="llm", origin="simulated") for *_, text in calls),
                "",
            )
        )
    return Branch(TASK, steps, len(steps) - 1)


def sky(_: dict[str, Any]) -> dict[str, Any]:
    return completion(SKY)


def by_seed(request: dict[str, Any]) -> dict[str, Any]:
    """An answer that differs with every request that differs."""
    return completion(render({"error": "", "response": {"sky": str(request["seed"])}}))


def prompt(server: ChatServer, number: int = -1) -> str:
    """What the model was told by the user's message."""
    return str(server.requests[number]["messages"][1]["content"])


def data(text: str) -> list[list[dict[str, Any]]]:
    """The data blocks of a prompt, each a list of objects."""
    blocks: list[list[dict[str, Any]]] = []
    mark = ""
    for line in text.split("\n"):
        if not mark and line.startswith("BEGIN DATA "):
            mark = line.removeprefix("BEGIN DATA ")
            blocks.append([])
        elif mark and line == f"END DATA {mark}":
            mark = ""
        elif mark:
            blocks[-1].append(json.loads(line))
    assert not mark, "a block is open"
    return blocks


def examples_in(server: ChatServer, number: int = -1) -> list[dict[str, Any]]:
    """The examples that the model was shown."""
    shown = data(prompt(server, number))
    return shown[1] if len(shown) > 2 else []


NOWHERE = Identity("nowhere")
