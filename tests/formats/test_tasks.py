"""Task files: ours in two forms, ToolBench's, and everything that is neither."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer, read_tasks, write_tasks
from toolenv.tasks import Check, Task

TASKS = [
    Task(
        id="a",
        instruction="Wie warm ist es in Zürich? \ud800",
        apis=(API(tool="Weather", name="now", parameters=(Parameter(name="city"),)),),
        relevant=(("Weather", "now"),),
        check=Check(kind="number", value=3.5, tolerance=0.1),
        split="mini",
    ),
    Task(id="b", instruction="q").model_copy(update={"difficulty": 3}),
]


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_our_files_are_read_as_they_were_written(name: str, tmp_path: Path) -> None:
    write_tasks(TASKS, tmp_path / name)
    report = ReadReport()
    assert read_tasks(tmp_path / name, report=report) == TASKS
    assert report.read == 2
    write_tasks([], tmp_path / name)
    assert read_tasks(tmp_path / name) == []


@pytest.mark.parametrize("count", [1, 2])
def test_lines_of_tasks_alone_are_read_as_in_a_runs_folder(count: int, tmp_path: Path) -> None:
    write_tasks(TASKS[:count], tmp_path / "whole.jsonl")
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join((tmp_path / "whole.jsonl").read_text().splitlines(True)[1:]))
    assert read_tasks(path) == TASKS[:count]
    with path.open("a") as file:
        file.write('{"id": "c"}\n')
    with pytest.raises(FormatError) as error:
        read_tasks(path)
    assert error.value.where.startswith(f"tasks.jsonl:{count + 1}")


def test_an_instruction_file_is_recognised(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = tmp_path / "G1.json"
    path.write_text(json.dumps([entry, {"query": ""}]))
    report = ReadReport()
    (task,) = read_tasks(path, skip_bad=True, report=report)
    assert (task.id, task.split, report.total) == ("7", "G1", 2)
    write_tasks([task], tmp_path / "ours.json")
    assert read_tasks(tmp_path / "ours.json") == [task]


def test_tasks_of_answer_files_are_written_too(data: Path, tmp_path: Path) -> None:
    path = data / "toolbench/answer/G1_answer/10_ChatGPT_DFS_woFilter_w2.json"
    task = read_answer(path).task
    write_tasks([task], tmp_path / "ours.json")
    assert read_tasks(tmp_path / "ours.json") == [task]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("{", "not JSON"),
        ("3", "no file of tasks"),
        ('{"answer_generation": {}}', "read_answer"),
        ('{"1": {"query": "q", "answer": {}}}', "read_converted"),
        ('{"1": 0}', "read_query_ids"),
        ('{"format": "toolenv-tasks", "version": 2}', "version 2"),
        ('{"format": "toolenv-tasks", "version": 1, "tasks": 3}', "Expected a list"),
        ('{"format": "other"}\n{"id": "a"}\n', "not JSON"),
    ],
)
def test_other_files_are_refused_with_a_hint(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as error:
        read_tasks(path, skip_bad=True)
    assert error.value.where.startswith("x.json")


def test_missing_files_and_folders_are_refused_with_a_fix(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(FormatError) as error:
            read_tasks(path)
        assert error.value.fix


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_bad_records_are_named_and_skipped(name: str, tmp_path: Path) -> None:
    write_tasks(TASKS, tmp_path / name)
    text = (tmp_path / name).read_text()
    bad = '{"id":"c"}'
    if name.endswith("l"):
        text += f"{bad}\n{{torn\n[]\n" + text.splitlines()[2] + "\n"
    else:
        record = json.loads(text)["tasks"][1]
        text = json.dumps(
            {**json.loads(text), "tasks": [*json.loads(text)["tasks"], {}, 3, record]}
        )
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError):
        read_tasks(tmp_path / name)
    report = ReadReport()
    assert read_tasks(tmp_path / name, skip_bad=True, report=report) == TASKS
    assert len(report.skipped) == (4 if name.endswith("l") else 3)
    assert all(skipped.where and skipped.why for skipped in report.skipped)
