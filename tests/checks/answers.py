"""Branches that end with an answer, and what a check decides on them."""

from __future__ import annotations

from typing import Any

from tests.simulators_by_hand import task
from toolenv.apis import FINISH
from toolenv.checks import Verdict, apply_check, check_reward, outcome_of
from toolenv.episodes import ROOT, Branch, Call, Message, Response, Status, Step
from toolenv.tasks import Check

OUTCOMES = {
    "correct": "passed",
    "incorrect": "failed",
    "refused": "failed",
    "unverifiable": "unsure",
}


def branch(
    check: Check | None,
    answer: Any = "",
    ended: str = "answer",
    *,
    calls: tuple[tuple[str, dict[str, Any], bool], ...] = (),
    state: Any = None,
) -> Branch:
    """A branch that made calls (function, arguments, success), one a step, and then ended."""
    steps: list[Step] = []
    for function, arguments, worked in calls:
        made = Call(f"{function}_for_box", arguments, None, str(arguments))
        status = Status.OK if worked else Status.API_ERROR
        steps.append(Step(len(steps) - 1, 0, Message(), (made,), (Response("{}", status),), ""))
    finish = Call(FINISH, {"return_type": "give_answer", "final_answer": answer}, None, "")
    given = (finish,) if ended == "answer" else ()
    steps.append(
        Step(
            len(steps) - 1,
            0,
            Message(),
            given,
            (Response("{}"),) * len(given),
            "",
            0.0,
            ended,
            state,
        )
    )
    assert steps[0].parent == ROOT
    return Branch(task(check=check), steps, len(steps) - 1)


def verdict(check: Check, answer: Any = "", ended: str = "answer", **more: Any) -> Verdict:
    """What a check decides, which outcome and reward must follow."""
    decided_on = branch(check, answer, ended, **more)
    found = apply_check(check, decided_on)
    assert found.reason
    assert outcome_of(decided_on) == OUTCOMES[found.decision]
    assert check_reward(decided_on) == (found.decision == "correct")
    return found


def decision(kind: str, value: Any, answer: Any, **options: Any) -> str:
    """The decision on an answer."""
    return verdict(Check(kind=kind, value=value, **options), answer).decision
