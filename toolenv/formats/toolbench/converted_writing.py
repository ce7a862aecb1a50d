"""Writing episodes as converted answers, which ToolEval's scripts judge."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias

from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Episode, Step
from toolenv.errors import FormatError
from toolenv.formats.files import write_json
from toolenv.formats.toolbench.answers import ANSWER_FILE
from toolenv.formats.toolbench.functions import compatibility_functions
from toolenv.jsontext import JsonValue

__all__ = ["ToolMessageForm", "write_converted"]

ToolMessageForm: TypeAlias = Literal["dict", "repr"]
"""``dict`` as StableToolBench writes tool messages, ``repr`` as ToolBench does."""


def write_converted(
    episodes: Sequence[Episode],
    path: str | PathLike[str],
    *,
    tool_messages: ToolMessageForm | None = None,
    whole_tree: bool = False,
) -> None:
    """Write episodes as converted answers, for ToolEval's scripts.

    Args:
        episodes: The episodes, at most one per task.
        path: The file, ``<set>.json``.
        tool_messages: How tool messages are written; by default as read, else ``dict``.
        whole_tree: Write every branch, not the chosen one alone (without one, the first).

    Raises:
        FormatError: Two episodes are of one task, or the file cannot be written.
    """
    path = Path(path)
    document: dict[str, JsonValue] = {}
    for episode in episodes:
        if episode.task.id in document:
            raise FormatError(
                f"Two episodes are of task {episode.task.id}; the format holds one per query.",
                where=path.name,
                fix="Write them to two files.",
            )
        document[episode.task.id] = _written(episode, tool_messages, whole_tree=whole_tree)
    write_json(path, document)


def _written(
    episode: Episode, form: ToolMessageForm | None, *, whole_tree: bool
) -> dict[str, JsonValue]:
    kept = episode.task.unknown.get(ANSWER_FILE)
    details = kept if isinstance(kept, dict) else {}
    functions, _ = compatibility_functions(
        episode.task, "stabletoolbench" if details.get("wrapped") else "toolbench"
    )
    finish = details.get("finish")
    as_repr = (form or details.get("tool_messages")) == "repr"
    cut = details.get("cut_messages")
    cut = cut if isinstance(cut, dict) else {}
    ended_at = episode.chosen
    if ended_at == ROOT and episode.steps:
        ended_at = episode.branches()[0].at
    branch = episode.branch._replace(at=ended_at)
    shown = range(len(episode.steps)) if whole_tree else branch.numbers()
    user: dict[str, JsonValue] = {"role": "user", "message": details.get("user", ""), "next": []}
    ends: dict[int, dict[str, JsonValue]] = {ROOT: user}
    root: dict[str, JsonValue] = {
        "role": "system",
        "message": details.get("system", ""),
        "next": [user],
    }
    total = 2
    for number in shown:
        at = ends[episode.steps[number].parent]
        for role, message in _messages(episode.steps[number], as_repr=as_repr):
            if role == "tool":
                message = cut.get(str(number), message)
            node: dict[str, JsonValue] = {"role": role, "message": message, "next": []}
            following = at["next"]
            if isinstance(following, list):
                following.append(node)
            at = node
            total += 1
        ends[number] = at
    final = next((c.text for s in branch.path()[-1:] for c in s.calls if c.function == FINISH), "")
    gave_answer = branch.ended in ("answer", "gave_up")
    return {
        "query": episode.task.instruction,
        "available_tools": [*functions[:-1], finish if isinstance(finish, dict) else functions[-1]],
        "answer": {
            "method": details.get("method") or episode.agent,
            "total_steps": total,
            "final_answer": details.get("final_answer", final if gave_answer else ""),
            "answer_details": [root],
        },
    }


def _messages(step: Step, *, as_repr: bool) -> list[tuple[str, JsonValue]]:
    """The nodes of a step: its text where no call is beside it, then one per call."""
    messages: list[tuple[str, JsonValue]] = []
    if not step.calls:
        messages.append(("assistant", step.message.content))
    for written, response in zip(step.message.calls, step.responses, strict=True):
        shown = "" if written.name == FINISH else response.text
        message: dict[str, JsonValue] = {
            "name": written.name,
            "arguments": written.arguments,
            "response": shown,
        }
        messages.append(("tool", repr(message) if as_repr else message))
    return messages
