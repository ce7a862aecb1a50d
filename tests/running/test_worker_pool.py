"""Runs in several processes: the same results, whatever becomes of the processes."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.running import policies_by_hand
from tests.running.answering_server import answering_server
from tests.running.processes import has_ended, start, toolenv, wait_until
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress
from toolenv.running.worker_pool import MOST_DEATHS
from toolenv.snapshots import Store

BY_HAND = f"local:{policies_by_hand.__name__}"
SEVERAL = RunConfiguration(
    agents=("react", "dfsdt"),
    policies=("random", f"{BY_HAND}:Waiting"),
    seeds=(0, 1),
    policy_calls=12,
    first=12,
)


@pytest.fixture(autouse=True)
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def in_processes(configuration: RunConfiguration, number: int, **more: object) -> RunConfiguration:
    return configuration.model_copy(update={"processes": number, **more})


def results_of(folder: RunFolder) -> bytes:
    return (folder.path / "results.jsonl").read_bytes()


# --- results ------------------------------------------------------------------------------------


def test_results_are_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    alone = run(SEVERAL, tmp_path / "alone")
    seen: list[Progress] = []
    two = run(in_processes(SEVERAL, 2, concurrency=3), tmp_path / "two", report=seen.append)
    assert results_of(two) == results_of(alone)
    before = sorted(
        alone.episodes(), key=lambda one: (one.task.id, one.agent, one.policy, one.seed)
    )
    after = sorted(two.episodes(), key=lambda one: (one.task.id, one.agent, one.policy, one.seed))
    assert before == after
    assert [one.done for one in seen] == list(range(97))
    assert seen[-1].tally.flying() == 0
    assert two.manifest.costs == alone.manifest.costs
    assert len((two.path / "times.jsonl").read_text().splitlines()) == 96


def test_what_is_answered_is_recorded_once_by_all_processes(tmp_path: Path) -> None:
    for name, number in (("one", 1), ("three", 3)):
        recorded = in_processes(
            SEVERAL, number, record=str(tmp_path / f"{name}.store"), record_time=False
        )
        run(recorded, tmp_path / name)
    with Store(tmp_path / "one.store") as one, Store(tmp_path / "three.store") as three:
        assert sorted(map(repr, three.records())) == sorted(map(repr, one.records()))
        assert len(one) > 0


def test_a_run_may_be_resumed_in_another_number_of_processes(tmp_path: Path) -> None:
    with answering_server(tmp_path / "log") as (_, url):
        asking = RunConfiguration(
            policies=(f"openai:m?base_url={url}",), concurrency=4, run_tokens=200
        )
        some = run(in_processes(asking, 2), tmp_path / "run")
        assert some.manifest.stopped == "budget: run_tokens"
        done = len(some.results())
        assert 11 <= done < 48
        rest = run(in_processes(asking, 1, run_tokens=None), tmp_path / "run", resume=True)
    assert len(rest.results()) == 48
    assert len((tmp_path / "log").read_bytes()) == 48, "nothing was asked twice"


# --- deaths -------------------------------------------------------------------------------------


def test_what_a_killed_worker_had_in_flight_is_done_by_others_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    (tmp_path / "calm").mkdir()
    (tmp_path / "deadly").mkdir()
    options = "times=1&one_in=5"
    name = f"{BY_HAND}:Deadly"
    deadly = RunConfiguration(policies=(f"{name}?folder={tmp_path / 'deadly'}&{options}",))
    folder = run(in_processes(deadly, 2, concurrency=4), tmp_path / "run")
    deaths = len(list((tmp_path / "deadly").glob("death *")))
    workers = len(list((tmp_path / "deadly").glob("in *")))
    assert deaths >= 5
    assert workers >= 4, "others took their places"
    rows = folder.results()
    assert len(rows) == 48
    assert {row.ended for row in rows} == {"gave_up"}
    assert set(Counter(row.key for row in rows).values()) == {1}
    again = run(deadly, tmp_path / "again")  # the deaths are noted: nobody dies any more
    assert results_of(again) == results_of(folder)


def test_an_episode_that_always_kills_its_worker_is_given_up_and_alone_is(tmp_path: Path) -> None:
    (tmp_path / "deaths").mkdir()
    policy = f"{BY_HAND}:Deadly?folder={tmp_path / 'deaths'}&times=99&one_in=24"
    folder = run(RunConfiguration(policies=(policy,), processes=2, concurrency=6), tmp_path / "run")
    rows = folder.results()
    assert len(rows) == 48
    broken = [row for row in rows if row.outcome == "infrastructure_error"]
    assert {row.ended for row in rows if row not in broken} == {"gave_up"}
    assert broken
    for row in broken:
        assert row.ended == (
            f"error:worker: the process that ran it died {MOST_DEATHS} times, the last time "
            f"with status -{int(signal.SIGKILL)}"
        )
    killers = Counter(path.name.split()[1] for path in (tmp_path / "deaths").glob("death *"))
    assert len(killers) == len(broken), "none that was merely in flight beside it"
    assert set(killers.values()) <= {1, 2, MOST_DEATHS}


def test_workers_end_when_the_parent_is_killed_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    policy = f"{BY_HAND}:Deadly?folder={tmp_path / 'pids'}&times=0"
    command = [
        *("run", "--out", "run", "--policy", policy, "--policy", f"{BY_HAND}:Endless"),
        *("--processes", "2", "--concurrency", "4", "--max-steps", "100"),
    ]
    process = start(*command, cwd=tmp_path)

    def begun() -> list[int]:
        return [int(path.name.split()[1]) for path in (tmp_path / "pids").glob("in *")]

    assert wait_until(lambda: len(begun()) > 0, process)
    process.kill()
    process.communicate()
    assert wait_until(lambda: all(map(has_ended, begun())))
    kept = len(RunFolder.open(tmp_path / "run").finished())
    done = toolenv("run", "--out", "run", "--resume", "--json", "--concurrency", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["results"]) == 96
    assert RunFolder.open(tmp_path / "run").manifest.sessions[-1].episodes == 96 - kept


def test_ctrl_c_reaches_the_parent_alone_and_those_in_flight_finish(tmp_path: Path) -> None:
    process = start(
        *("run", "--out", "run", "--policy", f"{BY_HAND}:Endless", "--max-steps", "60"),
        *("--processes", "2", "--concurrency", "4"),
        cwd=tmp_path,
    )

    def finished() -> int:
        there = (tmp_path / "run" / "manifest.json").exists()
        return len(RunFolder.open(tmp_path / "run").finished()) if there else 0

    assert wait_until(lambda: finished() >= 4, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    kept = finished()
    assert 4 < kept < 48
    assert f"interrupted: {kept} of 48 episodes are finished and kept" in err
    assert "Traceback" not in err
    assert RunFolder.open(tmp_path / "run").manifest.costs["policy_calls"] == 60 * kept


# --- what cannot be run -------------------------------------------------------------------------


def test_a_configuration_that_gives_something_else_in_each_process_is_refused(
    tmp_path: Path,
) -> None:
    fickle = RunConfiguration(tasks=f"{policies_by_hand.__name__}:fickle_tasks", processes=2)
    with pytest.raises(ConfigurationError, match="made another run of the same configuration"):
        run(fickle.model_copy(update={"seeds": (1, 2)}), tmp_path / "run")


def test_what_would_meet_every_episode_ends_the_run_with_the_workers_words(tmp_path: Path) -> None:
    refusing = RunConfiguration(policies=(f"{BY_HAND}:Refusing",), processes=2)
    with pytest.raises(ConfigurationError) as refused:
        run(refusing, tmp_path / "run")
    assert str(refused.value) == "refusing: It was never trained. Train it."


@pytest.mark.parametrize("option", ["policy_concurrency", "simulator_concurrency"])
def test_a_limit_that_cannot_be_shared_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option}: 2 at once cannot be shared by 3"):
        run(RunConfiguration.model_validate({"processes": 3, option: 2}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
