"""Siblings that are continued afresh: what a step is worth, and not how its first try went."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.agents.scripted import GIVE_UP, answering, environment, saying
from toolenv.actions import read_action
from toolenv.agents import DFSDT
from toolenv.conversations import opening
from toolenv.env import ToolEnv
from toolenv.episodes import Episode, Message
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.preferences import (
    Explored,
    Pair,
    PairCounts,
    PairSettings,
    Resampled,
    collect_pairs,
)
from toolenv.seeds import derive


class Lucky:
    """Says left, and right when asked for another; below, answers with a chance that it knows."""

    name = fingerprint = "lucky"

    def __init__(self, left: float, right: float, *, unlucky_first: bool = False) -> None:
        self.chances = {"left": left, "right": right}
        self.unlucky_first = unlucky_first

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        said = str([message.get("tool_calls") for message in messages])
        if "left" not in said and "right" not in said:
            return read_action(
                saying("left" if messages[-1]["role"] != "user" or len(messages) < 3 else "right")
            )
        if self.unlucky_first:
            return read_action(answering("x") if "right" in said else GIVE_UP)
        lucky = (
            derive(seed, "luck") % 1000 < 1000 * self.chances["left" if "left" in said else "right"]
        )
        return read_action(answering("x") if lucky else GIVE_UP)


def tree() -> tuple[ToolEnv, Episode]:
    """Left was given up after, right answered: by luck alone, for all that is known."""
    env = environment()
    return env, DFSDT(Lucky(0, 0, unlucky_first=True)).run(env, 0, seed=3)


def pairs_of(policy: Lucky, **options: float) -> list[Pair]:
    env, episode = tree()
    found = Explored("r", episode, opening(episode.task.instruction), episode.task.functions)
    resampled = Resampled(env, policy, **options)  # type: ignore[arg-type]
    settings = PairSettings(sources=("resampled",), resampled=resampled)
    return list(collect_pairs([[found]], settings, PairCounts()))


def test_the_step_that_more_continuations_succeed_from_wins() -> None:
    (pair,) = pairs_of(Lucky(0.0, 1.0))

    assert (pair.better.rank, pair.worse.rank, pair.margin) == (1, 0, 1.0)
    assert pair.reason == "8 of 8 continuations succeeded against 0 of 8"


def test_a_sibling_that_had_bad_luck_wins_where_it_is_worth_more() -> None:
    (pair,) = pairs_of(Lucky(1.0, 0.0))

    assert (pair.better.rank, pair.worse.rank) == (0, 1)


def test_where_both_are_worth_the_same_there_is_no_pair() -> None:
    assert pairs_of(Lucky(1.0, 1.0)) == []
    assert pairs_of(Lucky(0.0, 0.0)) == []


def test_the_margin_is_the_least_difference_of_the_shares() -> None:
    (pair,) = pairs_of(Lucky(0.5, 1.0), continuations=16, margin=0.2)

    assert 0.2 <= pair.margin < 1
    assert pairs_of(Lucky(0.5, 1.0), continuations=16, margin=1.0) == []


def test_few_continuations_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="7 continuations say too little"):
        pairs_of(Lucky(0.0, 1.0), continuations=7)


def test_an_environment_that_answers_otherwise_says_nothing() -> None:
    env, episode = tree()
    steps = tuple(
        step._replace(responses=tuple(r._replace(text="else") for r in step.responses))
        for step in episode.steps
    )
    changed = Episode(episode.task, steps, episode.chosen, seed=episode.seed)
    found = Explored("r", changed, opening(episode.task.instruction), episode.task.functions)
    settings = PairSettings(("resampled",), resampled=Resampled(env, Lucky(0.0, 1.0)))

    assert list(collect_pairs([[found]], settings, PairCounts())) == []
