"""What a manifest says of how and where a run was made."""

from __future__ import annotations

import getpass
import json
import platform
from datetime import datetime
from pathlib import Path

from toolenv.running.configuration import RunConfiguration
from toolenv.running.configuration_files import configure
from toolenv.running.runner import run

CONFIGURATION = RunConfiguration(
    policies=("local:toolenv.mini:KeywordPolicy",), first=6, concurrency=3, seeds=(4,)
)


def test_it_echoes_the_whole_configuration(tmp_path: Path) -> None:
    manifest = run(CONFIGURATION, tmp_path / "run").manifest
    again = configure(manifest.settings())
    assert again.model_copy(update={"offline": None}) == CONFIGURATION
    assert "concurrency" not in manifest.configuration


def test_it_counts_what_the_episodes_came_to_and_cost(tmp_path: Path) -> None:
    folder = run(CONFIGURATION, tmp_path / "run")
    rows = folder.results()
    counts, costs = folder.manifest.counts, folder.manifest.costs
    assert (counts["tasks"], counts["planned"], counts["episodes"]) == (6, 6, 6)
    for outcome in ("passed", "failed", "unsure", "infrastructure_error"):
        assert counts[outcome] == sum(row.outcome == outcome for row in rows)
    for name in ("policy_calls", "api_calls", "input_tokens"):
        assert costs[name] == sum(getattr(row.cost, name) for row in rows)


def test_each_session_says_when_where_and_with_what(tmp_path: Path) -> None:
    folder = run(CONFIGURATION, tmp_path / "run")
    other = CONFIGURATION.model_copy(update={"concurrency": 1})
    first, second = run(other, folder.path, resume=True).manifest.sessions
    assert (first.settings["concurrency"], second.settings["concurrency"]) == (3, 1)
    assert (first.episodes, second.episodes) == (6, 0)
    assert first.host["system"] == platform.system()
    assert {"toolenv", "python", "pydantic"} <= first.versions.keys()
    began, ended = map(datetime.fromisoformat, (first.began, first.ended))
    assert began.utcoffset() == ended.utcoffset() and began <= ended
    text = (folder.path / "manifest.json").read_text()
    assert platform.node() not in json.dumps(first.host)
    assert f'"{getpass.getuser()}"' not in text


def test_results_are_equal_whatever_is_measured(tmp_path: Path) -> None:
    one, other = (run(CONFIGURATION, tmp_path / name).path for name in "ab")
    assert (one / "results.jsonl").read_bytes() == (other / "results.jsonl").read_bytes()
