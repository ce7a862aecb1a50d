"""``toolenv verify``, as typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.running import policies_by_hand

MOODY = f"local:{policies_by_hand.__name__}:Moody"


def test_a_run_that_happens_again_is_exit_code_0(here: Here, tmp_path: Path) -> None:
    here("run --out run --agent dfsdt --policy-calls 8 --first 4", tmp_path)
    done = here("verify run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "4 finished episodes",
        "files: whole",
        "tasks, environment, agents: unchanged",
        "matches: 4 of 4 episodes run again are equal, of 4 in the run",
        "run: run",
    ]
    sampled = here("verify run --sample 2 --json", tmp_path)
    found = json.loads(sampled.stdout)
    assert (sampled.returncode, found["matches"], found["replayed"]) == (0, True, 2)
    assert sampled.stderr == ""


def test_what_differs_is_named_with_exit_code_1(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(f"run --out run --policy {MOODY} --first 2", tmp_path)
    monkeypatch.setattr(policies_by_hand.Moody, "mood", "\x1b[31maha")
    done = here("verify run", tmp_path)
    assert done.returncode == 1
    assert 'I1-inst-1 react moody seed 0 step 0: message.content: recorded "hm"' in done.stdout
    assert "\x1b" not in done.stdout
    assert "does not match: 0 of 2 episodes" in done.stdout


def test_nothing_to_run_again_is_exit_code_2_and_says_why(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    here("run --out run --policy openai:m?base_url=http://127.0.0.1:9/v1 --first 1", tmp_path)
    done = here("verify run", tmp_path)
    assert done.returncode == 2
    assert "not run again: 1 episodes: broken by infrastructure" in done.stdout
    assert "nothing was run again" in done.stdout
    assert here("verify run --sample 0", tmp_path).returncode == 0, "files and fingerprints alone"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("verify nowhere", "nowhere: There is no such folder. Check the path."),
        ("verify run --completions nowhere", "nowhere: There is no such store or snapshot."),
        ("verify run --simulator snapshot:nowhere.snap", "nowhere.snap"),
        ("verify run --sample -1", "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_verified_is_one_line(
    here: Here, tmp_path: Path, command: str, said: str
) -> None:
    here("run --out run --first 1", tmp_path)
    done = here(command, tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
