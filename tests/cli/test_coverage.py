from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.running.processes import toolenv

KEYWORD, ORACLE = "local:toolenv.mini:KeywordPolicy", "oracle"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two policies' runs of one split, and a snapshot of both and of the first alone."""
    folder = tmp_path_factory.mktemp("coverage")
    for name, policy in (("keyword", KEYWORD), ("oracle", ORACLE)):
        done = toolenv(
            *("run", "--out", name, "--policy", policy, "--split", "I2-cat"),
            *("--record", "store", "--recording", name),
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
    done = toolenv("snapshot", "freeze", "store", "--out", "both.snap", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_coverage_says_what_is_answered_and_what_to_record_next(folder: Path) -> None:
    done = toolenv(
        *("snapshot", "coverage", "both.snap", "--runs", "keyword", "--runs", "oracle"),
        *("--first", "2"),
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "keyword" in done.stdout and "oracle" in done.stdout
    assert "answers in all, by source: " in done.stdout
    assert "by origin: local" in done.stdout
    assert "Record next, for the largest gain:" in done.stdout
    assert "more APIs" in done.stdout
    assert "no recording is named" not in done.stdout


def test_coverage_in_json_adds_up(folder: Path) -> None:
    done = toolenv("snapshot", "coverage", "both.snap", "--runs", "keyword", "--json", cwd=folder)
    found = json.loads(done.stdout)
    (row,) = found["rows"]
    assert {name: found["total"][name] for name in ("calls", "answered")} == {
        name: row[name] for name in ("calls", "answered")
    }
    assert (row["policy"], row["split"]) == ("keyword", "I2-cat")
    assert found["left_out"] == {"keyword": ["keyword"]}
    assert sum(one["calls"] for one in found["record_next"]) == row["calls"] - row["answered"]
    assert row["interval"][0] <= row["share"] <= row["interval"][1]


def test_recordings_that_no_name_tells_are_said_to_be_so(folder: Path) -> None:
    done = toolenv(
        *("run", "--out", "random", "--policy", "random", "--split", "I2-cat"),
        *("--simulator", "snapshot:both.snap"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert "miss" in done.stdout.partition("calls: ")[2]
    done = toolenv("snapshot", "coverage", "both.snap", "--runs", "random", cwd=folder)
    assert "no recording is named as made by random: all of them answer" in done.stdout


def test_neighbours_answer_more(folder: Path) -> None:
    shares = [
        json.loads(
            toolenv(
                *("snapshot", "coverage", "both.snap", "--runs", "keyword", "--json", *more),
                cwd=folder,
            ).stdout
        )["total"]
        for more in ([], ["--neighbours"])
    ]
    assert shares[0]["answered"] <= shares[1]["answered"]
    assert "neighbour" not in shares[0]["sources"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["coverage", "both.snap"], "Whose calls are looked up?"),
        (["coverage", "none.snap", "--runs", "keyword"], "no such file"),
        (["coverage", "both.snap", "--runs", "store"], "not a run folder"),
        (["coverage", "both.snap", "--answers", "keyword"], "no answer tree"),
        (["effect", "both.snap", "--rung", "best"], "Use canonical or neighbour"),
        (["effect", "both.snap", "--share", "2"], "from 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_line(folder: Path, arguments: list[str], problem: str) -> None:
    done = toolenv("snapshot", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr and done.stderr.count("\n") == 1


def test_the_effect_of_a_rung_is_the_same_each_time(folder: Path) -> None:
    arguments = ("snapshot", "effect", "both.snap", "--share", "0.5", "--seed", "1", "--json")
    one, other = (toolenv(*arguments, cwd=folder) for _ in range(2))
    assert one.returncode == 0 and one.stdout == other.stdout
    found = json.loads(one.stdout)
    assert found["hidden"] >= found["answered"] >= found["equal"]
    told = toolenv(*arguments[:-1], "--max-distance", "1", cwd=folder)
    assert "of the hidden calls answered" in told.stdout
    canonical = toolenv(
        *("snapshot", "effect", "both.snap", "--rung", "canonical"),
        *("--tasks", "toolenv.mini:mini_tasks"),
        cwd=folder,
    )
    assert canonical.stdout.startswith("canonical: ")


def test_trees_are_looked_up_without_their_own_recording(data: Path, tmp_path: Path) -> None:
    answers = str(data / "toolbench" / "answer")
    made = toolenv("snapshot", "import", answers, "--out", "trees.snap", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = toolenv(
        "snapshot", "coverage", "trees.snap", "--answers", answers, "--json", cwd=tmp_path
    )
    found = json.loads(done.stdout)
    assert (found["total"]["calls"], found["total"]["answered"]) == (150, 4)
    assert found["record_next"][0]["calls"] == 71
