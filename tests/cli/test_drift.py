from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running import drifting
from tests.running.processes import toolenv

WORLD = f"local:{drifting.__name__}:world"
BUYER = f"local:{drifting.__name__}:buyer"
TASKS = f"{drifting.__name__}:tasks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drifting world, recorded early and later."""
    folder = tmp_path_factory.mktemp("drift")
    for name, world in (("early", WORLD), ("later", f"{WORLD}?later=yes")):
        done = toolenv(
            *("run", "--out", f"run-{name}", "--policy", BUYER, "--simulator", world),
            *("--tasks", TASKS, "--record", name, "--no-record-time"),
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
        done = toolenv("snapshot", "freeze", name, "--out", f"{name}.snap", cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def test_drift_says_what_changed_and_what_it_does_to_the_pass_rate(folder: Path) -> None:
    done = toolenv(
        *("snapshot", "drift", "early.snap", "later.snap", "--tasks", TASKS),
        *("--run-policy", BUYER, "--out", "kept"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "APIs: 2 of 2 changed; calls: 3 of 7 in both answered otherwise, 1 only before, "
        "1 only after\n"
        "    2 calls  price_for_market\n"
        "     1 call  shelf_for_market\n"
        "tasks of early: 2 of 2 (100.0%) offer a changed API\n"
        "tasks of late: 2 of 2 (100.0%) offer a changed API\n"
        "pass rate: 100.0% → 50.0%, -50.0 (-100.0 to +0.0); 4 tasks\n"
        "  by changed response: -50.0 (-100.0 to +0.0); 2 episodes otherwise\n"
        "In percentage points, with paired 95 % bootstrap intervals over tasks.\n"
        "runs: kept\n"
    )
    again = toolenv(
        *("snapshot", "drift", "early.snap", "later.snap", "--json"),
        *("--runs", "kept/before", "kept/after"),
        cwd=folder,
    )
    rate = json.loads(again.stdout)["pass_rate"]["all"]
    assert rate["causes"] == {"changed response": {**rate["shift"], "episodes": 2}}
    manifest = json.loads((folder / "kept" / "after" / "manifest.json").read_bytes())
    assert manifest["configuration"]["offline"] is True


def test_tasks_whose_true_answer_changed_are_told_apart(folder: Path) -> None:
    done = toolenv(
        *("snapshot", "drift", "early.snap", "later.snap", "--tasks", TASKS, "--json"),
        *("--tasks-after", f"{drifting.__name__}:later_tasks", "--run-policy", BUYER),
        cwd=folder,
    )
    rates = json.loads(done.stdout)["pass_rate"]
    assert {group: rate["tasks"] for group, rate in rates.items()} == {
        "all": 4,
        "same answer": 3,
        "changed answer": 1,
    }
    assert rates["changed answer"]["after"] == 1


def test_runs_of_different_environments_are_refused(folder: Path) -> None:
    done = toolenv(
        *("run", "--out", "short", "--policy", BUYER, "--simulator", "snapshot:later.snap"),
        *("--tasks", TASKS, "--max-steps", "2"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    compare = ("snapshot", "drift", "early.snap", "later.snap", "--runs", "run-early", "short")
    refused = toolenv(*compare, cwd=folder)
    assert refused.returncode == 2 and "limits (" in refused.stderr
    assert toolenv(*compare, "--force", cwd=folder).returncode == 0


def test_a_probe_keeps_what_it_observed_and_sorts_the_apis(folder: Path) -> None:
    arguments = ("snapshot", "probe", "early.snap", "--tasks", TASKS)
    done = toolenv(*arguments, "--simulator", WORLD, "--out", "seen", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "8 recorded calls of 2 APIs made again, 16 answers observed\n"
        "static             2: price_for_market, shelf_for_market\n"
        "observations: seen\n"
    )
    later = toolenv(
        *(*arguments, "--simulator", f"{WORLD}?later=yes", "--out", "seen.snap", "--json"),
        cwd=folder,
    )
    found = json.loads(later.stdout)
    assert found["kinds"] == {"slow": 2}  # another answer than that of an unknown time
    info = toolenv("snapshot", "info", "seen.snap", "--json", cwd=folder)
    assert json.loads(info.stdout)["responses"] == found["observations"] == 16


def test_without_documents_nothing_is_called(folder: Path) -> None:
    done = toolenv(
        *("snapshot", "probe", "early.snap", "--simulator", WORLD, "--out", "none.snap"),
        cwd=folder,
    )
    assert "0 recorded calls" in done.stdout
    assert "not made again: 8, because nothing documents the API" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--run-policy", BUYER], "No tasks are named"),
        (["--run-policy", BUYER, "--tasks", TASKS, "--runs", "a", "b"], "--run-policy or --runs"),
        (["--runs", "a", "b"], "no such folder"),
    ],
    ids=["no tasks", "both", "no run"],
)
def test_what_cannot_be_done_is_one_line(folder: Path, arguments: list[str], problem: str) -> None:
    done = toolenv("snapshot", "drift", "early.snap", "later.snap", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr and done.stderr.count("\n") == 1
