"""Trees by hand and at random, and the walk over them that says which pairs there should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from toolenv.conversations import opening
from toolenv.episodes import (
    ROOT,
    Call,
    Episode,
    FunctionCall,
    Message,
    Response,
    Status,
    Step,
    number_in_preorder,
)
from toolenv.jsontext import render
from toolenv.preferences import Explored
from toolenv.tasks import Check, Task

TASK = Task(id="t", instruction="Do it.")
CHECKED = Task(id="c", instruction="Do it.", check=Check(kind="exact", value="right"))

STATUSES = {
    "fine": Status.OK,
    "error": Status.NOT_FOUND,
    "unknown_function": Status.NO_SUCH_FUNCTION,
    "invalid_arguments": Status.BAD_INPUT,
    "miss": Status.MISS,
    "infrastructure": Status.SIMULATOR_FAILED,
}


def step(parent: int, rank: int, kind: str, said: str = "") -> Step:
    """A step of a kind: a fault's name, ``fine``, ``right``, ``wrong`` or ``unreadable``.

    A ``repeated_call`` says what ``said`` says, which has to be what a step above said.
    """
    if kind == "no_call":
        return Step(parent, rank, Message(said or "Well."), (), (), "Call a function.")
    if kind in ("right", "wrong", "gave_up"):
        gives_up = kind == "gave_up"
        arguments = {"return_type": "give_up_and_restart" if gives_up else "give_answer"}
        if not gives_up:
            arguments["final_answer"] = kind
        text = render(dict(arguments))
        status = Status.GAVE_UP if gives_up else Status.ANSWERED
        call = Call("Finish", {**arguments}, None, text)
        message = Message(said, (FunctionCall("Finish", text),))
        ended = "gave_up" if gives_up else "answer"
        return Step(parent, rank, message, (call,), (Response("", status),), "", ended=ended)
    unreadable = kind == "unreadable"
    text = '{"q":' if unreadable else render({"q": said or f"{parent}/{rank}"})
    status = Status.BAD_INPUT if unreadable else STATUSES.get(kind, Status.OK)
    invalid = "q: wrong" if kind == "invalid_arguments" or unreadable else ""
    call = Call("f", None if unreadable else {"q": said}, None, text, invalid)
    body = render({"error": "", "response": {"found": said}})
    message = Message("", (FunctionCall("f", text),))
    ended = "error:simulator" if kind == "infrastructure" else ""
    return Step(parent, rank, message, (call,), (Response(body, status),), body, ended=ended)


def explored(steps: Sequence[Step], task: Task = TASK, chosen: int | None = None) -> Explored:
    """An explored episode of some steps, settled on the first that answers unless told."""
    numbered, numbers = number_in_preorder(steps)
    if chosen is None:
        answers = [n for n, one in enumerate(numbered) if one.ended == "answer"]
        chosen = answers[0] if answers else ROOT
    else:
        chosen = numbers[chosen]
    episode = Episode(task, numbered, chosen, agent="tree", policy="hand", seed=7)
    return Explored("a run", episode, opening(task.instruction), task.functions)


KINDS = ("fine", "error", "unknown_function", "invalid_arguments", "no_call", "gave_up", "miss")


@st.composite
def trees(draw: st.DrawFn) -> Explored:
    """Any tree of steps of any kind, answers among its leaves."""
    steps: list[Step] = []
    ranks: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 12))):
        open_ = [ROOT, *(number for number, one in enumerate(steps) if not one.ended)]
        parent = draw(st.sampled_from(open_))
        kind = draw(st.sampled_from((*KINDS, "right", "right")))
        rank = ranks.get(parent, 0)
        ranks[parent] = rank + 1
        steps.append(step(parent, rank, kind, f"said {len(steps)}"))
    return explored(steps)


def winners(episode: Episode, number: int) -> bool:
    """Whether a step leads to an answer, asked of its subtree."""
    below = [n for n, one in enumerate(episode.steps) if one.parent == number]
    return episode.steps[number].ended == "answer" or any(winners(episode, n) for n in below)


def walked(found: Explored) -> Iterator[tuple[str, int, int]]:
    """The oracle: walk back along the settled path; at each step, every sibling that never wins."""
    episode = found.episode
    at = episode.chosen
    while at != ROOT:
        for other, one in enumerate(episode.steps):
            sibling = one.parent == episode.steps[at].parent and other != at
            if sibling and not winners(episode, other):
                yield ("tp-llama", at, other)
        at = episode.steps[at].parent
