"""The prompt of a pair is the conversation that the policy was given, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agents.scripted import Noting
from tests.preferences.stumbling import Stumbling, stumbling_run
from toolenv.agents import DFSDT
from toolenv.agents.policies.prompting import with_objects
from toolenv.conversations import opening
from toolenv.env import ToolEnv
from toolenv.jsontext import parse, render
from toolenv.preferences import Explored, PairCounts, PairSettings, collect_pairs, explored_by_task


@pytest.mark.parametrize("task", [0, 5, 11])
def test_both_sides_share_what_the_policy_was_asked_without_the_diversity_message(
    task: int,
) -> None:
    policy = Noting(Stumbling(luck=0.2))
    episode = DFSDT(policy).run(ToolEnv(max_steps=6), task, seed=1)
    found = Explored("run", episode, opening(episode.task.instruction), episode.task.functions)
    pairs = list(collect_pairs([[found]], PairSettings(("tp-llama",)), PairCounts()))
    asked = {heard.messages for heard in policy.heard}

    assert pairs
    for pair in pairs:
        step = episode.steps[pair.better.steps[0]]
        assert pair.better.diversity and step.message.diversity
        assert step.message.diversity not in render(pair.prompt)
        shown = found.conversation(pair.prefix)
        assert pair.prompt == [*found.opening, *shown]
    plain = [render(list(found.opening))]
    assert asked.issuperset(plain)
    assert {render(pair.prompt) for pair in pairs} <= {
        render([with_objects(message) for message in _messages(heard)]) for heard in asked
    }


def _messages(heard: str) -> list[Any]:
    found: Any = parse(heard)
    return list(found)


def test_runs_are_read_with_their_own_prompt_and_every_row_says_where_it_is_from(
    tmp_path: Path,
) -> None:
    run = stumbling_run(tmp_path / "run")
    pairs = list(
        collect_pairs(explored_by_task([run.path]), PairSettings(("steps",)), PairCounts())
    )

    episodes = {(e.task.id, e.seed): e for e in run.episodes()}
    assert pairs
    for pair in pairs:
        side = pair.worse
        episode = episodes[pair.task, side.seed]
        assert (side.run, side.agent) == (str(run.path), "dfsdt")
        assert side.fingerprints == episode.fingerprints
        assert episode.steps[side.steps[0]].rank == side.rank
        assert pair.prompt[0]["content"] == run.manifest.configuration["system_prompt"]


def test_episodes_of_one_task_come_together_from_several_runs(tmp_path: Path) -> None:
    runs = [
        stumbling_run(tmp_path / name, seeds=seeds).path
        for name, seeds in (("a", (0, 1)), ("b", (2,)))
    ]

    groups = list(explored_by_task(runs))

    assert all(len({one.episode.task.id for one in group}) == 1 for group in groups)
    assert {len(group) for group in groups} == {3}
