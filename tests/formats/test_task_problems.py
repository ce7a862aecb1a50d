"""Task files that people write: APIs said once, and everything that is wrong named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import read_tasks, write_tasks
from toolenv.formats.openapi import read_apis
from toolenv.formats.task_problems import find_problems
from toolenv.tasks import Check, Examples, Task

APIS = (
    API(tool="Shop", name="list"),
    API(tool="Shop", name="show", parameters=(Parameter(name="id", required=True),)),
)
TASKS = [
    Task(id="a", instruction="Which?", apis=APIS, split="mini"),
    Task(
        id="b",
        instruction="What?",
        apis=APIS[1:],
        check=Check(kind="quantity", value=3, examples=Examples(right=("3",), wrong=("4",))),
    ),
]


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl"])
def test_apis_are_written_once_and_read_for_every_task(name: str, tmp_path: Path) -> None:
    spare = API(tool="Shop", name="spare")
    write_tasks(TASKS, tmp_path / name, shared=[spare])
    text = (tmp_path / name).read_text()
    assert text.count('"show"') == 1
    tasks = read_tasks(tmp_path / name)
    assert [(task.id, task.check, task.split) for task in tasks] == [
        (task.id, task.check, task.split) for task in TASKS
    ]
    assert tuple(tasks[1].apis) == APIS[1:]
    assert tuple(tasks[0].apis) == APIS
    assert read_apis(tmp_path / name) == list(APIS)
    assert find_problems(tmp_path / name) == (tasks, [])


def written(tmp_path: Path, *records: Any, apis: Any = None) -> Path:
    path = tmp_path / "tasks.json"
    head = {"format": "toolenv-tasks", "version": 1, "tasks": list(records)}
    shared = [api.model_dump(mode="json") for api in APIS] if apis is None else apis
    path.write_text(json.dumps({**head, "apis": shared}))
    return path


def test_a_record_offers_what_it_names_or_everything(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "1", "instruction": "q"},
        {"id": "2", "instruction": "q", "offers": ["show_for_shop"]},
        {"id": "3", "instruction": "q", "offers": ["show", "list"]},
        {"id": "4", "instruction": "q", "apis": []},
    )
    assert [[api.name for api in task.apis] for task in read_tasks(path)] == [
        ["list", "show"],
        ["show"],
        ["show", "list"],
        [],
    ]


def test_everything_that_is_wrong_is_named_with_its_place_and_cure(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "1", "instruction": "q"},
        {"id": "1", "instruction": " "},
        {"id": 3, "check": {"kind": 3}},
        {"id": "4", "instruction": "q", "offers": ["shaw"]},
        {"id": "5", "instruction": "q", "offers": "show"},
        {"id": "6", "instruction": "q", "ofers": ["show"], "difficulty": 3},
        {"id": "7", "instruction": "q", "check": {"kind": "date", "value": "x"}},
        "text",
    )
    tasks, problems = find_problems(path)
    assert [task.id for task in tasks] == ["1", "1", "6", "7"]
    assert [(problem.where, bool(problem.fix)) for problem in problems] == [
        ("tasks.json.tasks[1].id", True),
        ("tasks.json.tasks[1].instruction", True),
        ("tasks.json.tasks[2].id", False),
        ("tasks.json.tasks[2].instruction", True),
        ("tasks.json.tasks[2].check.kind", False),
        ("tasks.json.tasks[3].offers[0]", True),
        ("tasks.json.tasks[4].offers", False),
        ("tasks.json.tasks[5].ofers", True),
        ("tasks.json.tasks[6].check.value", True),
        ("tasks.json.tasks[7]", False),
    ]
    with pytest.raises(FormatError):
        read_tasks(path)


def test_lines_are_named_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    write_tasks(TASKS, path, shared=[])
    path.write_text(path.read_text() + '{"id": "c"}\n{torn\n')
    tasks, problems = find_problems(path)
    assert len(tasks) == 2
    assert [problem.where for problem in problems] == [
        "tasks.jsonl:4.instruction",
        "tasks.jsonl:5",
    ]


def test_malformed_shared_apis_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as error:
        find_problems(written(tmp_path, apis=[{"tool": "x"}]))
    assert error.value.where == "tasks.json.apis[0].name"


def test_an_empty_file_of_tasks_is_a_problem(tmp_path: Path) -> None:
    tasks, (problem,) = find_problems(written(tmp_path))
    assert (tasks, problem.what) == ([], "There are no tasks.")


def test_an_instruction_file_is_looked_into(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = tmp_path / "G1.json"
    path.write_text(json.dumps([entry, {"query": ""}]))
    tasks, problems = find_problems(path)
    assert (len(tasks), len(problems)) == (1, 1)
    assert problems[0].where.startswith("G1.json")
