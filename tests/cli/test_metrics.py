from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running.ranked_runs import at_least, written
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run


def toolenv(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolenv", "metrics", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "80", "PATH": "", "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("runs")
    for name, policy in (("keyword", "local:toolenv.mini:KeywordPolicy"), ("random", "random")):
        run(RunConfiguration(policies=(policy,), first=8), place / name).close()
    return place / "keyword", place / "random"


def test_tables_fit_eighty_columns_and_say_how_much_they_are_of(runs: tuple[Path, Path]) -> None:
    done = toolenv(*runs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80 and "…" not in done.stdout
    assert "keyword: 8 episodes of 8 tasks" in lines
    assert any(line.split() == ["macro", "micro", "of"] for line in lines)
    assert "random less keyword, task by task:" in lines
    assert "not computable:" in done.stdout and "gold edges are not known: 8" in done.stdout
    assert "No labels of people were given" in done.stdout


def test_json_holds_the_same(runs: tuple[Path, Path]) -> None:
    done = toolenv(*runs, "--json", "--by", "tool")
    report = json.loads(done.stdout)
    assert report["clusters"] == "tool" and len(report["subjects"]) == 2
    figures = {one["metric"]: one for one in report["subjects"][0]["figures"]}
    assert figures["edge_f1"]["macro"] == {"value": None, "low": None, "high": None}
    assert figures["finish_rate"]["computable"] == 8
    assert toolenv(*runs, "--json", "--by", "tool").stdout == done.stdout


def test_labels_and_gold_are_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", at_least(3), policies=[0], tasks=5)
    labels = tmp_path / "labels.csv"
    rows = "".join(f"task {n},{'passed' if n < 2 else 'failed'},I3\n" for n in range(5))
    labels.write_text(f"task,label,split\n{rows}", encoding="utf-8")
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"task":"task 0","calls":[{"function":"f"}]}\n', encoding="utf-8")
    done = toolenv(folder.path, "--labels", labels, "--gold", gold)
    assert done.returncode == 0, done.stderr
    assert "agreement with people" in done.stdout and "+20.0" in done.stdout
    assert "No labels" not in done.stdout


def test_what_cannot_be_done_is_one_line(tmp_path: Path) -> None:
    for arguments in ([tmp_path / "none"], [tmp_path, "--by", "moon"]):
        done = toolenv(*arguments)
        assert done.returncode == 2 and done.stderr.startswith("error:") and not done.stdout
