"""Published tables on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.judging import published_figures as published
from toolenv.cli.main import app
from toolenv.judging.published_tables import TableRow


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["tables", *words])


def written(rows: list[TableRow], path: Path) -> str:
    columns = [f"c{place}" for place in range(len(rows[0].cells))]
    lines = [["model", *columns, "avg"], *([row.name, *row.cells, row.average] for row in rows)]
    path.write_text("".join(f"{','.join(line)}\n" for line in lines), "utf-8")
    return str(path)


def test_averages_that_do_not_follow_are_named(tmp_path: Path) -> None:
    found = run(written(published.SOWR, tmp_path / "sowr.csv"), "--json")
    assert found.exit_code == 1
    assert json.loads(found.output)["wrong"] == ["dfs/ToolLLaMA"]
    shown = run(str(tmp_path / "sowr.csv"))
    assert "1 of" in shown.output and "does not follow" in shown.output


def test_a_table_that_is_right_says_so(tmp_path: Path) -> None:
    found = run(written(published.FAC, tmp_path / "fac.csv"))
    assert found.exit_code == 0
    assert "0 of 6 printed averages do not follow from their rows" in found.output


def test_a_judge_beside_people(tmp_path: Path) -> None:
    found = run(
        written(published.JUDGE_PASS, tmp_path / "judge.csv"),
        *("--people", written(published.PEOPLE_PASS, tmp_path / "people.csv"), "--json"),
    )
    leniency = json.loads(found.output)["leniency"]
    assert round(leniency["overall"], 1) == 3.2
    assert round(leniency["by_split"]["c5"], 1) == 9.7


def test_deviations_and_percent_signs_are_left_out(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("model,a,b,Mean\nx,50.0±1.1,60.0 %,55.0 ± 0.3\n\n", "utf-8")
    assert json.loads(run(str(table), "--json").output)["rows"] == [
        {"name": "x", "printed": "55.0", "mean": "55"}
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no figures"),
        ("model,a\n", "has no rows"),
        ("model,a,b\nx,1\n", "Has 2 cells under a header of 3"),
        ("model,a\nx,1\nx,2\n", "stands twice"),
        ("model,a\nx,many\n", "'many' is no figure"),
        ("model,a\nx,nan\n", "'nan' is no figure"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text, "utf-8")
    failed = run(str(table))
    assert failed.exit_code not in (0, 1) and said in failed.output
    assert "no such" in run(str(tmp_path / "none.csv")).output.lower()


def test_tables_of_other_rows_are_refused(tmp_path: Path) -> None:
    one = written(published.JUDGE_PASS, tmp_path / "one.csv")
    failed = run(one, "--people", written(published.FAC, tmp_path / "other.csv"))
    assert failed.exit_code not in (0, 1) and "same rows and columns" in failed.output
