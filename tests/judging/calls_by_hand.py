"""Episodes written call by call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolenv.actions import Resolver
from toolenv.apis import API, FINISH, Parameter
from toolenv.episodes import (
    Completeness,
    Episode,
    FunctionCall,
    Message,
    Outcome,
    Response,
    Status,
    Step,
    Usage,
)
from toolenv.jsontext import JsonValue, render
from toolenv.tasks import Task

WEATHER = API(
    category="Weather",
    tool="Sky",
    name="search",
    parameters=(Parameter(name="city", required=True), Parameter(name="days", type="NUMBER")),
)
CONVERT = API(
    category="Units",
    tool="Units",
    name="convert",
    parameters=(Parameter(name="value", type="NUMBER", required=True),),
)

Made = tuple[str, Mapping[str, Any] | str, Any]
"""A function, its arguments (a text as the policy wrote them), and the response's body."""


def task(**about: Any) -> Task:
    return Task(
        **{
            "id": "1",
            "instruction": "How warm is Paris in Fahrenheit?",
            "apis": (WEATHER, CONVERT),
            "relevant": (("Sky", "search"), ("Units", "convert")),
            **about,
        }
    )


def episode(
    *made: Made | str | Response,
    answer: str | None = "70 °F",
    of: Task | None = None,
    outcome: Outcome = "passed",
    completeness: Completeness = "whole",
    seed: int = 0,
    ended: str = "",
) -> Episode:
    """An episode of calls; a text is a message without one; an answer of None gives up."""
    of = of or task()
    resolver = Resolver(of.named_apis)
    steps: list[Step] = []

    def add(name: str, arguments: str, response: Response, end: str = "") -> None:
        written = FunctionCall(name, arguments)
        message = Message("", (written,), usage=Usage(90, 10))
        call = resolver.resolve(written)
        steps.append(
            Step(len(steps) - 1, 0, message, (call,), (response,), response.text, 0.0, end)
        )

    for one in made:
        if isinstance(one, str):
            steps.append(Step(len(steps) - 1, 0, Message(one), (), (), ""))
            continue
        assert isinstance(one, tuple)
        if isinstance(one, Response):
            add("search_for_sky", '{"city":"Paris"}', one)
            continue
        name, arguments, body = one
        text = arguments if isinstance(arguments, str) else render(arguments)
        known = resolver.resolve(FunctionCall(name, text))
        status = (
            Status.NO_SUCH_FUNCTION
            if known.api is None
            else Status.BAD_INPUT
            if known.invalid
            else Status.OK
        )
        response = Response.of(body, status=status, source="snapshot", origin="live")
        add(name, text, response._replace(completeness=completeness))
    if not ended:
        finish: dict[str, JsonValue] = (
            {"return_type": "give_up_and_restart"}
            if answer is None
            else {"return_type": "give_answer", "final_answer": answer}
        )
        ended = "gave_up" if answer is None else "answer"
        status = Status.GAVE_UP if answer is None else Status.ANSWERED
        add(FINISH, render(finish), Response.of("", status=status), ended)
    return Episode(
        of,
        tuple(steps),
        len(steps) - 1,
        agent="react",
        policy="hand",
        seed=seed,
        ended=ended,
        outcome=outcome,
    )
