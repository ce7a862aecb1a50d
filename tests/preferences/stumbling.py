"""A policy that knows the way and stumbles at first, in a way that its seed says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.jsontext import JsonValue, render
from toolenv.mini import MiniSolution, mini_solution, mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.seeds import derive

POLICY = "local:tests.preferences.stumbling:Stumbling"

_GIVE_UP = Message(calls=(FunctionCall(FINISH, '{"return_type":"give_up_and_restart"}'),))


class Stumbling:
    """Takes the solution's next step once it is shown that another one failed, or as luck has it.

    A stumble is an unknown function, arguments that do not fit, a call made before, or giving up.
    After one, it gives up.
    """

    name = "stumbling"
    fingerprint = "policy-stumbling"

    def __init__(self, luck: float = 0.4) -> None:
        self._luck = luck
        self._ids = {task.instruction: task.id for task in mini_tasks()}

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        users = [str(message["content"]) for message in messages if message["role"] == "user"]
        made = [call for message in messages for call in _calls(message)]
        solution = mini_solution(self._ids[users[0]])
        wanted = [(name, render(arguments)) for name, arguments in solution.calls]
        if made != wanted[: len(made)]:
            return _GIVE_UP
        if len(users) > 1 or derive(seed, "luck") % 1000 < 1000 * self._luck:
            return _next(solution, len(made))
        kind = derive(seed, "kind") % 4
        if kind == 0 and made:
            return Message(calls=(FunctionCall(*made[-1]),))
        if kind == 1:
            return Message("Perhaps.", (FunctionCall("no_such_function"),))
        if kind == 2 and wanted:
            return Message(calls=(FunctionCall(wanted[0][0], '{"no_such_parameter":[1,null]}'),))
        return _GIVE_UP


def _next(solution: MiniSolution, turn: int) -> Message:
    if turn < len(solution.calls):
        name, arguments = solution.calls[turn]
        return Message(calls=(FunctionCall(name, render(arguments)),))
    if solution.answer is None:
        return _GIVE_UP
    finish: JsonValue = {"return_type": "give_answer", "final_answer": solution.answer}
    return Message(calls=(FunctionCall(FINISH, render(finish)),))


def _calls(message: dict[str, JsonValue]) -> list[tuple[str, str]]:
    calls = message.get("tool_calls")
    found = []
    for call in calls if isinstance(calls, list) else []:
        function = call["function"] if isinstance(call, dict) else None
        if isinstance(function, dict):
            found.append((str(function["name"]), str(function["arguments"])))
    return found


def stumbling_run(out: Path, agent: str = "dfsdt", seeds: Sequence[int] = (0, 1)) -> RunFolder:
    """A run of the policy on the embedded tasks."""
    configuration = RunConfiguration(
        agents=(agent,), policies=(POLICY,), seeds=tuple(seeds), max_steps=6
    )
    return run(configuration, out)
