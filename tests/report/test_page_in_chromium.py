"""The report in a real browser: what an HTML parser of ours might miss, Chromium does not."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.report.runs_by_hand import HOSTILE, hostile, mixed, write_run
from toolenv.report.page import write_report

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        if (found := shutil.which(name))
    ),
    None,
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


def document(page: Path, profile: Path, fragment: str = "") -> str:
    """The page's document after its script has run, and all that Chromium said meanwhile."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            "--dump-dom",
            f"{page.as_uri()}{fragment}",
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    said = done.stderr.decode("utf-8", "replace")
    console = [line for line in said.splitlines() if "CONSOLE" in line]
    assert console == []  # neither errors nor anything that the policy had to stop
    return done.stdout.decode("utf-8")


def test_no_script_from_a_run_is_executed(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "mixed", mixed()),
        write_run(tmp_path / "hostile", [hostile(t, n) for n, t in enumerate(HOSTILE)]),
    ]
    write_report(runs, tmp_path / "report.html")
    dom = document(tmp_path / "report.html", tmp_path / "profile")
    assert "<title>mixed, hostile</title>" in dom
    assert not re.search(r"<[^>]*\bid=\"?pwned", dom)
    assert dom.count("<script") == 1 and "<img" not in dom
    assert len(re.findall(r'<details class="episode"', dom)) == 43
    leaderboard = dom[dom.index('id="leaderboard"') : dom.index('id="episodes"')]
    assert "dfsdt" in leaderboard and "75.0 %" in leaderboard
    assert re.search(r'<output id="shown"[^>]*>43 of 43</output>', dom)  # our own script did run


def test_a_link_to_a_step_opens_its_episode(tmp_path: Path) -> None:
    write_report([write_run(tmp_path / "run", mixed())], tmp_path / "report.html")
    dom = document(tmp_path / "report.html", tmp_path / "profile", "#e4-s2")
    (opened,) = re.findall(r'<details class="episode" id="(e\d+)"[^>]*\bopen=', dom)
    assert opened == "e4"
