"""Preference pairs: two ways on from one conversation, of which one is better, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from toolenv.agents.policies.reasoning import show_reasoning
from toolenv.episodes import Branch
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.preferences.explored import Explored, Messages

__all__ = [
    "Pair",
    "Prefix",
    "Side",
    "Source",
    "first_turn",
    "pair_of",
    "prefix_of",
    "shared_steps",
    "without_ids",
]

Source: TypeAlias = Literal[
    "steps", "tp-llama", "resampled", "outcome", "judge", "scores", "errors", "repeats"
]
"""Where pairs come from; see docs/pairs.md."""


class Side(NamedTuple):
    """Where one side of a pair comes from.

    Args:
        run: The run's folder, or the recording's name.
        agent: What explored, by name.
        policy: What decided, by name.
        seed: The seed of the attempt.
        steps: The numbers of the side's own steps in its episode, those after the shared prefix.
        rank: The first of them's place among its siblings.
        diversity: Whether it was decided with the siblings before it in view.
        origins: What first produced the responses, each once, in alphabetical order.
        fingerprints: What the episode depends on, by part.
    """

    run: str
    agent: str
    policy: str
    seed: int
    steps: tuple[int, ...]
    rank: int
    diversity: bool
    origins: tuple[str, ...]
    fingerprints: dict[str, str]


class Pair(NamedTuple):
    """Two ways on from one conversation.

    Args:
        task: The task's id.
        split: The set that the task belongs to.
        source: How it was found.
        reason: Why one side is better.
        margin: By how much, between 0 and 1 where that is a share; 1 where it is plain.
        prompt: The shared conversation, as the policy saw it, without diversity messages.
        functions: What could be called.
        chosen: The better way on: an assistant message, what answered it, and so on to the end of
            what was compared.
        rejected: The worse one.
        prefix: The numbers of the shared steps in the chosen side's episode.
        better: Where the better side comes from.
        worse: Where the worse one comes from.
        shared: A digest of prompt and functions.
    """

    task: str
    split: str
    source: Source
    reason: str
    margin: float
    prompt: Messages
    functions: Sequence[dict[str, JsonValue]]
    chosen: Messages
    rejected: Messages
    prefix: tuple[int, ...]
    better: Side
    worse: Side
    shared: bytes

    @property
    def digest(self) -> bytes:
        """Equal for pairs that would train alike: calls' identifiers make no difference."""
        return _digest([self.shared.hex(), without_ids(self.chosen), without_ids(self.rejected)])


class Prefix(NamedTuple):
    """What two ways on share.

    Args:
        explored: The episode that it is read from.
        numbers: The numbers of its steps there.
        prompt: The conversation.
        digest: Equal for prompts and functions that say the same.
    """

    explored: Explored
    numbers: tuple[int, ...]
    prompt: Messages
    digest: bytes


def prefix_of(explored: Explored, numbers: Sequence[int]) -> Prefix:
    """The prefix that some successive steps from the first on make."""
    said = [*explored.opening, *explored.conversation(numbers)]
    prompt = show_reasoning(said, "strip")
    digest = _digest([without_ids(prompt), list(explored.functions)])
    return Prefix(explored, tuple(numbers), prompt, digest)


def pair_of(
    source: Source,
    reason: str,
    margin: float,
    prefix: Prefix,
    chosen: Sequence[int],
    rejected: tuple[Explored, Sequence[int]],
) -> Pair:
    """The pair of two ways on.

    Args:
        source: How it was found.
        reason: Why one side is better.
        margin: By how much.
        prefix: What they share, in the episode of the better one.
        chosen: The numbers of the better one's steps, from where they part.
        rejected: The worse one: its episode, and the same.
    """
    explored = prefix.explored
    other, others = rejected
    task, depth = explored.episode.task, len(prefix.numbers)
    return Pair(
        task.id,
        task.split,
        source,
        reason,
        margin,
        prefix.prompt,
        explored.functions,
        explored.conversation(chosen, depth),
        other.conversation(others, depth),
        prefix.numbers,
        _side(explored, chosen),
        _side(other, others),
        prefix.digest,
    )


def first_turn(messages: Messages) -> Messages:
    """What one decision says of a way on: its first message, which is the assistant's."""
    return messages[:1]


def without_ids(messages: Sequence[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    """Messages without the identifiers that tie answers to calls."""
    plain: list[dict[str, JsonValue]] = []
    for message in messages:
        shown = {name: value for name, value in message.items() if name != "tool_call_id"}
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            shown["tool_calls"] = [
                {name: value for name, value in call.items() if name != "id"}
                for call in calls
                if isinstance(call, dict)
            ]
        plain.append(shown)
    return plain


def _digest(value: object) -> bytes:
    text = render_sorted(value)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _side(explored: Explored, numbers: Sequence[int]) -> Side:
    episode = explored.episode
    steps = [episode.steps[number] for number in numbers]
    first = steps[0]
    return Side(
        explored.run,
        episode.agent,
        episode.policy,
        episode.seed,
        tuple(numbers),
        first.rank,
        bool(first.message.diversity) or (first.rank > 0 and not episode.policy),
        tuple(sorted({response.origin for step in steps for response in step.responses})),
        dict(sorted(episode.fingerprints.items())),
    )


def shared_steps(one: Branch, other: Branch) -> int:
    """How many steps at the beginning of two paths say and observe the same."""
    same = 0
    for mine, theirs in zip(one.path(), other.path(), strict=False):
        if (
            mine.message.content != theirs.message.content
            or [call[:2] for call in mine.message.calls]
            != [call[:2] for call in theirs.message.calls]
            or [answer.text for answer in mine.responses]
            != [answer.text for answer in theirs.responses]
            or mine.observation != theirs.observation
        ):
            break
        same += 1
    return same
