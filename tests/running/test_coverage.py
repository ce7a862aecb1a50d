from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators_by_hand import Answering
from toolenv import ToolEnv
from toolenv.agents import ReACT
from toolenv.agents.policies import ScriptPolicy
from toolenv.apis import API
from toolenv.episodes import Branch, Call, Episode, Response
from toolenv.mini import mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.coverage import (
    Attempt,
    answer_attempts,
    coverage,
    own_recordings,
    run_attempts,
)
from toolenv.running.folder import RunFolder
from toolenv.running.reproduction import read_answers, recording_of, replay
from toolenv.running.runner import run
from toolenv.simulators import NeighbourSimulator
from toolenv.snapshots import Recorded, Snapshot, Store, freeze, records_of
from toolenv.tasks import Task

KEYWORD, ORACLE = "local:toolenv.mini:KeywordPolicy", "oracle"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, list[RunFolder]]:
    """Two policies' runs, and a snapshot of what both recorded under their names."""
    path = tmp_path_factory.mktemp("coverage")
    runs = []
    for name, policy in (("keyword", KEYWORD), ("oracle", ORACLE)):
        configuration = RunConfiguration(
            policies=(policy,),
            record=str(path / "store"),
            recording=name,
            record_failures=True,
            record_time=False,
        )
        runs.append(run(configuration, path / f"run-{name}"))
    with Store(path / "store") as store:
        freeze(store.records(), path / "both.snap")
    return Snapshot(path / "both.snap"), runs


def test_a_policy_is_covered_by_what_the_others_recorded(
    world: tuple[Snapshot, list[RunFolder]],
) -> None:
    snapshot, runs = world
    found = coverage(snapshot, run_attempts(runs, snapshot))
    assert found.left_out == {"keyword": ("keyword",), "oracle": ("oracle",)}
    assert {split for _, split in found.rows} == {task.split for task in mini_tasks()}
    for (policy, split), row in found.rows.items():
        assert row.asked == sum(
            1
            for run_ in runs
            for episode in run_.episodes()
            if episode.policy == policy and episode.task.split == split
            for _ in records_of(episode)
        )
        assert row.answered <= row.asked
        assert row.sources.total() == row.origins.total() == row.success.total() == row.answered
        assert row.equal <= row.answered
        assert row.share is not None and row.interval[0] <= row.share <= row.interval[1]
    total = found.total()
    assert 0 < total.answered < total.asked
    assert total.asked == sum(row.asked for row in found.rows.values())
    assert total.asked - total.answered == sum(one.calls for one in found.missing)
    assert found.total("I1-cat").asked < total.asked


def test_with_its_own_recordings_a_policy_is_covered_fully(
    world: tuple[Snapshot, list[RunFolder]],
) -> None:
    snapshot, runs = world
    attempts = [one._replace(own=()) for one in run_attempts(runs, snapshot)]
    found = coverage(snapshot, attempts)
    assert found.total().answered == found.total().asked
    assert not found.missing
    assert found.left_out == {"keyword": (), "oracle": ()}


def test_the_apis_to_record_next_come_by_missed_calls_then_by_tasks(tmp_path: Path) -> None:
    freeze([], tmp_path / "none.snap")
    apis = [API(tool="T", name=name) for name in "abc"]
    attempts = [
        Attempt("p", _episode(f"{task}", apis[number], calls), ())
        for task, number, calls in [(1, 0, 3), (2, 1, 2), (3, 1, 1), (4, 2, 4)]
    ]
    with Snapshot(tmp_path / "none.snap") as empty:
        found = coverage(empty, attempts)
        again = coverage(empty, reversed(attempts))
    assert [(one.api.api, one.calls, one.tasks) for one in found.missing] == [
        ("c", 4, 1),
        ("b", 3, 2),
        ("a", 3, 1),
    ]
    assert again == found
    assert found.total().share == 0 and found.total("nowhere").share is None


def _episode(task: str, api: API, calls: int) -> Episode:
    """An episode of one task that calls one API so often, and gets an answer each time."""

    async def answer(call: Call, past: Branch) -> Response:
        return Response.of("x", source="local", origin="local")

    said = {"name": api.identity.function, "arguments": {}}
    policy = ScriptPolicy([*[said] * calls, {"name": "Finish", "arguments": {}}])
    one = Task(id=task, instruction="?", apis=(api,))
    return ReACT(policy).run(ToolEnv([one], Answering(answer), max_steps=calls + 1), one)


def test_splits_are_taken_from_the_tasks_that_are_given(tmp_path: Path) -> None:
    api = API(tool="T", name="a")
    episode = _episode("1", api, 1)
    freeze([Recorded(api.identity, "{}", Response("x", recording="r"))], tmp_path / "r.snap")
    named = episode.task.model_copy(update={"split": "G1"})
    with Snapshot(tmp_path / "r.snap") as recordings:
        found = coverage(recordings, [Attempt("p", episode, ())], tasks=[named])
        blind = coverage(recordings, [Attempt("p", episode, ("r",))])
    assert list(found.rows) == [("p", "G1")] and found.total().answered == 1
    assert blind.total().answered == 0


def test_recordings_are_told_by_their_makers_name() -> None:
    names = ["588", "gpt", "gpt-4/588", "gpt/588", "run-1/x"]
    assert own_recordings(names, "gpt", "run-1") == ("gpt", "gpt/588", "run-1/x")
    assert own_recordings(names, "") == ()


def test_a_tree_is_covered_by_the_other_trees(data: Path, tmp_path: Path) -> None:
    episodes = read_answers([data])
    freeze((record for one in episodes for record in records_of(one)), tmp_path / "t.snap")
    with Snapshot(tmp_path / "t.snap") as snapshot:
        found = coverage(snapshot, answer_attempts([data]))
        others = [
            replay(one, snapshot, order="first", without=[recording_of(one)]) for one in episodes
        ]
        near = coverage(
            snapshot,
            answer_attempts([data]),
            make=lambda names: NeighbourSimulator(snapshot, max_distance=1, without=names),
        )
    assert len(found.rows) == len(episodes) == 14
    assert found.total().asked == sum(one.calls - one.unknown for one in others)
    assert found.total().answered == sum(one.answered for one in others)
    assert 0 < found.total().answered < near.total().answered
    assert set(near.total().sources) == {"neighbour"}
