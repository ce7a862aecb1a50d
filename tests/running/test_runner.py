from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.running import policies_by_hand
from tests.running.journal_records import attempts_of, journal_of
from tests.running.processes import size, start, toolenv, wait_until
from toolenv.errors import (
    ConfigurationError,
    FormatError,
    JournalError,
    SnapshotError,
    ToolenvError,
)
from toolenv.mini import mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.runner import run
from toolenv.running.tally import Progress
from toolenv.snapshots import Store, freeze

BY_HAND = f"local:{policies_by_hand.__name__}"
EVERYTHING = RunConfiguration(
    agents=("react", "dfsdt"),
    policies=("random", "local:toolenv.mini:KeywordPolicy", f"{BY_HAND}:Waiting"),
    seeds=(0, 10, 9),
    policy_calls=12,
    first=12,
)


def with_changes(configuration: RunConfiguration, **changes: Any) -> RunConfiguration:
    return RunConfiguration.model_validate({**configuration.model_dump(), **changes})


# --- results ------------------------------------------------------------------------------------


def test_a_run_holds_all_with_all_sorted(tmp_path: Path) -> None:
    folder = run(EVERYTHING, tmp_path / "run")
    rows = folder.results()
    keys = [row.key for row in rows]
    assert keys == sorted(keys)
    tasks = [task.id for task in mini_tasks()[:12]]
    assert set(keys) == {
        EpisodeKey(task, agent, policy, seed)
        for task in tasks
        for agent in ("react", "dfsdt")
        for policy in ("random", "keyword", "waiting")
        for seed in (0, 10, 9)
    }
    assert len(keys) == 12 * 2 * 3 * 3
    assert folder.manifest.counts["episodes"] == len(keys)
    assert {episode.seed for episode in folder.episodes()} == {0, 9, 10}
    assert set(attempts_of(folder.path).values()) == {1}


def test_results_are_the_same_bytes_whatever_the_concurrency(tmp_path: Path) -> None:
    written = {
        (run(with_changes(EVERYTHING, concurrency=concurrency), tmp_path / str(concurrency)).path
         / "results.jsonl").read_bytes()
        for concurrency in (1, 4, 64)
    }  # fmt: skip
    assert len(written) == 1


def test_episodes_are_read_back_as_they_were_run(tmp_path: Path) -> None:
    one, other = (run(with_changes(EVERYTHING, concurrency=n), tmp_path / str(n)) for n in (1, 64))
    by_key = {EpisodeKey.of(episode): episode for episode in one.episodes()}
    assert {EpisodeKey.of(episode): episode for episode in other.episodes()} == by_key


def test_progress_counts_every_episode_once(tmp_path: Path) -> None:
    seen: list[tuple[int, int, EpisodeKey | None]] = []
    configuration = with_changes(EVERYTHING, policies=("random",), seeds=(0,), first=5)
    run(
        configuration,
        tmp_path / "run",
        report=lambda told: seen.append(
            (told.done, told.total, told.result.key if told.result else None)
        ),
    )
    assert [done for done, _, _ in seen] == list(range(11))
    assert {total for _, total, _ in seen} == {10}
    assert seen[0][2] is None
    assert len({key for _, _, key in seen[1:]}) == 10


def test_tasks_are_chosen_by_split_by_id_and_by_number(tmp_path: Path) -> None:
    def tasks_of(name: str, **changes: Any) -> list[str]:
        return [row.task for row in run(RunConfiguration(**changes), tmp_path / name).results()]

    assert set(tasks_of("split", split="I1-tool")) == {
        task.id for task in mini_tasks() if task.split == "I1-tool"
    }
    assert tasks_of("only", only=("I2-cat-3", "I1-inst-2")) == ["I1-inst-2", "I2-cat-3"]
    assert len(tasks_of("first", first=3)) == 3
    assert tasks_of("both", split="I1-tool", first=1) == ["I1-tool-1"]


def test_what_is_answered_is_recorded_and_answers_a_second_run(tmp_path: Path) -> None:
    live = with_changes(
        EVERYTHING, record=str(tmp_path / "store"), record_failures=True, record_time=False
    )
    before = run(live, tmp_path / "live").results()
    with Store(tmp_path / "store") as store:
        freeze(store.records(), tmp_path / "made.snap")
    frozen = with_changes(EVERYTHING, simulator=(f"snapshot:{tmp_path / 'made.snap'}",))
    after = run(frozen, tmp_path / "frozen").results()
    told = [(row.key, row.outcome, row.reward, row.ended, row.answer, row.steps) for row in before]
    assert told == [
        (row.key, row.outcome, row.reward, row.ended, row.answer, row.steps) for row in after
    ]
    assert {source for row in after for source in row.calls_by_source} <= {
        "snapshot", "environment",
    }  # fmt: skip
    assert {origin for row in after for origin in row.calls_by_origin} <= {"local", "environment"}


def test_recording_twice_keeps_every_answer_once(tmp_path: Path) -> None:
    sizes = []
    for name in ("one", "two"):
        recorded = with_changes(EVERYTHING, record=str(tmp_path / "store"))
        run(recorded, tmp_path / name)
        with Store(tmp_path / "store") as store:
            sizes.append(len(store))
    assert sizes[0] == sizes[1] > 0


def test_a_policy_that_fails_gives_an_infrastructure_error_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    configuration = RunConfiguration(policies=(f"{BY_HAND}:Failing",), seeds=tuple(range(4)))
    rows = run(configuration, tmp_path / "run").results()
    assert len(rows) == 4 * len(mini_tasks())
    broken = [row for row in rows if row.outcome == "infrastructure_error"]
    assert 0 < len(broken) < len(rows)
    assert {row.ended for row in broken} == {"error:policy: nowhere: The server is gone."}
    assert {row.reward for row in broken} == {0.0}
    assert all(row.outcome != "infrastructure_error" for row in rows if row not in broken)


def test_nothing_that_a_policy_raises_stops_the_run_or_loses_an_episode(tmp_path: Path) -> None:
    configuration = RunConfiguration(policies=(f"{BY_HAND}:Odd", "random"), seeds=(0, 1))
    rows = run(configuration, tmp_path / "run").results()
    assert len(rows) == 2 * 2 * len(mini_tasks())
    odd = {row.ended.split(" at ")[0] for row in rows if row.policy == "odd"}
    assert odd >= {
        f"error:agent: {kind}"
        for kind in (
            *("ValueError", "FormatError", "ActionError", "SimulatorError", "CancelledError"),
            *("TimeoutError", "SystemExit"),
        )
    }


# --- what cannot be run -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "problem"),
    [
        (
            {"only": ("I1-inst-1", "nowhere", "x")},
            ConfigurationError,
            "no task nowhere, x among 48",
        ),
        ({"split": "I9"}, ConfigurationError, "no split 'I9'.*The splits are I1-cat"),
        ({"tasks": "missing.json"}, FormatError, "missing.json: There is no such file"),
        ({"tasks": "nowhere:tasks"}, ConfigurationError, "tasks.*cannot be imported"),
        ({"tasks": "json:loads"}, ConfigurationError, "gives no tasks"),
        ({"tasks": "toolenv.mini:mini_simulator"}, ConfigurationError, "gives no tasks"),
        ({"tasks": "os:listdir"}, ConfigurationError, "something else than tasks"),
        ({"agents": ("ract",)}, ConfigurationError, "Unknown agent: 'ract'"),
        ({"policies": ("randm",)}, ConfigurationError, "Unknown policy: 'randm'"),
        ({"simulator": ("snapshot:missing.snap",)}, SnapshotError, "no such file"),
        ({"simulator": ()}, ConfigurationError, "No simulator is given"),
        ({"seeds": (1, 2, 1)}, ConfigurationError, "2 episodes of the run have one name.*seed=1"),
        ({"agents": ("react", "react")}, ConfigurationError, "one name"),
        ({"only": ("I1-inst-1", "I1-inst-1")}, ConfigurationError, "one name"),
    ],
    ids=str,
)
def test_what_is_unknown_is_named_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], kind: type[ToolenvError], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        run(with_changes(RunConfiguration(), **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(JournalError, match="not an empty folder"):
        run(RunConfiguration(first=1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# --- going on -----------------------------------------------------------------------------------


def test_a_complete_run_is_resumed_to_the_same_bytes_without_doing_anything(
    tmp_path: Path,
) -> None:
    folder = run(EVERYTHING, tmp_path / "run").path
    results = (folder / "results.jsonl").read_bytes()
    journal = (folder / "journal.jsonl.zst").read_bytes()
    seen: list[Progress] = []
    run(EVERYTHING, folder, resume=True, report=seen.append)
    assert (folder / "results.jsonl").read_bytes() == results
    assert (folder / "journal.jsonl.zst").read_bytes() == journal
    assert [(one.done, one.total) for one in seen] == [(216, 216)]


def test_resuming_where_nothing_was_run_begins(tmp_path: Path) -> None:
    assert len(run(RunConfiguration(first=2), tmp_path / "run", resume=True).results()) == 2


def test_concurrency_and_recording_may_change_on_resume(tmp_path: Path) -> None:
    folder = run(EVERYTHING, tmp_path / "run").path
    other = with_changes(EVERYTHING, concurrency=1, record=str(tmp_path / "store"))
    assert len(run(other, folder, resume=True).results()) == 216


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seeds": (0, 1)}, "configuration.seeds"),
        ({"max_steps": 3}, "configuration.max_steps"),
        ({"agents": ("react",)}, "configuration.agents"),
        ({"policies": ("random",)}, "configuration.policies"),
        ({"first": 3}, r"tasks \(9 missing now"),
        ({"policy_calls": None}, "configuration.policy_calls"),
        ({"system_prompt": "Do it."}, "fingerprints.environment"),
    ],
    ids=str,
)
def test_resuming_with_another_configuration_is_refused_and_the_difference_named(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    folder = run(EVERYTHING, tmp_path / "run").path
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(JournalError, match=named):
        run(with_changes(EVERYTHING, **changes), folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# --- processes ----------------------------------------------------------------------------------


def test_ctrl_c_says_so_keeps_what_had_finished_and_can_be_resumed(tmp_path: Path) -> None:
    command = [
        *("run", "--out", str(tmp_path / "run"), "--max-steps", "40"),
        *("--policy", f"{BY_HAND}:Endless", "--policy", "random", "--concurrency", "4"),
        *("--first", "10", "--agent", "react"),
    ]
    process = start(*command)
    assert wait_until(lambda: finished(tmp_path / "run") >= 6, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err and "--resume" in err
    assert "Traceback" not in err + out
    kept = RunFolder.open(tmp_path / "run").finished()
    assert 6 <= len(kept) < 20
    done = toolenv(*command, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["results"]) == 20
    ends = Counter(row.get("record") for row in journal_of(tmp_path / "run"))
    assert ends["end"] == 20


def finished(folder: Path) -> int:
    try:
        return len(RunFolder.open(folder).finished())
    except JournalError:
        return 0


def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    command = [
        *("run", "--out", str(tmp_path / "run"), "--policy", f"{BY_HAND}:Endless"),
        *("--max-steps", "100000"),
    ]
    process = start(*command)
    assert wait_until(lambda: size(tmp_path / "run" / "manifest.json") > 0, process)
    try:
        second = toolenv(*command, "--resume")
        assert second.returncode == 2
        assert f"Process {process.pid} is already writing this run" in second.stderr
        fresh = toolenv(*command)
        assert fresh.returncode == 2 and "not an empty folder" in fresh.stderr
    finally:
        process.kill()
        process.communicate()
    assert RunFolder.open(tmp_path / "run").results() == []
