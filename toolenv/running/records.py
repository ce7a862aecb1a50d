"""The journal's records that begin and finish an attempt, as JSON objects and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from toolenv.episodes import ROOT, Cost, Episode, Outcome
from toolenv.running.step_records import read_reward

__all__ = [
    "Ending",
    "EpisodeKey",
    "ending_record",
    "episode_record",
    "read_ending",
    "read_key",
]


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


class Ending(NamedTuple):
    """What is known of an episode once it has ended.

    Args:
        steps: How many steps it has.
        chosen: The number of the step that ends the chosen branch, as taken; ``ROOT`` for none.
        ended: Why the attempt stopped.
        outcome: How it went.
        reward: The chosen branch's reward.
        cost: What it consumed.
        fingerprints: What the result depends on.
    """

    steps: int
    chosen: int = ROOT
    ended: str = ""
    outcome: Outcome = "unsure"
    reward: float = 0.0
    cost: Cost = Cost()
    fingerprints: Mapping[str, str] = {}


def episode_record(number: int, key: EpisodeKey, attempt: int) -> dict[str, object]:
    """The record that begins an attempt."""
    return {
        "record": "episode",
        "episode": number,
        "task": key.task,
        "agent": key.agent,
        "policy": key.policy,
        "seed": key.seed,
        "attempt": attempt,
    }


def read_key(record: Mapping[str, Any]) -> EpisodeKey:
    """The key in the record that begins an attempt."""
    return EpisodeKey(record["task"], record["agent"], record["policy"], record["seed"])


def ending_record(number: int, ending: Ending) -> dict[str, object]:
    """The record that finishes an attempt."""
    return {
        "record": "end",
        "episode": number,
        "steps": ending.steps,
        "chosen": ending.chosen,
        "ended": ending.ended,
        "outcome": ending.outcome,
        "reward": ending.reward,
        "cost": ending.cost._asdict(),
        "fingerprints": dict(sorted(ending.fingerprints.items())),
    }


def read_ending(record: Mapping[str, Any]) -> Ending:
    """The ending in a record.

    Raises:
        KeyError, TypeError: The record is no ending's.
    """
    return Ending(
        record["steps"],
        record["chosen"],
        record["ended"],
        record["outcome"],
        read_reward(record["reward"]),
        Cost(**record["cost"]),
        record["fingerprints"],
    )
