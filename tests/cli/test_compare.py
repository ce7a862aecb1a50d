"""``toolenv compare``, as typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.running.ranked_runs import at_least, written
from toolenv.episodes import Cost, Episode
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task


def test_differences_flips_and_where_to_look_are_told(here: Here, tmp_path: Path) -> None:
    here(
        "run --out run --policy local:toolenv.mini:KeywordPolicy --agent react --agent dfsdt",
        tmp_path,
    )
    done = here("compare run:react run:dfsdt", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "run: dfsdt keyword beside run: react keyword:" in lines
    (passed,) = (line for line in lines if line.startswith("passed "))
    assert " ".join(passed.split()) == "passed 62.5 79.2 +16.7 (+5 to +27) 0.0073 48"
    assert "run: react keyword: 48 episodes of 48 tasks, passed 62.5 (48–75)" in lines
    assert any(line.startswith("  I3-inst ") for line in lines)
    assert any(line.startswith("8 tasks pass more often: I1-cat-3 0/1→1/1, ") for line in lines)
    assert "0 tasks pass less often: none" in lines
    (shown, _) = (line for line in lines if line.startswith("  toolenv show "))
    assert here(shown.strip().removeprefix("toolenv "), tmp_path).returncode == 0
    found = json.loads(here("compare run --reference run:dfsdt --json", tmp_path).stdout)
    assert [side["agent"] for side in found["sides"]] == ["dfsdt", "react"]
    assert found["comparisons"][0]["lost"][0]["side"] == {"passed": [], "failed": [0]}


def test_tables_fit_eighty_columns(here: Here, tmp_path: Path) -> None:
    tasks = [Task(id=f"{n}", instruction="?", split="a split of a long name") for n in range(1200)]
    for name, tokens in (("one", 123_456), ("other", 1_234_567)):
        with RunFolder.create(tmp_path / name, tasks, sync="never") as run:
            for task in tasks:
                cost = Cost(policy_calls=tokens // 100, output_tokens=tokens, money=tokens / 7)
                run.journal.write(Episode(task, (), outcome="failed", cost=cost))
            run.write_results()
    done = here("compare one other", tmp_path)
    table = [line for line in done.stdout.splitlines() if " 1200" in line]
    assert len(table) >= 4 and max(map(len, table)) <= 80


def test_tables_are_left_as_markdown_and_csv(here: Here, tmp_path: Path) -> None:
    for name, passed in (("one", 1), ("other", 3)):
        written(tmp_path / name, at_least(passed), policies=[0], tasks=4)
    done = here("compare one other --tables tables", tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("tables: tables\n")
    with (tmp_path / "tables" / "differences.csv").open(newline="") as file:
        passed_row = next(row for row in csv.DictReader(file) if row["quantity"] == "passed")
    assert (passed_row["side"], passed_row["reference"], passed_row["tasks"]) == (
        "other",
        "one",
        "4",
    )
    assert [float(passed_row[name]) for name in ("reference mean", "side mean", "difference")] == [
        0.25,
        0.75,
        0.5,
    ]
    assert float(passed_row["difference low"]) < 0.5 < float(passed_row["difference high"])
    flips = (tmp_path / "tables" / "flips.md").read_text()
    assert "| other | one |  | task 1 | 0 | 1 | 1 | 0 |" in flips
    quiet = here("compare one other --tables tables --json", tmp_path)
    assert json.loads(quiet.stdout)["comparisons"]


def test_what_differs_is_named_as_it_was_given(here: Here, tmp_path: Path) -> None:
    mini = "local:toolenv.mini:mini_simulator"
    for name, simulator in (("one", mini), ("other", f"{mini}|truncate?characters=50")):
        here(f"run --out {name} --first 1 --simulator '{simulator}'", tmp_path)
    done = here("compare one other", tmp_path)
    assert done.returncode == 2
    assert f"simulator ({mini} [simulator-" in done.stderr
    assert f" and {mini}|truncate?characters=50 [simulator-" in done.stderr


def test_names_from_outside_do_nothing_to_the_terminal(here: Here, tmp_path: Path) -> None:
    for name in ("one", "other"):
        written(tmp_path / name, at_least(1), policies=[0], tasks=2, agent="[red]\x1b[2J")
    done = here("compare one other", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("compare nowhere", "nowhere: There is no such folder."),
        ("compare run", "There is nothing to compare run with."),
        ("compare run:nobody", "There is no 'nobody'."),
        ("compare run other", "simulator (simulator-1 and simulator-2)"),
        ("compare run other --by cluster", "Use one of task, tool"),
        ("compare run other --verdicts judge", "There is no such set of verdicts."),
        ("compare", "Missing argument"),
    ],
)
def test_what_does_not_compare_is_one_line(
    here: Here, tmp_path: Path, command: str, said: str
) -> None:
    written(tmp_path / "run", at_least(1), policies=[0], tasks=2)
    written(tmp_path / "other", at_least(1), policies=[0], tasks=2, simulator="simulator-2")
    done = here(command, tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
