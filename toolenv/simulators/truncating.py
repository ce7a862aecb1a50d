"""Cutting what is too long to be kept or read.

An environment cuts what a policy observes by itself (``observation_limit``). This cuts before that:
what is recorded, served or handed to other wrappers. ToolBench's own server kept 2,048 characters.
"""

from __future__ import annotations

from toolenv.episodes import Branch, Call, Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.observations import cut
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.wrapping import Wrapper
from toolenv.tasks import Task

__all__ = ["truncate"]

_ROOM_FOR_THE_NOTE = 64
"""Characters that say what was cut; a text with its note is not cut for the note."""


def truncate(simulator: Simulator, characters: int = 2048) -> Simulator:
    """Cut the text of longer responses, and say in it what was cut.

    The response is marked (``completeness="truncated"``), so that a recording of it says so too.
    The status stays. What was cut before is cut again only where it is still longer.

    Args:
        simulator: What answers.
        characters: Characters kept; no character that is made of several code points is split.

    Raises:
        ConfigurationError: Nothing would be kept.

    Example:
        >>> from toolenv.simulators import first_of
        >>> truncate(first_of()).fingerprint == truncate(first_of(), 100).fingerprint
        False
    """
    if characters < 1:
        raise ConfigurationError(f"It is {characters}, and must be 1 or more.", where="characters")
    return _Truncate(simulator, characters)


class _Truncate(Wrapper):
    def __init__(self, simulator: Simulator, characters: int) -> None:
        super().__init__(simulator)
        self.characters = characters

    @property
    def fingerprint(self) -> str:
        return fingerprint("simulator", ["truncate", self.characters, self.simulator.fingerprint])

    def open(self, task: Task, seed: int) -> Session:
        return _TruncateSession(self.characters, self.simulator.open(task, seed))


class _TruncateSession:
    __slots__ = ("_characters", "_inner")

    def __init__(self, characters: int, inner: Session) -> None:
        self._characters = characters
        self._inner = inner

    async def call(self, call: Call, past: Branch) -> Response | None:
        response = await self._inner.call(call, past)
        if response is None or len(response.text) <= self._characters:
            return response
        if response.completeness == "truncated":
            if len(response.text) <= self._characters + _ROOM_FOR_THE_NOTE:
                return response
            response = response._replace(completeness="whole")
        return cut(response, self._characters)

    def fork(self) -> Session:
        return _TruncateSession(self._characters, self._inner.fork())
