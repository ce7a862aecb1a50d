"""``toolenv export``, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Here


def test_a_run_is_written_and_counted(here: Here, tmp_path: Path) -> None:
    here("run --out run --first 3", tmp_path)
    done = here("export run --out out", tmp_path)
    assert done.returncode == 0, done.stderr
    steps = pq.read_table(tmp_path / "out" / "steps.parquet").num_rows
    assert done.stdout == f"3 episodes, {steps} steps: out\n"
    assert pq.read_table(tmp_path / "out" / "episodes.parquet").num_rows == 3
    refused = here("export run --out out", tmp_path)
    assert refused.returncode == 2
    assert "out: Is not an empty folder. Name another folder, or write over" in refused.stderr
    again = here("export run --out out --format jsonl --json --replace", tmp_path)
    assert json.loads(again.stdout) == {
        "folder": "out",
        "episodes": 3,
        "steps": steps,
        "left_out": {},
    }


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export nowhere --out out", "nowhere: There is no such folder."),
        ("export run --out out --format parket", "Did you mean parquet?"),
        ("export run --out run/manifest.json", "Cannot be written"),
        ("export run", "Missing option '--out'"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    here: Here, tmp_path: Path, command: str, said: str
) -> None:
    here("run --out run --first 1", tmp_path)
    done = here(command, tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr
