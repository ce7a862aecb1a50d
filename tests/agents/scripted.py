"""A task whose APIs answer anything, and policies of known structure that note what they hear."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from toolenv.actions import read_action
from toolenv.agents import Policy
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.episodes import Message
from toolenv.jsontext import JsonValue, render
from toolenv.simulators import LocalSimulator, LocalTool
from toolenv.tasks import Task

tool = LocalTool("Test", "Echo", "Says what it hears.")


@tool.api()
def say(text: str) -> str:
    """Say a text."""
    return text


TASK = Task(id="t", instruction="Say something.", apis=tool.apis)
(SAY,) = TASK.named_apis


def environment(**options: Any) -> ToolEnv:
    return ToolEnv([TASK], LocalSimulator([tool], version="1"), **options)


def saying(text: str) -> str:
    return render({"name": SAY, "arguments": {"text": text}})


def answering(text: str) -> str:
    arguments: dict[str, JsonValue] = {"return_type": "give_answer", "final_answer": text}
    return render({"name": FINISH, "arguments": arguments})


GIVE_UP = render({"name": FINISH, "arguments": {"return_type": "give_up_and_restart"}})


class Heard(NamedTuple):
    """What a policy was asked: everything, byte for byte."""

    messages: str
    functions: str
    seed: int


class Noting:
    """Passes everything on to a policy, and notes it."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.name = policy.name
        self.heard: list[Heard] = []

    @property
    def fingerprint(self) -> str:
        return self.policy.fingerprint

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        self.heard.append(Heard(render(list(messages)), render(list(functions)), seed))
        return await self.policy(copy.deepcopy(messages), functions, seed=seed)


class InTurn:
    """Says one thing after the other, over and over, wherever in the tree it is asked."""

    name = fingerprint = "in turn"

    def __init__(self, *said: str | Message) -> None:
        self._said = cycle(said)

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        said = next(self._said)
        return said if isinstance(said, Message) else read_action(said)


class ByPath:
    """Says what a function of the place in the tree says: how deep, and the how manieth sibling.

    A place is known from the conversation alone: its assistant messages, and the diversity message
    that ends it from the second sibling on.
    """

    name = "by path"
    fingerprint = "policy-by-path"

    def __init__(self, script: Callable[[list[str], int], str]) -> None:
        self.script = script

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        path = [
            f"{message['content']}{call['function']['arguments']}"
            for message in messages
            if message["role"] == "assistant"
            for call in _calls(message)
        ]
        last = messages[-1]
        shown = str(last["content"]) if last["role"] == "user" and len(messages) > 2 else ""
        sibling = sum(line.startswith('{"') for line in shown.splitlines())
        return read_action(self.script(path, sibling))


def _calls(message: dict[str, JsonValue]) -> list[Any]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def gives_up_below(depth: int, answered_by: int | None = None) -> ByPath:
    """Says ``depth`` things and gives up; the ``answered_by``-th to decide at the end answers.

    The leaves of the tree are counted in the order they are asked for.
    """
    leaves = 0

    def script(path: list[str], sibling: int) -> str:
        nonlocal leaves
        if len(path) < depth:
            return saying(f"{len(path)}/{sibling}")
        leaves += 1
        return answering("found") if leaves == answered_by else GIVE_UP

    return ByPath(script)
