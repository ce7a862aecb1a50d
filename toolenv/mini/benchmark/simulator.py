"""What answers the calls of the benchmark: any API of the world, in any task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from toolenv.apis import Identity
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.mini.benchmark.documents import Provider, Role, providers_of
from toolenv.mini.benchmark.draws import SEED, Draw, capitalised, invented
from toolenv.mini.benchmark.signs import FAILURES, fate
from toolenv.mini.benchmark.values import (
    booking_code,
    code_exists,
    code_of,
    part_of_name,
    refund_of,
    some_name,
    value_of,
)
from toolenv.mini.benchmark.world import Need, category_named, tool_named
from toolenv.simulators.base import SimulatorBase
from toolenv.simulators.recorded import RecordedSimulator
from toolenv.snapshots import Snapshot
from toolenv.tasks import Task

__all__ = [
    "VERSION",
    "BenchmarkSimulator",
    "Booking",
    "Outcome",
    "answer",
    "benchmark_simulator",
    "benchmark_snapshot",
    "first_booking",
]

VERSION = 1
"""Raised with every change of what the world answers."""


class Booking(NamedTuple):
    """A booking that an episode remembers."""

    booking: str
    of: str
    places: int

    def shown(self) -> dict[str, JsonValue]:
        """The booking as JSON."""
        return {"booking": self.booking, "of": self.of, "count": self.places}


class Outcome(NamedTuple):
    """What a working API does when it is asked.

    Args:
        value: What is documented; None where the thing does not exist.
        missing: Why there is no value.
        bookings: The bookings afterwards.
    """

    value: JsonValue
    missing: str
    bookings: tuple[Booking, ...]


def first_booking(task: str) -> Booking:
    """The booking that a task's episodes begin with."""
    draw = Draw("first booking", task)
    name, count = capitalised(invented("thing", draw.below(21_600))), draw.between(2, 9)
    return Booking(booking_code(task, name, count), name, count)


def answer(need: Need, given: Mapping[Role, Any], bookings: tuple[Booking, ...]) -> Outcome:
    """What a need's providers answer, where they work.

    Args:
        need: The need.
        given: The arguments, by role.
        bookings: The bookings so far.
    """
    if need.kind == "cancel":
        code = str(given["booking"])
        left = tuple(one for one in bookings if one.booking != code)
        if len(left) == len(bookings):
            return Outcome(None, f"No booking {code!r}.", bookings)
        return Outcome(refund_of(code), "", left)
    by_code = "code" in given
    asked = str(given["code"] if by_code else given["name"])
    code = asked if by_code else code_of(need.noun, asked)
    if not code_exists(need.noun, code):
        return Outcome(None, f"No {need.noun} {asked!r}.", bookings)
    match need.kind:
        case "find":
            return Outcome(code, "", bookings)
        case "relate" | "link":
            name = _related(need, asked)
            value = name if need.kind == "link" else code_of(need.target, name)
            return Outcome(value, "", bookings)
        case "reserve":
            count = int(given["count"])
            if count < 1:
                return Outcome(None, "The number must be 1 or more.", bookings)
            booked = Booking(booking_code(need.noun, asked, count), asked, count)
            return Outcome(booked.booking, "", (*bookings, booked))
        case _:
            assert need.attribute is not None
            return Outcome(
                value_of(
                    need.attribute.head,
                    need.attribute.key,
                    need.noun,
                    code,
                    given.get("qualifier", ""),
                ),
                "",
                bookings,
            )


def _related(need: Need, name: str) -> str:
    """What a thing is related to; its name belongs to the same part, so that tests stay apart."""
    draw = Draw("related", need.category, need.number, name)
    return some_name(draw, need.target, part_of_name(name))


class BenchmarkSimulator(SimulatorBase):
    """Answers every API of the generated world.

    Args:
        failures: Whether providers fail as the task has it.
    """

    def __init__(self, *, failures: bool = True) -> None:
        self.failures = failures

    @property
    def fingerprint(self) -> str:
        """A digest of the world's seed and version."""
        return fingerprint("simulator", ["benchmark", SEED, VERSION, self.failures])

    def open(self, task: Task, seed: int) -> BenchmarkSession:
        """A session at a task's beginning; the seed changes nothing."""
        return BenchmarkSession(task.id, self.failures, None)


class BenchmarkSession:
    """An episode: its bookings, which a fork shares, and which are replaced when they change."""

    __slots__ = ("_bookings", "_failures", "_task")

    def __init__(self, task: str, failures: bool, bookings: tuple[Booking, ...] | None) -> None:
        self._task = task
        self._failures = failures
        self._bookings = bookings

    @property
    def bookings(self) -> tuple[Booking, ...]:
        """The bookings now."""
        if self._bookings is None:
            self._bookings = (first_booking(self._task),)
        return self._bookings

    async def call(self, call: Call, past: Branch) -> Response | None:
        """Answer a call; None for an API of another world."""
        asked = _provider_of(call.api) if call.api is not None else None
        if asked is None:
            return None
        failure = fate(self._task, asked.function, asked.sign) if self._failures else None
        if failure is not None and failure != "lacking":
            status, errors = FAILURES[failure]
            error = Draw("error", asked.function, failure).one(errors)
            return _response([] if failure == "empty" else "", error, status)
        if call.invalid or call.arguments is None:
            reason = call.invalid or "arguments are not a JSON object"
            return _response("", f"Bad request: {reason}", Status.BAD_INPUT)
        given: dict[Role, Any] = {
            asked.roles[n]: v for n, v in call.arguments.items() if n in asked.roles
        }
        outcome = answer(asked.need, given, self.bookings)
        if outcome.missing:
            return _response("", outcome.missing, Status.NOT_FOUND)
        if failure == "lacking":
            return _response(_fields(asked, given, None), "", Status.OK)
        self._bookings = outcome.bookings
        return _response(_fields(asked, given, outcome.value), "", Status.OK)

    def fork(self) -> BenchmarkSession:
        """An independent session in the same state."""
        return BenchmarkSession(self._task, self._failures, self._bookings)

    def shown_state(self) -> JsonValue:
        """The bookings, for checks."""
        return {"bookings": [booking.shown() for booking in self.bookings]}


def _fields(asked: Provider, given: Mapping[Role, Any], value: JsonValue) -> dict[str, JsonValue]:
    """The response of a provider; without the documented field where there is no value."""
    need = asked.need
    others: dict[str, JsonValue] = {}
    if asked.echo and asked.echo != asked.field:
        others[asked.echo] = given.get(asked.roles[asked.echo])
    if asked.decoys:
        code = given["code"] if "code" in given else code_of(need.noun, str(given["name"]))
        for field, attribute in asked.decoys:
            others[field] = value_of(attribute.head, attribute.key, need.noun, str(code), "")
    if value is None:
        return others or {"note": "no data"}
    documented = {asked.field: value}
    return {**documented, **others} if asked.first else {**others, **documented}


def _response(body: JsonValue, error: str, status: Status) -> Response:
    text = orjson.dumps({"error": error, "response": body}).decode()
    return Response(text, status, "local", "local")


@cache
def _provider_of(identity: Identity) -> Provider | None:
    own = category_named(identity.category)
    tool = tool_named(own.number, identity.tool) if own is not None else None
    if own is None or tool is None:
        return None
    found = providers_of(own.number, tool.number)
    return next((one for one in found if one.api.identity == identity), None)


def benchmark_snapshot() -> RecordedSimulator:
    """What the world answered to expert and oracle on the test splits, frozen."""
    return RecordedSimulator(Snapshot(Path(__file__).with_name("benchmark.snap")))


@cache
def benchmark_simulator() -> BenchmarkSimulator:
    """The simulator of MiniToolBench-v1."""
    return BenchmarkSimulator()
