"""``toolenv compare-agents``, as typed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Here

COMMAND = "compare-agents --policy local:toolenv.mini:KeywordPolicy --first 8 --out out"


def test_it_prints_a_table_and_leaves_curves_and_figures(here: Here, tmp_path: Path) -> None:
    done = here(COMMAND, tmp_path)
    assert done.returncode == 0, done.stderr
    for agent in ("react", "react@n", "tot-bfs", "tot-dfs", "dfsdt"):
        assert f"│ {agent} " in done.stdout
    assert "headroom: " in done.stdout and done.stdout.endswith("runs: out\n")
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"]
    assert [row["agent"] for row in rows] == ["react", "react@n", "tot-bfs", "tot-dfs", "dfsdt"]
    assert (tmp_path / "out" / "curves.svg").read_text().startswith("<svg ")


def test_done_again_with_its_completions_it_comes_to_the_same(here: Here, tmp_path: Path) -> None:
    here(COMMAND, tmp_path)
    first = (tmp_path / "out" / "comparison.json").read_bytes()
    done = here(f"{COMMAND} --resume", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "comparison.json").read_bytes() == first


def test_an_unknown_agent_is_one_line(here: Here, tmp_path: Path) -> None:
    done = here(f"{COMMAND} --agent reakt", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: Unknown agent: 'reakt'.")
    assert "Traceback" not in done.stderr


def test_money_needs_prices(here: Here, tmp_path: Path) -> None:
    done = here("run --out run --money 1", tmp_path)
    assert done.returncode == 2 and "--prices" in done.stderr
    (tmp_path / "prices.toml").write_text("[models.random]\ninput = 1\noutput = 1\n")
    done = here("run --out run --money 1 --prices prices.toml --first 2", tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_run_is_replayed_from_its_completions(here: Here, tmp_path: Path) -> None:
    options = "--policy random --agent dfsdt --policy-calls 8 --first 4"
    assert here(f"run --out one {options} --completions said", tmp_path).returncode == 0
    assert here("snapshot freeze said --out said.snap", tmp_path).returncode == 0
    assert here(f"run --out two {options} --completions said.snap", tmp_path).returncode == 0
    results = [(tmp_path / name / "results.jsonl").read_bytes() for name in ("one", "two")]
    assert results[0] == results[1]
    other = here(f"run --out three {options} --seed 5 --completions said.snap --json", tmp_path)
    outcomes = {row["outcome"] for row in json.loads(other.stdout)["results"]}
    assert outcomes == {"infrastructure_error"}
