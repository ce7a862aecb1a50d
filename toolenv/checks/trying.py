"""Trying a check on an answer that nobody gave: an example, or one that is worked out."""

from __future__ import annotations

from toolenv.apis import FINISH
from toolenv.checks.applying import apply_check
from toolenv.checks.kinds import KINDS
from toolenv.checks.verdicts import Verdict
from toolenv.episodes import ROOT, Branch, Call, Message, Response, Step
from toolenv.jsontext import JsonValue, render
from toolenv.tasks import Check, Task

__all__ = ["about_answers", "try_answer"]


def about_answers(check: Check) -> Check | None:
    """What a check asks of the answer alone; None where it asks nothing of it."""
    kind = KINDS[check.kind]
    if kind.needs != "parts":
        return check if kind.needs == "answer" else None
    parts = tuple(part for one in check.checks if (part := about_answers(one)) is not None)
    return check.model_copy(update={"checks": parts}) if parts else None


def try_answer(check: Check, task: Task, answer: JsonValue) -> Verdict:
    """Decide on a branch that gives an answer and does nothing else.

    Args:
        check: The check, of what ``about_answers`` leaves.
        task: The task that it stands in.
        answer: The answer.

    Raises:
        CheckError: The check cannot be read.
    """
    arguments: dict[str, JsonValue] = {"return_type": "give_answer", "final_answer": answer}
    call = Call(FINISH, arguments, None, render(arguments))
    step = Step(ROOT, 0, Message(), (call,), (Response(""),), "", ended="answer")
    return apply_check(check, Branch(task, (step,), 0))
