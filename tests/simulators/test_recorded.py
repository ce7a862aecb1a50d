from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators.worlds import (
    ADD,
    CLEAR,
    READ,
    SHOW,
    TASK,
    ask,
    body,
    opened,
    recorded,
    text,
    world,
)
from toolenv.agents import DFSDT, RandomPolicy, Replay
from toolenv.env import ToolEnv
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError
from toolenv.limits import Budget
from toolenv.simulators import RecordedSimulator, first_of, record
from toolenv.snapshots import Recorded, Recordings, Snapshot, Store, freeze
from toolenv.tasks import Task

HOURS = [
    *recorded(READ, ["early one", "early two"], "a", at="2026-01"),
    *recorded(READ, ["late one", "late two", "late three"], "b", at="2026-02"),
    *recorded(READ, ["own one", "own two"], TASK.id, at="2026-03"),
]


@pytest.fixture(params=["store", "snapshot"])
def hours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Recordings]:
    yield from held(HOURS, tmp_path, request.param)


def held(records: list[Recorded], folder: Path, kind: str) -> Iterator[Recordings]:
    if kind == "store":
        with Store(folder / "a.store") as store:
            for one in records:
                store.add(one)
            yield store
    else:
        freeze(records, folder / "a.snap")
        with Snapshot(folder / "a.snap") as snapshot:
            yield snapshot


STRANGER = Task(id="another", instruction="?", apis=TASK.apis)


# --- orders -------------------------------------------------------------------------------------


def test_on_the_path_the_tasks_own_recording_comes_first(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours))
    assert [text(ask(session, READ)) for _ in range(3)] == ["own one", "own two", "own two"]


def test_on_the_path_another_task_is_served_by_the_earliest_recording(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours), STRANGER)
    assert [text(ask(session, READ)) for _ in range(3)] == ["early one", "early two", "early two"]


def test_on_the_path_each_fork_counts_for_itself(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours))
    before = session.fork()
    assert text(ask(session, READ)) == "own one"
    between = session.fork()
    assert text(ask(session, READ)) == "own two"
    assert text(ask(between, READ)) == "own two"
    assert [text(ask(before, READ)) for _ in range(2)] == ["own one", "own two"]
    late = before.fork()
    assert text(ask(late, READ)) == "own two"


def test_first_always_serves_the_earliest_answer(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours, order="first"))
    assert [text(ask(session, READ)) for _ in range(3)] == ["early one"] * 3


def test_a_recording_is_served_alone_and_counted_over_all_forks(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours, order="recording", recording="b"))
    twin = session.fork()
    assert text(ask(session, READ)) == "late one"
    assert text(ask(twin, READ)) == "late two"
    assert text(ask(session.fork(), READ)) == "late three"
    assert text(ask(twin, READ)) == "late three", "the last one again"


def test_recordings_can_be_left_out(hours: Recordings) -> None:
    session = opened(RecordedSimulator(hours, without=["a", TASK.id]))
    assert text(ask(session, READ)) == "late one"
    session = opened(RecordedSimulator(hours, order="first", without=["a"]))
    assert text(ask(session, READ)) == "late one"
    nothing = opened(RecordedSimulator(hours, without=["a", "b", TASK.id]))
    assert ask(nothing, READ) is None


def test_what_was_not_recorded_is_left_to_the_next(hours: Recordings) -> None:
    for simulator in (
        RecordedSimulator(hours),
        RecordedSimulator(hours, order="recording", recording="unheard of"),
    ):
        assert ask(opened(simulator), SHOW) is None
    unheard = opened(RecordedSimulator(hours, order="recording", recording="unheard of"))
    assert ask(unheard, READ) is None


def test_a_response_says_who_answers_now_and_what_first_did(hours: Recordings) -> None:
    response = ask(opened(RecordedSimulator(hours)), READ)
    assert response is not None
    assert response.source == ("store" if isinstance(hours, Store) else "snapshot")
    assert response.origin == "live"
    assert (response.recording, response.ordinal) == (TASK.id, 0)


def test_a_recorded_call_is_answered_though_the_documentation_refuses_it(tmp_path: Path) -> None:
    unfit = '{"item":["not","a","text"]}'
    for recordings in held(recorded(ADD, ["answered"], arguments=unfit), tmp_path, "snapshot"):
        env = ToolEnv([TASK], RecordedSimulator(recordings))
        env.reset(seed=1)
        observation, *_, info = env.step({"name": ADD, "arguments": unfit})
        assert (observation, info["status"]) == ("answered", Status.OK)
        _, *_, info = env.step({"name": ADD, "arguments": '{"item":["another"]}'})
        assert info["status"] == Status.BAD_INPUT
        _, *_, info = env.step({"name": ADD, "arguments": '{"item":"another"}'})
        assert info["status"] == Status.MISS


# --- configuration ------------------------------------------------------------------------------


def test_settings_that_do_not_go_together_are_refused(hours: Recordings) -> None:
    with pytest.raises(ConfigurationError, match="Unknown order"):
        RecordedSimulator(hours, order="last")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="go together"):
        RecordedSimulator(hours, order="recording")
    with pytest.raises(ConfigurationError, match="go together"):
        RecordedSimulator(hours, order="first", recording="a")


def test_the_fingerprint_covers_what_is_served_and_how(hours: Recordings) -> None:
    simulators = [
        RecordedSimulator(hours),
        RecordedSimulator(hours, order="first"),
        RecordedSimulator(hours, order="recording", recording="a"),
        RecordedSimulator(hours, order="recording", recording="b"),
        RecordedSimulator(hours, without=["a"]),
    ]
    assert len({one.fingerprint for one in simulators}) == len(simulators)
    same = RecordedSimulator(hours, without=["b", "a"]).fingerprint
    assert same == RecordedSimulator(hours, without=["a", "b"]).fingerprint


# --- state --------------------------------------------------------------------------------------


def frozen(store: Path, file: Path) -> RecordedSimulator:
    with Store(store) as opened_store:
        freeze(opened_store.records(), file)
    return RecordedSimulator(Snapshot(file))


def test_calls_are_told_apart_by_what_was_changed_before(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path / "a.store"))) as simulator:
        session = opened(simulator)
        assert body(ask(session, SHOW)) == {}
        ask(session, ADD, {"item": "tea"})
        assert body(ask(session, SHOW)) == {"tea": 1}
        ask(session, ADD, {"item": "tea"})
        assert body(ask(session, SHOW)) == {"tea": 2}
        ask(session, CLEAR)
        assert body(ask(session, SHOW)) == {}
        other = opened(simulator)
        ask(other, ADD, {"item": "milk"})
        assert body(ask(other, SHOW)) == {"milk": 1}
    with frozen(tmp_path / "a.store", tmp_path / "a.snap") as simulator:
        session = opened(simulator)
        ask(session, ADD, {"item": "milk"})
        assert body(ask(session, SHOW)) == {"milk": 1}
        session = opened(simulator)
        assert body(ask(session, SHOW)) == {}
        ask(session, ADD, {"item": "tea"})
        twin = session.fork()
        assert body(ask(session, ADD, {"item": "tea"})) == 2
        assert body(ask(session, SHOW)) == {"tea": 2}
        assert body(ask(twin, SHOW)) == {"tea": 1}, "a change in one fork is none in the other"
        assert ask(twin, ADD, {"item": "milk"}) is None, "never done after tea"


def test_what_fails_changes_nothing_and_other_tools_do_not_matter(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path / "a.store"))) as simulator:
        session = opened(simulator)
        ask(session, ADD, {"item": "tea"})
        ask(session, SHOW)
        ask(session, READ)
        ask(session, ADD, {"item": "nothing"})
    with frozen(tmp_path / "a.store", tmp_path / "a.snap") as simulator:
        session = opened(simulator)
        assert body(ask(session, READ)) == "noon"
        ask(session, ADD, {"item": "tea"})
        refused = ask(session, ADD, {"item": "nothing"})
        assert refused is not None and refused.failed
        assert body(ask(session, SHOW)) == {"tea": 1}


def test_a_stateful_world_is_replayed_as_it_was_recorded(tmp_path: Path) -> None:
    agent = DFSDT(RandomPolicy(), budget=Budget(policy_calls=60))
    with closing(record(world(), Store(tmp_path / "a.store"), failures=True)) as simulator:
        env = ToolEnv([TASK], simulator, max_steps=8)
        explored = [agent.run(env, TASK, seed=seed) for seed in range(4)]
    assert any(
        call.function == ADD for one in explored for step in one.steps for call in step.calls
    )
    with frozen(tmp_path / "a.store", tmp_path / "a.snap") as simulator:
        env = ToolEnv([TASK], simulator, max_steps=8)
        for seed, before in enumerate(explored):
            after = agent.run(env, TASK, seed=seed)
            assert [step.observation for step in after.steps] == [
                step.observation for step in before.steps
            ]
            assert [step.message for step in after.steps] == [step.message for step in before.steps]
            again = Replay(before).run(env, TASK, seed=seed)
            assert [step.observation for step in again.steps] == [
                step.observation for step in before.steps
            ]


def test_a_change_that_another_rung_answered_is_a_change(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path / "a.store"))) as simulator:
        env = ToolEnv([TASK], simulator)
        env.reset(seed=1)
        env.step({"name": SHOW, "arguments": {}})
    with closing(first_of(frozen(tmp_path / "a.store", tmp_path / "a.snap"), world())) as ladder:
        env = ToolEnv([TASK], ladder)
        env.reset(seed=1)
        empty, *_, info = env.step({"name": SHOW, "arguments": {}})
        assert info["source"] == "snapshot"
        branch = env.fork()
        *_, info = env.step({"name": ADD, "arguments": {"item": "tea"}})
        assert info["source"] == "local"
        full, *_, info = env.step({"name": SHOW, "arguments": {}})
        assert info["source"] == "local" and full != empty, "what was recorded before is stale"
        again, *_, info = branch.step({"name": SHOW, "arguments": {}})
        assert info["source"] == "snapshot" and again == empty


def test_what_is_recorded_below_a_rung_knows_the_changes_above_it(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path / "adds.store"))) as simulator:
        env = ToolEnv([TASK], simulator)
        env.reset(seed=1)
        env.step({"name": ADD, "arguments": {"item": "tea"}})
    upper = frozen(tmp_path / "adds.store", tmp_path / "adds.snap")
    with closing(first_of(upper, record(world(), Store(tmp_path / "rest.store")))) as ladder:
        env = ToolEnv([TASK], ladder)
        env.reset(seed=1)
        env.step({"name": ADD, "arguments": {"item": "tea"}})
        env.step({"name": SHOW, "arguments": {}})
    with frozen(tmp_path / "rest.store", tmp_path / "rest.snap") as lower:
        assert ask(opened(lower), SHOW) is None, "it was recorded after a change"


def test_the_changes_of_one_action_count_within_it(tmp_path: Path) -> None:
    calls = [
        {"name": SHOW, "arguments": {}},
        {"name": ADD, "arguments": {"item": "tea"}},
        {"name": SHOW, "arguments": {}},
    ]
    action = {"role": "assistant", "tool_calls": calls}
    observed = []
    with closing(record(world(), Store(tmp_path / "a.store"))) as simulator:
        env = ToolEnv([TASK], simulator)
        env.reset(seed=1)
        observed += [env.step(action)[0] for _ in range(2)]
    with frozen(tmp_path / "a.store", tmp_path / "a.snap") as simulator:
        env = ToolEnv([TASK], simulator)
        env.reset(seed=1)
        assert [env.step(action)[0] for _ in range(2)] == observed
