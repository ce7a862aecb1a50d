"""What became of each step of an episode: the words in which its tree is drawn."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from toolenv.episodes import ROOT, Episode

__all__ = ["STATES", "StepState", "step_states"]

StepState: TypeAlias = Literal[
    "success", "chosen", "backtracked", "gave_up", "pruned", "limit", "error", "answered"
]

STATES: Final[dict[str, str]] = {
    "success": "on the path that passed",
    "chosen": "on the path that was settled on, which did not pass",
    "answered": "an answer that was not settled on",
    "backtracked": "gone back from: nothing below it was settled on",
    "gave_up": "gave up",
    "pruned": "not gone on from: pruned, or the search ended elsewhere",
    "limit": "cut off by a limit",
    "error": "broken by an error",
}
"""Every state, in words."""


def step_states(episode: Episode) -> list[StepState]:
    """The state of each step.

    A step on the branch that the agent settled on is ``success`` or ``chosen`` however that branch
    ended; any other is named by how it ended, and one that did not end by whether it was gone on
    from.

    Example:
        >>> from toolenv.episodes import Message, Step
        >>> from toolenv.tasks import Task
        >>> steps = [Step(-1, 0, Message(), (), (), "")]
        >>> steps += [Step(0, rank, Message(), (), (), "", ended=end)
        ...     for rank, end in enumerate(("gave_up", "", "answer"))]
        >>> task = Task(id="1", instruction="?")
        >>> step_states(Episode(task, tuple(steps), 3, outcome="passed"))
        ['success', 'gave_up', 'pruned', 'success']
    """
    chosen = set(episode.branch.numbers())
    inner = {step.parent for step in episode.steps} - {ROOT}
    found: list[StepState] = []
    for number, step in enumerate(episode.steps):
        if number in chosen:
            found.append("success" if episode.outcome == "passed" else "chosen")
        elif number in inner:
            found.append("backtracked")
        else:
            found.append(_leaf(step.ended))
    return found


def _leaf(ended: str) -> StepState:
    if ended == "answer":
        return "answered"
    if ended == "gave_up":
        return "gave_up"
    if ended.startswith("limit:"):
        return "limit"
    return "error" if ended else "pruned"
