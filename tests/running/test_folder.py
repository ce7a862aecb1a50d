from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.running.episodes_by_hand import chain, episodes
from toolenv.apis import API, Parameter
from toolenv.episodes import Episode
from toolenv.errors import JournalError
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.tasks import Check, Task

TASKS = [
    Task.model_validate(
        {
            "id": name,
            "instruction": "What is the weather in Zürich?\u2028\ud800",
            "apis": (API(name="search", tool="Weather", parameters=(Parameter(name="city"),)),),
            "check": Check(kind="contains", value="21"),
            "split": "I1",
            "a key that nobody knows": [1, 2**70],
        }
    )
    for name in ("b", "a", "../../x")
]
SETTINGS: dict[str, JsonValue] = {"agent": "dfsdt", "limits": {"steps": 12}}
PRINTS = {"environment": "environment-1", "agent": "agent-1"}


def every_episode() -> list[Episode]:
    return [
        chain(task, 3, agent=agent, seed=seed, fingerprints=PRINTS)
        for task in TASKS
        for agent in ("react", "dfsdt")
        for seed in (10, 9)
    ]


def test_a_run_is_written_and_read_back(tmp_path: Path) -> None:
    with RunFolder.create(
        tmp_path / "run", TASKS, configuration=SETTINGS, fingerprints=PRINTS
    ) as run:
        for episode in every_episode():
            run.journal.write(episode)
            run.write_times(EpisodeKey.of(episode), {"seconds": 0.5})
        run.write_results()
    run = RunFolder.open(tmp_path / "run")
    assert list(run.tasks.values()) == TASKS
    assert list(run.episodes()) == every_episode()
    assert run.finished() == {EpisodeKey.of(episode) for episode in every_episode()}
    assert run.episode("a", "react", "script", 9) == chain(
        TASKS[1], 3, agent="react", seed=9, fingerprints=PRINTS
    )
    assert run.episode("a", "react", "script", 11) is None
    assert run.manifest.counts == {"tasks": 3, "episodes": 12}
    assert run.manifest.configuration == SETTINGS
    times = [json.loads(line) for line in (run.path / "times.jsonl").open()]
    assert len(times) == 12 and times[0]["seconds"] == 0.5
    with pytest.raises(JournalError, match="reading only"):
        _ = run.journal


def test_results_are_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    written: set[bytes] = set()
    for attempt in range(3):
        done = every_episode()
        random.Random(attempt).shuffle(done)
        with RunFolder.create(tmp_path / str(attempt), TASKS) as run:
            for episode in done[:5]:
                run.journal.write(episode)
            run.journal.begin(EpisodeKey.of(done[5])).step(done[5].steps[0])
        with RunFolder.open_for_resume(tmp_path / str(attempt), TASKS) as run:
            for episode in done:
                if EpisodeKey.of(episode) not in run.journal.finished():
                    run.journal.write(episode)
            run.write_results()
        written.add((run.path / "results.jsonl").read_bytes())
    (only,) = written
    rows = [json.loads(line) for line in only.splitlines()]
    keys = [(row["task"], row["agent"], row["policy"], row["seed"]) for row in rows]
    assert keys == sorted(keys) and len(keys) == 12
    assert rows[0]["calls_by_source"] == {"environment": 1, "snapshot": 2}
    assert rows[0]["answer"] == "21 °C"


@given(st.lists(episodes("1"), max_size=5))
@settings(max_examples=30, deadline=None)
def test_results_are_read_back_as_written(done: list[Episode]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        task = Task(id="1", instruction="?")
        with RunFolder.create(Path(folder, "run"), [task]) as run:
            for episode in done:
                run.journal.write(episode)
            from_journal = run.results()
            run.write_results()
        assert RunFolder.open(Path(folder, "run")).results() == from_journal
        assert len(from_journal) == len({EpisodeKey.of(episode) for episode in done})


def test_the_last_finished_attempt_counts(tmp_path: Path) -> None:
    failed = chain(TASKS[0], outcome="infrastructure_error", ended="error:timeout")
    with RunFolder.create(tmp_path / "run", TASKS) as run:
        run.journal.write(failed)
        run.journal.write(chain(TASKS[0]))
        assert [episode.outcome for episode in run.episodes()] == ["passed"]
        assert list(run.outcomes().values()) == ["passed"]


def test_what_is_unfinished_is_seen_on_request(tmp_path: Path) -> None:
    episode = chain(TASKS[0])
    with RunFolder.create(tmp_path / "run", TASKS, durability="step") as run:
        run.journal.begin(EpisodeKey.of(episode)).step(episode.steps[0])
    run = RunFolder.open(tmp_path / "run")
    assert list(run.episodes()) == []
    assert [seen.steps for seen in run.unfinished()] == [episode.steps[:1]]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"configuration": {**SETTINGS, "limits": {"steps": 20}}}, "limits.steps (12 in the run"),
        ({"configuration": {"agent": "dfsdt"}}, "configuration.limits ({"),
        ({"fingerprints": {**PRINTS, "agent": "agent-2"}}, 'fingerprints.agent ("agent-1" in'),
        ({"fingerprints": {**PRINTS, "judge": "j"}}, "fingerprints.judge (not set in the run"),
        ({"tasks": TASKS[:2]}, 'tasks (1 missing now, such as "../../x")'),
        ({"tasks": [*TASKS, Task(id="c", instruction="?")]}, 'tasks (1 new, such as "c")'),
        ({"tasks": [*TASKS[:2], Task(id="../../x", instruction="?")]}, "tasks (1 changed"),
        ({"tasks": TASKS[::-1]}, "tasks (in another order)"),
    ],
)
def test_a_different_run_is_not_resumed(
    tmp_path: Path, changed: dict[str, object], named: str
) -> None:
    same: dict[str, object] = {
        "tasks": TASKS,
        "configuration": SETTINGS,
        "fingerprints": PRINTS,
    }
    RunFolder.create(tmp_path / "run", **same).close()  # type: ignore[arg-type]
    RunFolder.open_for_resume(tmp_path / "run", **same).close()  # type: ignore[arg-type]
    with pytest.raises(JournalError) as caught:
        RunFolder.open_for_resume(tmp_path / "run", **{**same, **changed})  # type: ignore[arg-type]
    assert named in str(caught.value)


LARGER: dict[str, object] = {
    "tasks": [Task(id="new", instruction="?"), *TASKS],
    "configuration": {"seeds": [9, 10, 11], "agents": ["react", "dfsdt"], "first": 4, "limit": 3},
    "fingerprints": {"environment": "environment-2", "agent": "agent-1", "agent 2": "agent-2"},
    "environment": {"tasks": "tasks-2", "simulator": "s"},
}
SMALLER: dict[str, object] = {
    "tasks": TASKS,
    "configuration": {"seeds": [9, 10], "agents": ["react"], "first": None, "limit": 3},
    "fingerprints": {"environment": "environment-1", "agent": "agent-1"},
    "environment": {"tasks": "tasks-1", "simulator": "s"},
}


def test_a_run_can_be_extended_to_the_bytes_of_one_begun_that_way(tmp_path: Path) -> None:
    tasks = LARGER["tasks"]
    assert isinstance(tasks, list)
    done = [
        chain(task, 3, agent=agent, seed=seed)
        for task in tasks
        for agent in ("react", "dfsdt")
        for seed in (9, 10, 11)
    ]
    with RunFolder.create(tmp_path / "whole", **LARGER) as run:  # type: ignore[arg-type]
        for episode in done:
            run.journal.write(episode)
        run.write_results()
    with RunFolder.create(tmp_path / "grown", **SMALLER) as run:  # type: ignore[arg-type]
        for episode in done:
            if episode.task.id != "new" and episode.agent == "react" and episode.seed < 11:
                run.journal.write(episode)
        run.write_results()
    with pytest.raises(JournalError, match="would be a different run"):
        RunFolder.open_for_resume(tmp_path / "grown", **LARGER)  # type: ignore[arg-type]
    with RunFolder.open_for_resume(tmp_path / "grown", extend=True, **LARGER) as run:  # type: ignore[arg-type]
        assert len(run.journal.finished()) == 6
        for episode in done:
            if EpisodeKey.of(episode) not in run.journal.finished():
                run.journal.write(episode)
        run.write_results()
    for name in ("results.jsonl", "manifest.json", "tasks.jsonl"):
        assert (tmp_path / "grown" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    RunFolder.open_for_resume(tmp_path / "grown", **LARGER).close()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"configuration": {"seeds": [10, 11], "agents": ["react"], "limit": 3}}, "without [9]"),
        ({"configuration": {"seeds": [9, 10], "agents": ["react"], "limit": 4}}, "limit (3 in"),
        ({"fingerprints": {"environment": "environment-1"}}, "fingerprints.agent"),
        ({"environment": {"tasks": "tasks-2", "simulator": "other"}}, "environment.simulator"),
        ({"tasks": TASKS[1:]}, "1 missing now"),
        ({"tasks": [*TASKS[1:], Task(id="b", instruction="other")]}, "1 changed"),
    ],
)
def test_extending_takes_nothing_away(
    tmp_path: Path, changed: dict[str, object], named: str
) -> None:
    RunFolder.create(tmp_path / "run", **SMALLER).close()  # type: ignore[arg-type]
    before = (tmp_path / "run" / "manifest.json").read_bytes()
    with pytest.raises(JournalError) as caught:
        RunFolder.open_for_resume(tmp_path / "run", extend=True, **{**SMALLER, **changed})  # type: ignore[arg-type]
    assert named in str(caught.value)
    assert (tmp_path / "run" / "manifest.json").read_bytes() == before


def test_two_writers_of_one_folder(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", TASKS):
        with pytest.raises(JournalError, match="is already writing this run"):
            RunFolder.open_for_resume(tmp_path / "run", TASKS)
        assert list(RunFolder.open(tmp_path / "run").episodes()) == []


def test_only_an_empty_folder_becomes_a_run(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", TASKS).close()
    with pytest.raises(JournalError, match="not an empty folder") as caught:
        RunFolder.create(tmp_path / "run", TASKS)
    assert "Resume the run" in caught.value.fix
    (tmp_path / "run" / "manifest.json").unlink()  # as a crash while creating leaves it
    RunFolder.create(tmp_path / "run", TASKS).close()
    with pytest.raises(JournalError, match="not a run folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(JournalError, match="Two tasks have the id 'b'"):
        RunFolder.create(tmp_path / "twice", [TASKS[0], TASKS[0]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_newer_folder_says_so(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", TASKS).close()
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(JournalError, match="toolenv-run 2; this version reads"):
        RunFolder.open(tmp_path / "run")
    manifest.write_text("{")
    with pytest.raises(JournalError, match="Is not a manifest"):
        RunFolder.open(tmp_path / "run")


def test_names_from_data_never_become_paths(tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with RunFolder.create(tmp_path / "run", TASKS) as run:
        run.journal.write(chain(TASKS[2], agent="../../agent", policy="/etc/passwd"))
        run.write_results()
    assert set(tmp_path.iterdir()) - before == {tmp_path / "run"}
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "journal.index",
        "journal.jsonl.zst",
        "journal.lock",
        "manifest.json",
        "results.jsonl",
        "tasks.jsonl",
    ]


def test_results_of_a_damaged_file_name_the_line(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", TASKS) as run:
        run.write_results()
    (tmp_path / "run" / "results.jsonl").write_text('{"task": "1"}\n')
    with pytest.raises(JournalError) as caught:
        RunFolder.open(tmp_path / "run").results()
    assert caught.value.where.endswith("results.jsonl:1")
