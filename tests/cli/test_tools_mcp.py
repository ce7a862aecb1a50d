"""``toolenv tools import mcp:…``: an MCP server's tools become a file of tasks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.cli.conftest import Here
from toolenv.formats import read_tasks

SERVER = Path(__file__).parents[1] / "simulators" / "mcp_servers" / "hostile.py"
COMMAND = f"mcp:{sys.executable} {SERVER}"


def test_its_tools_are_written_with_their_schemas(here: Here, tmp_path: Path) -> None:
    options = "--out tasks.jsonl --instruction 'Behave.' --tool Mine --category Own --json"
    done = here(f"tools import '{COMMAND} healthy?timeout=20' {options}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["written"] == ["tasks.jsonl"]
    (task,) = read_tasks(tmp_path / "tasks.jsonl")
    assert task.instruction == "Behave."
    assert list(task.named_apis) == ["misbehave_for_mine", "behave_for_mine"]
    api = task.named_apis["behave_for_mine"]
    assert (api.category, api.tool, api.changes_state) == ("Own", "Mine", False)
    assert api.parameters[0].json_schema == {}


def test_a_server_that_lists_nothing_is_one_line(here: Here, tmp_path: Path) -> None:
    done = here(f"tools import '{COMMAND} exits' --out tasks.jsonl", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no licence" in done.stderr
    assert not (tmp_path / "tasks.jsonl").exists()
