"""Episodes that clients name: calls that see what earlier calls of the same episode changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Message, Response, Step
from toolenv.server.wanted import Refusal
from toolenv.simulators import Session
from toolenv.tasks import Task

__all__ = ["NamedEpisode", "NamedEpisodes"]

_LONGEST_NAME = 200
_MOST_CALLS = 1_000


class NamedEpisode:
    """The sessions and the path of one episode.

    Args:
        task: What the episode may call.
        recorded: Its sessions with what serves recordings.
    """

    def __init__(self, task: Task, recorded: tuple[Session, ...]) -> None:
        self.task = task
        self.recorded = recorded
        self.live: Session | None = None
        """Its session with the live simulators, opened where it is used."""
        self.turn = asyncio.Lock()
        """Held by the call that is being answered: an episode's calls have an order."""
        self.used = 0.0
        self._steps: list[Step] = []

    @property
    def past(self) -> Branch:
        """The path so far."""
        return Branch(self.task, self._steps, len(self._steps) - 1 if self._steps else ROOT)

    def note(self, call: Call, response: Response) -> None:
        """Add an answered call to the path."""
        message = Message(calls=(FunctionCall(call.function, call.text),))
        at = self.past.at
        self._steps.append(Step(at, 0, message, (call,), (response,), response.text))

    def refuse_if_full(self) -> None:
        """Refuse a call too many.

        Raises:
            Refusal: It has as many calls as are kept (429).
        """
        if len(self._steps) >= _MOST_CALLS:
            raise Refusal(429, f"The episode has {_MOST_CALLS:,} calls. Begin another.")


class NamedEpisodes:
    """The episodes that are kept, by name.

    Args:
        make: Makes a fresh episode.
        limit: How many are kept.
        seconds: Seconds without a call after which one is forgotten.
    """

    def __init__(self, make: Callable[[], NamedEpisode], limit: int, seconds: float) -> None:
        self._make = make
        self._limit = limit
        self._seconds = seconds
        self._kept: dict[str, NamedEpisode] = {}
        """Those not used for longest first."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str, now: float) -> NamedEpisode:
        """The episode of a name; a fresh one where none is kept.

        Args:
            name: Its name.
            now: The time, in seconds.

        Raises:
            Refusal: The name is too long (400), or as many are kept as may be (503).
        """
        if not 0 < len(name) <= _LONGEST_NAME:
            raise Refusal(400, f"An episode's name has 1 to {_LONGEST_NAME} characters.")
        self.forget(now)
        episode = self._kept.pop(name, None)
        if episode is None:
            if len(self._kept) >= self._limit:
                raise Refusal(503, f"{self._limit:,} episodes are kept, and none is idle.")
            episode = self._make()
        episode.used = now
        self._kept[name] = episode
        return episode

    def forget(self, now: float) -> None:
        """Forget episodes that have been idle for too long."""
        for name, episode in list(self._kept.items()):
            if now - episode.used < self._seconds:
                return
            if not episode.turn.locked():
                del self._kept[name]
