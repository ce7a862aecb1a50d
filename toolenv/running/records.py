"""The names of a run's episodes and attempts."""

from __future__ import annotations

from typing import NamedTuple

from toolenv.episodes import Episode

__all__ = ["Attempt", "EpisodeKey"]


class EpisodeKey(NamedTuple):
    """What names an episode in a run; results are sorted by it."""

    task: str
    agent: str
    policy: str
    seed: int

    @classmethod
    def of(cls, episode: Episode) -> EpisodeKey:
        """The key of an episode."""
        return cls(episode.task.id, episode.agent, episode.policy, episode.seed)


class Attempt(NamedTuple):
    """One attempt at an episode; plain, so that it can be sent to another process.

    Args:
        number: Its number in the journal, which no other attempt has.
        key: Which episode it attempts.
        attempt: The how manieth attempt at that episode it is, from 1.
    """

    number: int
    key: EpisodeKey
    attempt: int = 1
