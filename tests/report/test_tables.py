"""The report's tables as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.runs_by_hand import HOSTILE, hostile, mixed
from toolenv.episodes import Episode
from toolenv.report.overview import Overview, overview_of
from toolenv.report.overview_tables import tables_of
from toolenv.report.runs import row_of_episode
from toolenv.report.tables import Column, Table, csv_text, markdown, write_tables

NAMES = ["leaderboard", "splits", "errors", "ended", "sources", "origins"]


def overview(episodes: list[Episode]) -> Overview:
    return overview_of(["run"], [row_of_episode("run", episode) for episode in episodes])


def cells(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_text(table))))


def test_each_table_is_a_file_of_both_kinds(tmp_path: Path) -> None:
    written = write_tables(tables_of(overview(mixed())), tmp_path / "tables")
    assert [path.name for path in written] == [
        f"{name}{suffix}" for name in NAMES for suffix in (".md", ".csv")
    ]
    assert all(path.stat().st_size for path in written)


def test_csv_has_all_digits_and_a_column_for_each_end() -> None:
    leaderboard, *_ = tables_of(overview(mixed()))
    heading, first, *_ = cells(leaderboard)
    row = dict(zip(heading, first, strict=True))
    assert (row["Agent"], row["Policy"], row["Pass rate"]) == ("dfsdt", "script", "0.75")
    assert float(row["Pass rate low"]) == pytest.approx(0.4677, abs=1e-4)
    assert (row["Bounds low"], row["Bounds high"]) == ("0.0", "1.0")


def test_markdown_is_a_table() -> None:
    leaderboard, *_ = tables_of(overview(mixed()))
    title, _, heading, marks, first, *_ = markdown(leaderboard).splitlines()
    assert title == "## Leaderboard"
    assert heading.startswith("| Agent | Policy | Pass rate | Bounds |")
    assert marks.startswith("|---|---|--:|--:|")
    assert first.startswith(r"| dfsdt | script | 75.0 % \(46.8–91.1\) | 0.0–100.0 % |")


def test_several_seeds_of_a_task_are_no_independent_tries() -> None:
    once = [episode for episode in mixed() if episode.agent == "dfsdt"]
    many = [replace(episode, seed=seed) for episode in once for seed in range(5)]
    widths = [
        high - low
        for found in (overview(once), overview(many))
        for low, high in [next(iter(found.groups.values())).interval]
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)  # equal tries tell nothing new


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "|x"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    ((heading,), (cell,)) = cells(Table("t", "t", [Column(text)], [[text]]))
    for found in (heading, cell):
        assert not found.lstrip().startswith(("=", "+", "-", "@", "|", "＝"))


@given(st.text(max_size=40))
def test_any_text_stays_in_its_cell(text: str) -> None:
    table = Table("t", text, [Column(text), Column("b")], [[text, "end"]])
    (heading, row) = cells(table)
    assert (len(heading), row[1:]) == (2, ["end"])
    lines = markdown(table).splitlines()
    assert len(lines) == 5 and lines[-1].endswith("| end |")


def test_hostile_names_are_text() -> None:
    for table in tables_of(overview([hostile(t, n) for n, t in enumerate(HOSTILE)])):
        text = markdown(table)
        assert "<script" not in text.replace(r"\<", "")
        assert len({line.replace(r"\|", "").count("|") for line in text.splitlines()[2:4]}) == 1
