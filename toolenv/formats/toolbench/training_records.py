r"""ToolBench's training records: one for each call of a path, with all that was said before it.

``{"id": "Step 2: <query>", "conversations": [{"from": "system", "value": …}, …]}``, where the
number is the place of the last message. An assistant's value is a line break and then ``Thought:``,
``Action:`` and ``Action Input:`` on lines; a message without a call gives its thought to the next
call. A message with several calls, which the form cannot hold, stands as several.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolenv.episodes import Step
from toolenv.jsontext import JsonValue

__all__ = ["training_records"]


def training_records(
    path: Sequence[Step], *, system: str, user: str, query: str
) -> Iterator[dict[str, JsonValue]]:
    """The records of a path.

    Args:
        path: The path's steps, first to last.
        system: The system message.
        user: The user's message.
        query: The instruction, for the records' names.
    """
    said: list[JsonValue] = [
        {"from": "system", "value": system},
        {"from": "user", "value": user},
    ]
    thoughts: list[str] = []
    for step in path:
        if step.message.content:
            thoughts.append(step.message.content)
        for written, response in zip(step.message.calls, step.responses, strict=True):
            thought = "\n".join(thoughts)
            thoughts.clear()
            value = f"\nThought: {thought}\nAction: {written.name}"
            value += f"\nAction Input: {written.arguments}"
            number = len(said)
            said.append({"from": "assistant", "value": value})
            yield {"id": f"Step {number}: {query}", "conversations": [*said]}
            said.append({"from": "function", "value": response.text})
