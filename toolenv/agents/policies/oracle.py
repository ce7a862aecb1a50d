"""Policies whose place is known before they run: one that knows the solutions, one that does nothing.

Where a benchmark does not put the first above the last, no other order of it is worth reading
(``toolenv.judging.controls``).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from toolenv.agents.policies.random import RandomPolicy
from toolenv.agents.policies.solutions import Solution, solution_of
from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.errors import ConfigurationError, PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.formats.gold import Gold
from toolenv.jsontext import JsonValue, render
from toolenv.seeds import derive
from toolenv.tasks import Task

__all__ = ["NothingPolicy", "OraclePolicy"]

NOISE = 0.3
"""The chance that a noisy oracle spoils a message, where nothing else is said."""

_UNKNOWN = "I do not know."


class OraclePolicy:
    """Makes the calls of a task's solution, one a message, and finishes with its answer.

    Args:
        tasks: The tasks that it knows, told apart by their instruction, then by their functions.
        gold: Task id to what is known of its solution; else what the tasks carry.
        noise: The chance that a message is spoiled: a random call in the place of the right one, a
            wrong answer in the place of the right one.

    Raises:
        ConfigurationError: The noise is no chance.
    """

    name = "oracle"

    def __init__(
        self, tasks: Iterable[Task], gold: Mapping[str, Gold] | None = None, *, noise: float = 0.0
    ) -> None:
        if not 0 <= noise <= 1:
            raise ConfigurationError(f"{noise} is no chance.", where="noise", fix="0 to 1.")
        self._noise = float(noise)
        self._known: dict[str, list[tuple[set[str], Solution | None]]] = {}
        known = gold or {}
        for task in tasks:
            solved = (set(task.named_apis), solution_of(task, known.get(task.id)))
            self._known.setdefault(task.instruction, []).append(solved)
        written = {name: one.model_dump(mode="json") for name, one in sorted(known.items())}
        self.fingerprint = fingerprint("policy", ["oracle", 2, self._noise, written])

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The solution's next call.

        Raises:
            PolicyError: The solution of the task is not known.
        """
        solution = self._solution(messages, functions)
        turn = sum(message["role"] == "assistant" for message in messages)
        spoiled = random.Random(derive(seed, "noise")).random() < self._noise
        if turn < len(solution.calls):
            if spoiled:
                return await RandomPolicy()(messages, functions, seed=seed)
            name, arguments = solution.calls[turn]
            return Message(calls=(FunctionCall(name, render(arguments)),))
        if spoiled:
            return _finish(solution.wrong or _UNKNOWN)
        return _finish(solution.answer)

    def _solution(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
    ) -> Solution:
        said = [str(one.get("content")) for one in messages if one["role"] == "user"]
        known = self._known.get(said[0] if said else "", [])
        offered = set(_names(functions))
        alike = [solution for names, solution in known if names == offered]
        found = next(iter(alike or [solution for _, solution in known]), None)
        if found is None:
            raise PolicyError(
                "The oracle does not know the solution of this task.",
                fix="Give its gold calls and answer, or a check that says what is right.",
            )
        return found


class NothingPolicy:
    """Calls nothing and answers nothing: what passes for it passes for doing nothing.

    Args:
        gives_up: Whether it gives up, in place of an empty answer.
    """

    def __init__(self, *, gives_up: bool = False) -> None:
        self._gives_up = gives_up
        self.name = "gives up" if gives_up else "nothing"
        self.fingerprint = fingerprint("policy", [self.name, 1])

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The end, at once."""
        return _finish(None if self._gives_up else "")


def _finish(answer: str | None) -> Message:
    """The end with an answer; None gives up."""
    arguments: dict[str, JsonValue] = {"return_type": "give_up_and_restart"}
    if answer is not None:
        arguments = {"return_type": "give_answer", "final_answer": answer}
    return Message(calls=(FunctionCall(FINISH, render(arguments)),))


def _names(functions: Sequence[dict[str, JsonValue]]) -> Iterable[str]:
    for function in functions:
        inner = function.get("function", function)
        if isinstance(inner, dict) and inner.get("name") != FINISH:
            yield str(inner.get("name"))
