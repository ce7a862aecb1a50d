"""A small world with state, and how to ask a simulator without an environment."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Response, Status
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import ApiError, LocalSimulator, LocalTool, Session, Simulator
from toolenv.snapshots import Recorded
from toolenv.tasks import Task

cart = LocalTool("Shop", "Cart", "Keeps what is to be bought.")
clock = LocalTool("Time", "Clock", "Counts how often it is asked.")


@cart.api(changes_state=True)
def add(state: dict[str, int], item: str) -> int:
    """Put an item into the cart."""
    if item == "nothing":
        raise ApiError(Status.BAD_INPUT, "There is no such item.")
    state[item] = state.get(item, 0) + 1
    return sum(state.values())


@cart.api()
def show(state: dict[str, int]) -> dict[str, int]:
    """What is in the cart."""
    return dict(sorted(state.items()))


@cart.api(changes_state=True)
def clear(state: dict[str, int]) -> str:
    """Empty the cart."""
    state.clear()
    return "empty"


@cart.api()
def limited() -> str:
    """Refuses: too many were asked for."""
    raise ApiError(Status.TOO_MANY_REQUESTS, "Not now.")


@clock.api()
def read() -> str:
    """Gives the hour."""
    return "noon"


TASK = Task(id="shopping", instruction="Fill the cart.", apis=(*cart.apis, *clock.apis))
ADD, SHOW, CLEAR, LIMITED, READ = TASK.named_apis


def world() -> LocalSimulator:
    return LocalSimulator([cart, clock], make_state=lambda task, seed: {}, version="1")


def as_call(function: str, arguments: dict[str, JsonValue] | str = "{}") -> Call:
    text = arguments if isinstance(arguments, str) else render(arguments)
    return Resolver(TASK.named_apis).resolve(FunctionCall(function, text))


def ask(
    session: Session, function: str, arguments: dict[str, JsonValue] | str = "{}"
) -> Response | None:
    past = Branch(TASK, [], ROOT)
    return bridge.run(session.call(as_call(function, arguments), past))


def text(response: Response | None) -> str:
    assert response is not None, "nothing was answered"
    return response.text


def body(response: Response | None) -> JsonValue:
    assert response is not None, "nothing was answered"
    return response.body


def opened(simulator: Simulator, task: Task = TASK) -> Session:
    return simulator.open(task, 7)


def recorded(
    function: str,
    answers: Sequence[str],
    recording: str = "1",
    *,
    at: str = "",
    arguments: str = "{}",
) -> list[Recorded]:
    """One recording's answers to one call, in order."""
    identity = as_call(function, arguments).api
    assert identity is not None
    return [
        Recorded(
            identity,
            arguments,
            Response(answer, Status.OK, "store", "live", "whole", recording, ordinal),
            at,
        )
        for ordinal, answer in enumerate(answers)
    ]
