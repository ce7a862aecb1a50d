"""What a goal is about, in the words of the instruction that asks for it."""

from __future__ import annotations

from toolenv.mini.benchmark.lexicon import HEADS
from toolenv.mini.benchmark.plans import Goal

__all__ = ["thing_wanted"]


def thing_wanted(goal: Goal, instruction: str) -> str:
    """What one call has to give: an attribute as the user calls it, a code, a booking.

    Args:
        goal: The goal.
        instruction: The instruction.

    Example:
        >>> from toolenv.mini.benchmark.plans import plan_of
        >>> plan = plan_of("I1-inst-0")
        >>> thing_wanted(plan.goals[0], plan.sentence.text) != ""
        True
    """
    need, given = goal.need, goal.given
    match need.kind:
        case "lookup" | "detail":
            known = given.get("name", given.get("code"))
            return f"{_attribute(goal, instruction)} of {need.noun} {known}"
        case "find":
            return f"code of {need.noun} {given['name']}"
        case "relate" | "link":
            return f"{need.relation} {need.target} of {need.noun} {given['name']}"
        case "reserve":
            return f"{given['count']} {need.unit} at {need.noun} {given['name']}"
        case "cancel":
            return f"refund of {need.noun} booking {given['booking']}"


def _attribute(goal: Goal, instruction: str) -> str:
    """The attribute with the synonym that the user chose."""
    attribute = goal.need.attribute
    assert attribute is not None
    text = instruction.casefold()
    known = [attribute.said(synonym) for synonym in range(len(HEADS[attribute.head].words))]
    return max((said for said in known if said.casefold() in text), key=len, default=known[0])
