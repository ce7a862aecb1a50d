"""A policy that says again what was said in a recorded tree."""

from __future__ import annotations

from collections.abc import Sequence

from toolenv.episodes import ROOT, Episode, Message
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, render

__all__ = ["ReplayPolicy"]


class ReplayPolicy:
    """Finds where a conversation is in a recorded tree, and says what came next there.

    The place is found by the assistant's messages so far. Asked again at the same place, as DFSDT
    asks for siblings, it says the next child's message, then begins again with the first; so one
    policy serves one episode at a time.

    Args:
        episode: The recorded tree.
    """

    name = "replay"

    def __init__(self, episode: Episode) -> None:
        self._task = episode.task.id
        self._children: dict[str, list[Message]] = {}
        self._asked: dict[str, int] = {}
        places = {ROOT: _place([])}
        paths: dict[int, list[str]] = {ROOT: []}
        for number, step in enumerate(episode.steps):
            paths[number] = [*paths[step.parent], _said(step.message.as_openai())]
            places[number] = _place(paths[number])
            self._children.setdefault(places[step.parent], []).append(step.message)

    @property
    def fingerprint(self) -> str:
        """Digest of the task and the recorded messages."""
        said = [[place, [repr(one) for one in some]] for place, some in self._children.items()]
        return fingerprint("policy", ["replay", self._task, said])

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The recorded message at this place.

        Raises:
            PolicyError: The conversation left the recorded tree, or stands at one of its leaves.
        """
        place = _place([_said(message) for message in messages if message["role"] == "assistant"])
        children = self._children.get(place)
        if not children:
            raise PolicyError(
                "The recorded tree has no message at this point of the conversation.",
                where=f"task {self._task}",
                fix="Replay with the agent and the environment that it was recorded with.",
            )
        asked = self._asked.get(place, 0)
        self._asked[place] = asked + 1
        return children[asked % len(children)]


def _said(message: dict[str, JsonValue]) -> str:
    """An assistant message without the names of its calls, which environments may give."""
    calls = message.get("tool_calls")
    functions = (
        [call.get("function") for call in calls if isinstance(call, dict)]
        if isinstance(calls, list)
        else []
    )
    return render([message.get("content"), functions])


def _place(said: Sequence[str]) -> str:
    return fingerprint("place", list(said))
