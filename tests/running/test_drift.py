from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.running import drifting
from tests.running.episodes_by_hand import chain
from toolenv.apis import API
from toolenv.episodes import Episode, Response, Status
from toolenv.errors import ConfigurationError
from toolenv.jsontext import render
from toolenv.running.configuration import RunConfiguration
from toolenv.running.drift import cause_of, compare_snapshots, movement
from toolenv.running.folder import RunFolder
from toolenv.running.probing import (
    DAY,
    INSTANT,
    Kind,
    Observation,
    classify_api,
    classify_call,
    probe,
)
from toolenv.running.runner import run
from toolenv.simulators import LocalSimulator, LocalTool, SimulatorBase
from toolenv.snapshots import Recorded, Snapshot, Store, freeze
from toolenv.tasks import Task

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FINE = '{"error":"","response":%s}'
ERROR = '{"error":"gone","response":""}'

# Answers of five APIs: of the time and of how often they were asked.
WORLDS: dict[Kind, Callable[[datetime, int], tuple[str, Status]]] = {
    "static": lambda time, asked: (FINE % '"Paris"', Status.OK),
    "slow": lambda time, asked: (FINE % (time - NOON).days, Status.OK),
    "time-dependent": lambda time, asked: (FINE % (time.hour * 60 + time.minute), Status.OK),
    "stateful": lambda time, asked: (FINE % asked, Status.OK),
    "dead": lambda time, asked: (ERROR, Status.API_ERROR) if asked > 4 else ("1", Status.OK),
}


def observed(kind: Kind, times: Iterable[datetime]) -> list[Observation]:
    return [Observation(time, *WORLDS[kind](time, number)) for number, time in enumerate(times)]


def bursts(*starts: timedelta, size: int = 2) -> list[datetime]:
    """Two observations at once, at each of some times."""
    return [NOON + start + number * INSTANT / 4 for start in starts for number in range(size)]


@pytest.mark.parametrize("kind", WORLDS)
def test_each_kind_of_api_is_told_from_repeated_observations(kind: Kind) -> None:
    minutes = [timedelta(minutes=number) for number in (0, 7, 50)]
    days = [DAY * number for number in (2, 30)]
    assert classify_call(observed(kind, bursts(*minutes, *days))) == kind
    assert classify_call(reversed(observed(kind, bursts(*minutes, *days)))) == kind


def said(*texts: str, gap: timedelta = timedelta(hours=1)) -> list[Observation]:
    return [Observation(NOON + number * gap, text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        ([], None),
        (said("a"), None),
        (said("a", "a"), "static"),
        (said("a", "b"), "time-dependent"),
        (said("a", "b", gap=2 * DAY), "slow"),
        (said("a", "b", gap=DAY), "time-dependent"),
        (said("a", "b", gap=INSTANT), "stateful"),
        (said("a", "b", gap=1.01 * INSTANT), "time-dependent"),
        ([Observation(None, "a"), Observation(NOON, "b")], "slow"),  # long ago
        # a single tick between two observations at once is no state
        (said("a", "a", "a", "b", gap=INSTANT), "time-dependent"),
        # an answer that tells the time differs at once, and has no state for that
        (
            said(
                '{"now":"2026-06-01T12:00:00Z"}', '{"now":"2026-06-01T12:00:01Z"}', gap=INSTANT / 2
            ),
            "time-dependent",
        ),
        (said("1780315200", "1780315201", gap=INSTANT / 2), "time-dependent"),
        (said("1780315200123", "1780315201124", gap=INSTANT / 2), "time-dependent"),
        (said("12:00:00", "12:00:01", gap=INSTANT / 2), "time-dependent"),
        # dates that are far away, and numbers that are no time, are content
        (said("1999-01-01", "1999-01-02", gap=INSTANT / 2), "stateful"),
        (said("9999999999", "9999999998", gap=INSTANT / 2), "stateful"),
    ],
)
def test_the_rule_is_as_documented(series: list[Observation], kind: Kind | None) -> None:
    assert classify_call(series) == kind


def statuses(*codes: Status) -> list[Observation]:
    return [
        Observation(
            NOON + number * timedelta(hours=1), "fine" if code == Status.OK else ERROR, code
        )
        for number, code in enumerate(codes)
    ]


OK, GONE, BAD = Status.OK, Status.TIMEOUT, Status.NOT_FOUND


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((OK, BAD, BAD), "dead"),
        ((GONE, GONE), "dead"),
        ((BAD, BAD), "static"),  # always the same error: that is its answer
        ((OK, OK, BAD), "static"),  # one failure may be a hiccup
        ((OK, BAD, BAD, OK), "static"),
        ((OK, Status.RATE_LIMITED, Status.TOO_MANY_REQUESTS, Status.MISS), None),
        ((OK, OK, Status.RATE_LIMITED, Status.RATE_LIMITED), "static"),
    ],
    ids=str,
)
def test_errors_are_death_only_where_they_stay(codes: tuple[Status, ...], kind: Kind) -> None:
    assert classify_call(statuses(*codes)) == kind


def test_a_body_that_is_an_error_counts_as_one_whatever_its_status() -> None:
    gone = FINE % '{"message":"Endpoint does not exist"}'
    assert classify_call(said(FINE % '{"a":1}', gone, gone)) == "dead"


def test_an_api_is_as_changeable_as_its_most_changeable_call() -> None:
    assert classify_api([]) is None
    assert classify_api([None, None]) is None
    assert classify_api(["static", None]) == "static"
    assert classify_api(["time-dependent", "slow", "static"]) == "time-dependent"
    assert classify_api(["stateful", "time-dependent"]) == "stateful"
    assert classify_api(["dead", "static"]) == "static"
    assert classify_api(["dead", "dead", None]) == "dead"


# --- probing -------------------------------------------------------------------------------------


class Changing(SimulatorBase):
    """Answers as the five kinds do, at a time that the test moves on."""

    fingerprint = "simulator-changing"

    def __init__(self) -> None:
        self.now = NOON
        self.calls: list[str] = []
        self.tool = LocalTool("Kinds", "Kinds")
        for kind in WORLDS:
            self._declare(kind)
        self._world = LocalSimulator([self.tool], version="1")
        self.apis = self._world.apis
        self.open = self._world.open

    def _declare(self, kind: Kind) -> None:
        def answer(x: str = "") -> object:
            number = self.calls.count(kind)
            self.calls.append(kind)
            text, status = WORLDS[kind](self.now, number)
            if status != Status.OK:
                raise RuntimeError("gone")
            return text

        answer.__doc__ = "Answers."
        self.tool.api(name=kind)(answer)

    def clock(self) -> datetime:
        self.now += INSTANT / 4
        return self.now


def recorded(*apis: API, arguments: str = "{}", **more: str) -> list[Recorded]:
    response = Response(FINE % '"old"', origin="live", recording="old")
    return [Recorded(api.identity, arguments, response, **more) for api in apis]


def test_probing_over_days_sorts_the_apis(tmp_path: Path) -> None:
    world = Changing()
    texts = {kind: render(WORLDS[kind](NOON, 0)[0]) for kind in WORLDS}
    freeze(
        [
            Recorded(api.identity, "{}", Response(FINE % texts[kind], recording="old"))
            for kind, api in zip(WORLDS, world.apis, strict=True)
        ],
        tmp_path / "old.snap",
    )
    with Snapshot(tmp_path / "old.snap") as old, Store(tmp_path / "seen") as seen:
        for pause in (timedelta(0), timedelta(minutes=7), 2 * DAY, timedelta(minutes=50)):
            world.now += pause
            found = probe(
                old,
                world,
                seen.add,
                apis=world.apis,
                earlier=list(seen.records()),
                clock=world.clock,
                concurrency=1,
            )
        assert len(list(seen.records())) == 2 * 4 * len(WORLDS)
    kinds = {identity.api: kind for identity, kind in found.kinds.items()}
    assert kinds == {identity.replace("-", "_"): identity for identity in WORLDS}
    assert (found.calls, found.observations) == (5, 10)


def test_what_may_change_something_is_never_called_again(tmp_path: Path) -> None:
    world = Changing()
    fine, *_ = world.apis
    writes = API(category="Kinds", tool="Kinds", name="write", method="POST")
    unknown = API(category="Kinds", tool="Kinds", name="unknown")
    freeze(
        [
            *recorded(fine, writes, unknown),
            *recorded(fine, arguments='{"x":"1"}', changes="ab" * 16),
        ],
        tmp_path / "old.snap",
    )
    written: list[Recorded] = []
    with Snapshot(tmp_path / "old.snap") as old:
        found = probe(old, world, written.append, apis=[fine, writes], times=3)
        assert found.skipped == {
            "it may change something": 1,
            "nothing documents the API": 1,
            "it was made after a change": 1,
        }
        assert world.calls == ["static"] * 3
        assert [record.response.ordinal for record in written] == [0, 1, 2]
        assert all(record.recorded_at for record in written)
        strange = probe(old, world, written.append, apis=[unknown])
        assert strange.skipped["the simulator does not know the API"] == 1
        limited = probe(old, world, written.append, apis=world.apis, limit=0)
        assert limited.calls == 0


# --- two snapshots -------------------------------------------------------------------------------


def snapshot(path: Path, later: str = "") -> Path:
    """The drifting world as the buyer saw it; later, without what it says of tea."""
    place = f"local:{drifting.__name__}"
    configuration = RunConfiguration(
        tasks=f"{drifting.__name__}:{'later_tasks' if later else 'tasks'}",
        simulator=(f"{place}:world?later={later}",),
        policies=(f"{place}:buyer",),
        record=str(path / f"store{later}"),
        record_time=False,
    )
    run(configuration, path / f"live{later}")
    with Store(path / f"store{later}") as store:
        kept = [one for one in store.records() if not (later and '"tea-1"' in one.arguments)]
    freeze(kept, path / f"world{later}.snap")
    return path / f"world{later}.snap"


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("drift")
    return snapshot(path), snapshot(path, "later")


def frozen(path: Path, out: Path, tasks: str = "tasks", **more: object) -> RunFolder:
    configuration = RunConfiguration.model_validate(
        {
            "tasks": f"{drifting.__name__}:{tasks}",
            "simulator": (f"snapshot:{path}",),
            "policies": (f"local:{drifting.__name__}:buyer",),
            **more,
        }
    )
    return run(configuration, out)


def test_what_changed_and_which_tasks_it_touches(snapshots: tuple[Path, Path]) -> None:
    with Snapshot(snapshots[0]) as before, Snapshot(snapshots[1]) as after:
        other = Task(id="other", instruction="?", apis=(API(name="elsewhere"),), split="late")
        found = compare_snapshots(before, after, [*drifting.tasks(), other])
        same = compare_snapshots(before, before, drifting.tasks())
    assert {(one.api.api, one.changed) for one in found.changed} == {("price", 2), ("shelf", 1)}
    assert (found.apis, found.changed_calls) == (2, 3)
    assert (found.common, found.only_before, found.only_after) == (6, 2, 1)
    assert found.splits == {"early": (2, 2), "late": (3, 2)}
    assert not same.changed and same.splits["late"].touched == 0


def test_the_pass_rate_moves_by_changed_responses_and_by_new_misses(
    snapshots: tuple[Path, Path], tmp_path: Path
) -> None:
    one = frozen(snapshots[0], tmp_path / "before")
    other = frozen(snapshots[1], tmp_path / "after")
    moved = movement(one, other)
    assert list(moved) == ["all"]
    found = moved["all"]
    assert (found.tasks, found.before, found.after) == (4, 1.0, 0.25)
    # rye and jam cost something else, oil lies elsewhere and is found; tea is missing
    assert found.turned == {"changed response": 2, "new miss": 1}
    assert found.causes["changed response"].value == -0.5
    assert found.causes["new miss"].value == -0.25
    assert found.shift.value == sum(part.value for part in found.causes.values())
    assert found.shift.low <= found.shift.value <= found.shift.high <= 0
    assert movement(one, other) == moved
    assert set(movement(one, one)["all"].shift) == {0}
    assert movement(other, one)["all"].turned == {"changed response": 2, "no longer a miss": 1}


def test_tasks_whose_true_answer_changed_are_told_apart(
    snapshots: tuple[Path, Path], tmp_path: Path
) -> None:
    one = frozen(snapshots[0], tmp_path / "before")
    other = frozen(snapshots[1], tmp_path / "after", tasks="later_tasks")
    with pytest.raises(ConfigurationError, match=r"tasks \(.* and "):
        movement(one, other)
    assert "changed answer" not in movement(one, one)
    moved = movement(one, other, other_tasks=True)
    assert list(moved) == ["all", "same answer", "changed answer"]
    assert set(moved["changed answer"].shift) == {0}  # rye: another price, and it is true now
    assert moved["same answer"].shift.value == pytest.approx(-2 / 3)
    assert moved["all"].shift.value == -0.5


def test_runs_that_differ_in_more_than_the_snapshot_are_refused(
    snapshots: tuple[Path, Path], tmp_path: Path
) -> None:
    one = frozen(snapshots[0], tmp_path / "before")
    other = frozen(snapshots[1], tmp_path / "after", max_steps=2)
    with pytest.raises(ConfigurationError, match="limits"):
        movement(one, other)
    assert movement(one, other, force=True)["all"].after == 0
    elsewhere = frozen(snapshots[0], tmp_path / "seeds", seeds=(5,))
    with pytest.raises(ConfigurationError, match="no episode in common"):
        movement(one, elsewhere)


def test_the_first_difference_is_the_cause() -> None:
    task = Task(id="1", instruction="?")
    one = chain(task, 3)

    def altered(episode: Episode, number: int, response: Response) -> Episode:
        steps = list(episode.steps)
        steps[number] = steps[number]._replace(responses=(response,))
        return Episode(task, tuple(steps), episode.chosen)

    changed = altered(one, 0, Response("other"))
    missed = altered(one, 1, Response("", Status.MISS))
    assert cause_of(one, changed) == "changed response"
    assert cause_of(one, missed) == "new miss"
    assert cause_of(missed, one) == "no longer a miss"
    assert cause_of(one, altered(missed, 0, Response("other"))) == "changed response"
    assert cause_of(one, chain(task, 2)) == "policy"
    assert cause_of(one, one) == "check"
