"""``toolenv tasks leaks``: files and functions, levels, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from toolenv.cli.output import CANNOT, DIFFERS
from toolenv.formats import write_tasks
from toolenv.mini.benchmark import benchmark_tasks, train_tasks

TRAINING = "toolenv.mini.benchmark:train_tasks?count=40&seed=5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tasks(list(train_tasks(seed=5, count=40)), tmp_path / "train.json")
    write_tasks(benchmark_tasks("I1-cat")[:20], tmp_path / "test.jsonl")
    return tmp_path


def test_files_and_functions_are_compared(here: Here, folder: Path) -> None:
    for training in ("train.json", f'"{TRAINING}"'):
        done = here(f"tasks leaks {training} test.jsonl", folder)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().endswith("I1-cat: level cat, 20 tasks: holds")


def test_a_leak_is_named_and_ends_with_1(here: Here, folder: Path) -> None:
    done = here("tasks leaks train.json train.json --level tool", folder)
    assert done.returncode == DIFFERS
    assert "LEAKS" in done.stdout
    assert "leaks: instructions, sentence patterns, relevant APIs" in done.stdout


def test_json_has_every_kind(here: Here, folder: Path) -> None:
    done = here("tasks leaks train.json test.jsonl --unseen names --json", folder)
    (found,) = json.loads(done.stdout)
    assert (found["split"], found["level"], found["leaking"]) == ("I1-cat", "cat", [])
    assert {one["kind"] for one in found["shared"] if one["must_be_unseen"]} >= {"names"}


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("tasks leaks train.json test.jsonl --level tools", "inst, tool, cat"),
        ("tasks leaks train.json test.jsonl --unseen name", "names"),
        ("tasks leaks nowhere.json test.jsonl", "nowhere.json"),
        ("tasks leaks toolenv.mini.benchmark:nothing test.jsonl", "cannot be imported"),
        ('tasks leaks "toolenv.mini.benchmark:train_tasks?number=3" test.jsonl', "number"),
        ("tasks leaks test.jsonl train.json", "level"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    command: str, says: str, here: Here, folder: Path
) -> None:
    done = here(command, folder)
    assert done.returncode == CANNOT
    assert says in done.stderr
    assert done.stderr.count("\n") <= 3
