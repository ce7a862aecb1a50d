"""Simulators whose answers a test writes itself, and tasks that call them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from toolenv.apis import API, Parameter
from toolenv.episodes import Branch, Call, FunctionCall, Message, Response, Status
from toolenv.errors import ForkRefusedError
from toolenv.simulators.base import Session, SimulatorBase
from toolenv.tasks import Check, Task

Answer = Callable[[Call, Branch], Awaitable[Response | None]]


def api(name: str, *, changes_state: bool = False, method: str = "GET") -> API:
    """An API of the tool Box that takes an optional text; called as ``<name>_for_box``."""
    return API(
        category="Things",
        tool="Box",
        name=name,
        parameters=(Parameter(name="x"),),
        method=method,
        changes_state=changes_state,
    )


def task(*names: str, check: Check | None = None, **more: Any) -> Task:
    """A task that offers APIs of these names, by default ``look`` and ``put``, which writes."""
    apis = [api(name) for name in names] or [api("look"), api("put", changes_state=True)]
    return Task(id="box", instruction="Find it.", apis=tuple(apis), check=check, **more)


class Answering(SimulatorBase):
    """Answers as a coroutine function says, without any state."""

    fingerprint = "simulator-by-hand"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.closed = 0

    def open(self, task: Task, seed: int) -> Session:
        return self

    async def call(self, call: Call, past: Branch) -> Response | None:
        return await self.answer(call, past)

    def fork(self) -> Session:
        return self

    def close(self) -> None:
        self.closed += 1


def saying(text: str, status: Status = Status.OK) -> Answering:
    """A simulator that always says the same."""

    async def answer(call: Call, past: Branch) -> Response | None:
        return Response(text, status, "local", "local")

    return Answering(answer)


async def echo(call: Call, past: Branch) -> Response | None:
    """The call's function and arguments."""
    return Response.of([call.function, call.arguments], source="local", origin="local")


class Counter(SimulatorBase):
    """Keeps a count: ``put`` adds one and says how many there are, ``look`` only says so."""

    fingerprint = "simulator-counter"

    def open(self, task: Task, seed: int) -> Session:
        return _Count(0)


class _Count:
    def __init__(self, count: int) -> None:
        self.count = count

    async def call(self, call: Call, past: Branch) -> Response | None:
        self.count += call.function.startswith("put")
        return Response.of(self.count, source="local", origin="local")

    def fork(self) -> Session:
        return _Count(self.count)


class Unforkable(Answering):
    """Cannot be undone."""

    def fork(self) -> Session:
        raise ForkRefusedError("What was sent cannot be unsent.")


def call(name: str, arguments: Mapping[str, object] | None = None) -> FunctionCall:
    """A call of Box's function."""
    return FunctionCall(f"{name}_for_box", json.dumps(arguments or {}))


def finish(answer: object = "done") -> FunctionCall:
    """``Finish`` with an answer, or giving up where that is None."""
    if answer is None:
        return FunctionCall("Finish", '{"return_type": "give_up_and_restart"}')
    return FunctionCall(
        "Finish", json.dumps({"return_type": "give_answer", "final_answer": answer})
    )


def several(*calls: FunctionCall) -> Message:
    """One message with several calls."""
    return Message(calls=calls)
