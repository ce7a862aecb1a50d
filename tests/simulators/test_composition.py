from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulators.worlds import (
    ADD,
    LIMITED,
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
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import SimulatorError
from toolenv.simulators import (
    NOT_ANSWERS,
    RecordedSimulator,
    Session,
    SimulatorBase,
    first_of,
    record,
)
from toolenv.snapshots import Snapshot, Store, freeze
from toolenv.tasks import Task


class Fixed(SimulatorBase):
    """Answers everything with one response, and notes when it is asked and closed."""

    def __init__(self, response: Response | SimulatorError | None, name: str = "fixed") -> None:
        self.response = response
        self.fingerprint = name
        self.asked = self.closed = 0

    def open(self, task: Task, seed: int) -> Session:
        return _FixedSession(self)

    def close(self) -> None:
        self.closed += 1


class _FixedSession:
    def __init__(self, owner: Fixed) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        self._owner.asked += 1
        if isinstance(self._owner.response, SimulatorError):
            raise self._owner.response
        return self._owner.response

    def fork(self) -> Session:
        return self


ANSWER = Response('{"error":"","response":"yes"}', Status.OK, "live", "live")


# --- the ladder ---------------------------------------------------------------------------------


def test_the_first_that_answers_is_served_and_the_others_are_not_asked() -> None:
    silent, answering, idle = Fixed(None), Fixed(ANSWER), Fixed(ANSWER)
    session = opened(first_of(silent, answering, idle))
    assert ask(session, READ) is ANSWER
    assert (silent.asked, answering.asked, idle.asked) == (1, 1, 0)


@pytest.mark.parametrize("status", [Status.API_ERROR, Status.NOT_FOUND, Status.BAD_INPUT])
def test_an_error_is_an_answer_too(status: Status) -> None:
    error = ANSWER._replace(status=status)
    assert ask(opened(first_of(Fixed(error), Fixed(ANSWER))), READ) is error


def test_where_none_answers_the_environment_says_so() -> None:
    env = ToolEnv([TASK], first_of(Fixed(None), Fixed(None)))
    env.reset(seed=1)
    observation, *_, info = env.step({"name": READ, "arguments": {}})
    assert info["status"] == Status.MISS
    assert info["source"] == "environment"
    assert "No recorded response" in observation


def test_a_rung_that_breaks_is_no_miss() -> None:
    ladder = first_of(Fixed(SimulatorError("The server is gone.")), Fixed(ANSWER))
    env = ToolEnv([TASK], ladder)
    env.reset(seed=1)
    *_, truncated, info = env.step({"name": READ, "arguments": {}})
    assert truncated
    assert info["ended"] == "error:simulator"
    assert info["outcome"] == "infrastructure_error"


def test_recordings_stand_for_the_simulator_that_serves_them(tmp_path: Path) -> None:
    freeze(recorded(READ, ["frozen"]), tmp_path / "a.snap")
    with Store(tmp_path / "a.store") as store:
        for one in recorded(SHOW, ["stored"]):
            store.add(one)
    ladder = first_of(Snapshot(tmp_path / "a.snap"), Store(tmp_path / "a.store"), world())
    with closing(ladder):
        session = opened(ladder)
        assert text(ask(session, READ)) == "frozen"
        assert text(ask(session, SHOW)) == "stored"
        assert body(ask(session, ADD, {"item": "tea"})) == 1
    alone = first_of(Snapshot(tmp_path / "a.snap"))
    assert alone.fingerprint == RecordedSimulator(Snapshot(tmp_path / "a.snap")).fingerprint


def test_a_fork_of_the_ladder_forks_every_rung() -> None:
    session = opened(first_of(Fixed(None), world()))
    ask(session, ADD, {"item": "tea"})
    twin = session.fork()
    ask(session, ADD, {"item": "milk"})
    assert body(ask(twin, SHOW)) == {"tea": 1}
    assert body(ask(session, SHOW)) == {"milk": 1, "tea": 1}


def test_closing_the_ladder_closes_every_rung() -> None:
    rungs = [Fixed(None), Fixed(ANSWER)]
    with closing(first_of(*rungs)):
        pass
    assert [rung.closed for rung in rungs] == [1, 1]


def test_the_order_of_the_rungs_is_in_the_fingerprint() -> None:
    one, other = Fixed(None, "one"), Fixed(None, "other")
    assert first_of(one, other).fingerprint != first_of(other, one).fingerprint
    assert first_of(one, other).fingerprint == first_of(one, other).fingerprint
    assert first_of(one).fingerprint == "one"


def test_a_ladder_without_rungs_answers_nothing() -> None:
    assert ask(opened(first_of()), READ) is None


# --- recording ----------------------------------------------------------------------------------


def test_what_is_answered_is_recorded_and_served_unchanged(tmp_path: Path) -> None:
    began = datetime.now(UTC)
    with closing(record(world(), Store(tmp_path))) as simulator:
        session = opened(simulator)
        assert body(ask(session, READ)) == "noon"
        ask(session, ADD, '{ "item": "tea" }')
    with Store(tmp_path) as store:
        kept = {one.identity.function: one for one in store.records()}
    assert set(kept) == {READ, ADD}
    assert kept[ADD].arguments == '{ "item": "tea" }', "the call is kept as it was written"
    response = kept[READ].response
    assert (response.text, response.origin) == ('{"error":"","response":"noon"}', "local")
    assert (response.recording, response.ordinal) == (TASK.id, 0)
    assert began.replace(microsecond=0) <= datetime.fromisoformat(kept[READ].recorded_at)
    assert datetime.fromisoformat(kept[READ].recorded_at) <= datetime.now(UTC)


def test_an_origin_survives_being_recorded_and_recorded_again(tmp_path: Path) -> None:
    simulated = Fixed(ANSWER._replace(source="llm", origin="simulated"))
    with closing(record(simulated, Store(tmp_path / "1"))) as simulator:
        ask(opened(simulator), READ)
    with closing(
        record(RecordedSimulator(Store(tmp_path / "1")), Store(tmp_path / "2"))
    ) as simulator:
        ask(opened(simulator), READ)
    with Store(tmp_path / "2") as store:
        (kept,) = store.records()
    assert kept.response.origin == "simulated"


@pytest.mark.parametrize("status", sorted(NOT_ANSWERS))
def test_what_says_nothing_of_the_api_is_recorded_on_request_only(
    tmp_path: Path, status: Status
) -> None:
    failing = Fixed(ANSWER._replace(status=status))
    with closing(record(failing, Store(tmp_path / "plain"))) as simulator:
        served = ask(opened(simulator), READ)
        assert served is not None and served.status is status, "it is served all the same"
    with closing(record(failing, Store(tmp_path / "asked"), failures=True)) as simulator:
        ask(opened(simulator), READ)
    with Store(tmp_path / "plain") as store:
        assert len(store) == 0
    with Store(tmp_path / "asked") as store:
        (kept,) = store.records()
        assert kept.response.status is status, "as what it was"


@pytest.mark.parametrize("status", [Status.OK, Status.API_ERROR, Status.NOT_FOUND])
def test_what_the_api_answers_is_recorded_errors_included(tmp_path: Path, status: Status) -> None:
    with closing(record(Fixed(ANSWER._replace(status=status)), Store(tmp_path))) as simulator:
        ask(opened(simulator), READ)
        assert len(Store(tmp_path)) == 1


def test_a_miss_and_a_broken_simulator_are_not_recorded(tmp_path: Path) -> None:
    with closing(record(Fixed(None), Store(tmp_path), failures=True)) as simulator:
        assert ask(opened(simulator), READ) is None
    with (
        closing(record(Fixed(SimulatorError("gone")), Store(tmp_path), failures=True)) as simulator,
        pytest.raises(SimulatorError),
    ):
        ask(opened(simulator), READ)
    with Store(tmp_path) as store:
        assert len(store) == 0


def test_equal_calls_are_numbered_over_all_forks_of_an_episode(tmp_path: Path) -> None:
    with closing(record(Fixed(ANSWER), Store(tmp_path))) as simulator:
        session = opened(simulator)
        ask(session, READ)
        ask(session.fork(), READ)
        ask(session, READ)
        ask(session, SHOW)
        ask(opened(simulator, Task(id="b", instruction="?", apis=TASK.apis)), READ)
    with Store(tmp_path) as store:
        places = sorted(
            (one.identity.function, one.response.recording, one.response.ordinal)
            for one in store.records()
        )
    assert places == [(READ, "b", 0), *((READ, TASK.id, n) for n in range(3)), (SHOW, TASK.id, 0)]


def test_a_recording_can_be_named(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path), recording="session 1")) as simulator:
        ask(opened(simulator), READ)
        (kept,) = Store(tmp_path).records()
    assert kept.response.recording == "session 1"


def test_without_the_clock_equal_sessions_leave_equal_stores(tmp_path: Path) -> None:
    digests = []
    for number in range(2):
        with closing(record(world(), Store(tmp_path / str(number)), clock=False)) as simulator:
            for _ in range(2):
                session = opened(simulator)
                ask(session, ADD, {"item": "tea"})
                ask(session, READ)
        with Store(tmp_path / str(number)) as store:
            assert len(store) == 2, "the second session answered what the first had"
            digests.append(freeze(store.records(), tmp_path / f"{number}.snap").digest)
    assert digests[0] == digests[1]


def test_recording_changes_neither_answers_nor_the_fingerprint(tmp_path: Path) -> None:
    with closing(record(world(), Store(tmp_path))) as simulator:
        assert simulator.fingerprint == world().fingerprint
        assert ask(opened(simulator), READ) == ask(opened(world()), READ)
        assert ask(opened(simulator), LIMITED) == ask(opened(world()), LIMITED)


def test_closing_closes_what_answers_and_the_store(tmp_path: Path) -> None:
    inner, store = Fixed(ANSWER), Store(tmp_path)
    simulator = record(inner, store)
    ask(opened(simulator), READ)
    simulator.close()
    simulator.close()
    assert inner.closed == 2
