"""``toolenv report``: a page, figures and tables, and where they are."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Here
from tests.report.runs_by_hand import mixed, write_run


def test_page_figures_and_tables_are_written_and_named(here: Here, tmp_path: Path) -> None:
    write_run(tmp_path / "run", mixed()[:3])
    done = here("report run --title 'A [b]title' --figures out/f --tables out/t", tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[-1] == "report: report.html"
    assert said[-2] == f"tables: {len(list((tmp_path / 'out/t').iterdir()))} files in out/t"
    assert said[-3] == f"figures: {len(list((tmp_path / 'out/f').iterdir()))} files in out/f"
    assert done.stderr.splitlines()[-1] == "episodes 3/3"
    assert "<h1>A [b]title</h1>" in (tmp_path / "report.html").read_text("utf-8")


def test_what_is_no_run_is_one_line(here: Here, tmp_path: Path) -> None:
    done = here("report nowhere", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nowhere: There is no such folder. Check the path." in done.stderr
    assert list(tmp_path.iterdir()) == []
