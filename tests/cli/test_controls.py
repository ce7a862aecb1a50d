"""``toolenv controls``: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Here
from toolenv.formats import write_tasks
from toolenv.tasks import Check, Task


def test_the_embedded_world_in_one_command(tmp_path: Path, here: Here) -> None:
    done = here("controls --split I3-inst --out run", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("oracle: 100.0% (")
    assert [line.partition(":")[0] for line in lines[1:4]] == ["noisy oracle", "random", "nothing"]
    assert any("order" in line and "controls" in line for line in lines)
    assert lines[-1] == "run: run"


def test_figures_as_json_and_a_broken_benchmark(tmp_path: Path, here: Here) -> None:
    check = Check.model_validate(
        {
            "kind": "not",
            "checks": [{"kind": "contains", "value": "x"}],
            "examples": {"right": ["y"]},
        }
    )
    away = [Task(id=f"{n}", instruction=f"Stay away. {n}", check=check) for n in range(30)]
    write_tasks(away, tmp_path / "tasks.json")
    done = here("controls --tasks tasks.json --out run --json", tmp_path)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == "broken" and found["tasks"] == 30


def test_what_cannot_be_done_is_one_line(tmp_path: Path, here: Here) -> None:
    for command, problem in [
        ("controls --tasks none.json --out run", "none.json"),
        ("controls --noise 2 --out run", "between 0 and 1"),
        ("controls --only nowhere --out run", "nowhere"),
    ]:
        done = here(command, tmp_path)
        assert done.returncode == 2, command
        assert problem in done.stderr and len(done.stderr.strip().splitlines()) <= 3, done.stderr
