"""What is visibly wrong with a step: seen in the step and its path alone, whatever came later."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from toolenv.agents.expanding import repeats_a_call
from toolenv.episodes import Branch, Status
from toolenv.snapshots.success import classify

__all__ = ["FAULTS", "Fault", "fault_of"]

Fault: TypeAlias = Literal[
    "gave_up",
    "unknown_function",
    "invalid_arguments",
    "repeated_call",
    "error",
    "no_call",
    "miss",
    "infrastructure",
]
"""``gave_up``: the policy gave up. ``unknown_function``: there is no such function.
``invalid_arguments``: they do not fit the documentation, and the call failed. ``repeated_call``:
all calls were made before on the path. ``error``: the API answered with an error
(``toolenv.snapshots.success``). ``no_call``: a message without a call, and the environment said so.
``miss``: no simulator had an answer; ``infrastructure``: a simulator or the policy's server failed:
the policy is to blame for neither."""

FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)


def fault_of(branch: Branch) -> Fault | None:
    """What is visibly wrong with a branch's last step; None where nothing is.

    Of several faults the one that says least about the policy counts: infrastructure, a miss, then
    the order above.

    Args:
        branch: A branch with at least one step.
    """
    step = branch.steps[branch.at]
    statuses = {response.status for response in step.responses}
    if step.ended.startswith("error:") or Status.SIMULATOR_FAILED in statuses:
        return "infrastructure"
    if Status.MISS in statuses:
        return "miss"
    if step.ended == "gave_up" or Status.GAVE_UP in statuses:
        return "gave_up"
    if Status.NO_SUCH_FUNCTION in statuses:
        return "unknown_function"
    answered = list(zip(step.calls, step.responses, strict=True))
    if any(call.invalid and response.failed for call, response in answered):
        return "invalid_arguments"
    if repeats_a_call(branch):
        return "repeated_call"
    if any(classify(response.status, response.text) == "error" for _, response in answered):
        return "error"
    return "no_call" if not step.calls and step.observation and not step.ended else None
