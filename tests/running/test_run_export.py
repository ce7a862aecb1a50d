"""Runs become tables that other tools read, and that hold all of every step."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from tests.running.episodes_by_hand import episodes
from tests.running.ranked_runs import at_least, written
from toolenv.apis import Identity
from toolenv.episodes import Call, Episode, Response, Status, Step, Tokens
from toolenv.errors import FormatError, JournalError
from toolenv.formats.row_files import RowFormat, row_path
from toolenv.jsontext import parse
from toolenv.judging.verdicts import PassVerdict
from toolenv.message_records import read_message
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.results import result_of
from toolenv.running.run_export import export_runs
from toolenv.running.run_tables import EPISODES, STEPS, step_rows
from toolenv.running.runner import run
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet
from toolenv.tasks import Task

FORMATS: tuple[RowFormat, ...] = ("parquet", "jsonl", "datasets")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    configuration = RunConfiguration(
        agents=("react", "dfsdt"),
        policies=("random", "local:toolenv.mini:KeywordPolicy"),
        seeds=(0, 3),
        first=4,
        policy_calls=8,
    )
    return run(configuration, tmp_path_factory.mktemp("runs") / "made")


def table(out: Path, name: str, format: RowFormat) -> list[dict[str, Any]]:
    path = row_path(out, name, format)
    if format == "jsonl":
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    if format == "parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    import datasets

    return list(datasets.load_from_disk(str(path)))


def call_of(row: dict[str, Any]) -> tuple[Call, Response]:
    api = None
    if row["api_function"] is not None:
        api = Identity(row["api_function"], row["category"], row["tool"], row["api"])
    arguments: Any = None if row["arguments"] is None else parse(row["arguments"])
    code = row["status"]
    return (
        Call(row["function"], arguments, api, row["text"], row["invalid"] or "", row["id"]),
        Response(
            row["response"],
            Status(code) if code in set(Status) else code,
            row["source"],
            row["origin"],
            row["completeness"],
            row["recording"] or "",
            row["ordinal"],
        ),
    )


def step_of(row: dict[str, Any]) -> Step:
    """A step from its row alone."""
    tokens = row["tokens"] and Tokens(*(tuple(row["tokens"][name]) for name in Tokens._fields))
    answered = [call_of(one) for one in row["calls"]]
    return Step(
        row["parent"],
        row["rank"],
        read_message(parse(row["message"]))._replace(tokens=tokens),  # type: ignore[arg-type]
        tuple(call for call, _ in answered),
        tuple(response for _, response in answered),
        row["observation"],
        float("nan") if row["reward"] is None else row["reward"],
        row["ended"],
        None if row["state"] is None else parse(row["state"]),
    )


@pytest.mark.parametrize("format", FORMATS)
def test_each_episode_and_step_is_read_again(
    made: RunFolder, tmp_path: Path, format: RowFormat
) -> None:
    told: list[tuple[int, int]] = []
    found = export_runs(
        [made.path], tmp_path, format=format, report=lambda done, total: told.append((done, total))
    )
    assert (found.episodes, found.left_out) == (32, {}) and told[-1] == (32, 32)
    kept = {(one.task.id, one.agent, one.policy, one.seed): one for one in made.episodes()}
    rows = table(tmp_path, "episodes", format)
    keys = [(row["task"], row["agent"], row["policy"], row["seed"]) for row in rows]
    assert keys == sorted(kept)
    assert [list(row) for row in rows] == [list(EPISODES)] * 32
    steps: dict[Any, list[Step]] = {key: [] for key in keys}
    for row in table(tmp_path, "steps", format):
        key = (row["task"], row["agent"], row["policy"], row["seed"])
        assert list(row) == list(STEPS) and row["step"] == len(steps[key])
        assert row["chosen"] == (row["step"] in kept[key].branch.numbers())
        steps[key].append(step_of(row))
    for key, row in zip(keys, rows, strict=True):
        episode = kept[key]
        result = result_of(episode)
        assert tuple(steps[key]) == episode.steps
        assert row["run"] == "made" and row["split"] == episode.task.split
        assert row["instruction"] == episode.task.instruction
        assert row["environment_fingerprint"] == episode.fingerprints["environment"]
        assert row["agent_fingerprint"] == episode.fingerprints["agent"]
        assert (row["outcome"], row["answer"]) == (result.outcome, result.answer)
        assert row["chosen_step"] == episode.chosen
        assert json.loads(row["calls_by_source"]) == result.calls_by_source
        assert {name: row[name] for name in result.cost._fields} == result.cost._asdict()
    assert found.steps == sum(map(len, steps.values()))


def answered(step: Step) -> Step:
    """The step with one response to each call."""
    count = min(len(step.calls), len(step.responses))
    return step._replace(calls=step.calls[:count], responses=step.responses[:count])


@given(episodes())
@settings(max_examples=25, deadline=None)
def test_any_step_is_held_whole(episode: Episode) -> None:
    steps = tuple(map(answered, episode.steps))
    assert tuple(step_of(row) for row in step_rows("run", replace(episode, steps=steps))) == steps


@pytest.mark.parametrize("format", FORMATS)
def test_equal_runs_give_equal_bytes(made: RunFolder, tmp_path: Path, format: RowFormat) -> None:
    again = RunConfiguration.model_validate({**made.manifest.configuration, "concurrency": 3})
    other = run(again, tmp_path / "made")
    for name, folder in (("one", made), ("other", other)):
        export_runs([folder.path], tmp_path / name, format=format)
    one, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "other")
    )
    assert one == second and Path("README.md") in one


def test_load_dataset_reads_each_table_by_name(made: RunFolder, tmp_path: Path) -> None:
    import datasets

    export_runs([made.path], tmp_path / "out")
    found = {
        name: datasets.load_dataset(
            str(tmp_path / "out"), name, split="train", cache_dir=str(tmp_path / "cache")
        )
        for name in ("episodes", "steps")
    }
    assert len(found["episodes"]) == 32
    assert found["steps"].features["calls"].feature["arguments"].dtype == "string"


def test_the_card_says_what_made_the_rows(made: RunFolder, tmp_path: Path) -> None:
    export_runs([made.path], tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert made.manifest.fingerprints["environment"] in card
    assert '"toolenv:mini' not in card and '"policies": [' in card
    assert "32 episodes" in card


def test_runs_of_one_name_are_told_apart_and_verdicts_stand_beside(tmp_path: Path) -> None:
    runs = [
        written(tmp_path / name / "run", at_least(1), policies=[0], tasks=2) for name in ("a", "b")
    ]
    verdict = PassVerdict(
        task="task 1", agent="react", policy="policy 0", decision="passed", tree="any", votes=()
    )
    for one in runs:
        VerdictSet(one.path, "judge").write([verdict], VerdictManifest(kind="pass"))
    export_runs([one.path for one in runs], tmp_path / "out", format="jsonl", verdicts="judge")
    rows = table(tmp_path / "out", "episodes", "jsonl")
    assert [(row["run"], row["outcome"], row["verdict"]) for row in rows] == [
        (str(one.path), outcome, said)
        for one in runs
        for outcome, said in (("passed", None), ("failed", "passed"))
    ]
    with pytest.raises(JournalError, match="no such set"):
        export_runs([runs[0].path], tmp_path / "out", verdicts="another")


def test_a_row_says_which_attempt_it_is_of(tmp_path: Path) -> None:
    task = Task(id="1", instruction="?")
    with RunFolder.create(tmp_path / "run", [task]) as one:
        for outcome in ("infrastructure_error", "passed"):
            one.journal.write(Episode(task, (), outcome=outcome))
    export_runs([tmp_path / "run"], tmp_path / "out", format="jsonl")
    (row,) = table(tmp_path / "out", "episodes", "jsonl")
    assert (row["outcome"], row["attempt"]) == ("passed", 2)


def test_nothing_finished_is_said_and_nothing_written(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", [Task(id="1", instruction="?")]):
        pass
    with pytest.raises(FormatError, match="No episode has finished"):
        export_runs([tmp_path / "run"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
