"""An episode's tree as lines to lay out: how deep each step is indented, and what is chosen."""

from __future__ import annotations

from typing import NamedTuple

from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Call, Episode, Response, Status, Step
from toolenv.jsontext import render

__all__ = ["Line", "arguments_text", "lines", "status_text"]


class Line(NamedTuple):
    """A step in its place.

    Args:
        number: The step's number.
        step: The step.
        level: How many forks lie above it: a chain is not indented, its branches are.
        chosen: Whether it is on the branch that the agent settled on.
        branch: The how manieth of its siblings it is, from 1.
        siblings: How many siblings there are, itself included.
    """

    number: int
    step: Step
    level: int
    chosen: bool
    branch: int
    siblings: int


def lines(episode: Episode) -> list[Line]:
    """An episode's steps in pre-order, each with its place in the tree."""
    children: dict[int, list[int]] = {}
    for number, step in enumerate(episode.steps):
        children.setdefault(step.parent, []).append(number)
    chosen = set(episode.branch.numbers())
    levels = {ROOT: 0}
    found: list[Line] = []
    for number, step in enumerate(episode.steps):
        siblings = children[step.parent]
        levels[number] = levels[step.parent] + (len(siblings) > 1)
        found.append(
            Line(
                number,
                step,
                levels[number],
                number in chosen,
                siblings.index(number) + 1,
                len(siblings),
            )
        )
    return found


def arguments_text(call: Call) -> str:
    """A call's arguments in one line: as Python would write them, or the raw text if unreadable."""
    if call.arguments is None:
        return call.text
    return ", ".join(f"{name}={_value(value)}" for name, value in call.arguments.items())


def _value(value: object) -> str:
    try:
        return render(value)
    except TypeError:  # nested too deeply to be written
        return "…"


def status_text(call: Call | None, response: Response) -> str:
    """A response's status in words; a code of a later version as its number."""
    code = int(response.status)
    if call is not None and call.function == FINISH and code == Status.OK:
        return "finished"
    return _STATUS_WORDS.get(code, f"status {code}")


_STATUS_WORDS = {int(status): status.name.lower().replace("_", " ") for status in Status}
