"""A policy that knows the solutions: the upper bound that every task can be solved."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render
from toolenv.mini.tasks import mini_solution, mini_tasks

__all__ = ["OraclePolicy"]


class OraclePolicy:
    """Makes the calls of a task's solution, one a message, and finishes with its answer."""

    name = "oracle"
    fingerprint = fingerprint("policy", ["oracle", 1])

    def __init__(self) -> None:
        self._ids = {task.instruction: task.id for task in mini_tasks()}

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The solution's next call.

        Raises:
            PolicyError: The instruction is none of MiniToolBench's.
        """
        said = [message.get("content") for message in messages if message["role"] == "user"]
        known = self._ids.get(str(said[0])) if said else None
        if known is None:
            raise PolicyError(
                "The oracle knows the tasks of MiniToolBench alone.",
                fix="Use another policy for other tasks.",
            )
        solution = mini_solution(known)
        turn = sum(message["role"] == "assistant" for message in messages)
        if turn < len(solution.calls):
            name, arguments = solution.calls[turn]
            return Message(calls=(FunctionCall(name, render(arguments)),))
        finish: dict[str, JsonValue] = {"return_type": "give_up_and_restart"}
        if solution.answer is not None:
            finish = {"return_type": "give_answer", "final_answer": solution.answer}
        return Message(calls=(FunctionCall(FINISH, render(finish)),))
