"""``toolenv pairs`` and ``toolenv dataset`` as users type them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.preferences.stumbling import POLICY, stumbling_run
from toolenv.jsontext import parse


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    stumbling_run(tmp_path / "dfsdt", seeds=[0])
    stumbling_run(tmp_path / "react", agent="react", seeds=[0])
    return tmp_path


def test_pairs_of_a_run_are_written_counted_and_shown(runs: Path, here: Here) -> None:
    done = here("pairs dfsdt --out out --as dpo --as kto --format jsonl", runs)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("rows as kto: out")
    assert "steps:" in done.stdout and "warning: Position and length alone" in done.stdout
    assert {file.name for file in (runs / "out").iterdir()} == {
        "README.md",
        "report.json",
        "dpo.jsonl",
        "kto.jsonl",
    }


def test_json_says_what_was_counted(runs: Path, here: Here) -> None:
    done = here("pairs dfsdt react --out out --source tp-llama --source outcome --json", runs)

    counted = parse(done.stdout)
    assert isinstance(counted, dict)
    assert set(counted["pairs"]) == {"tp-llama", "outcome"}  # type: ignore[arg-type]
    assert done.stderr == ""


def test_resampling_continues_in_the_run_s_own_environment(runs: Path, here: Here) -> None:
    luck = f"'{POLICY}?luck=0.9'"
    done = here(f"pairs dfsdt --out out --source resampled --policy {luck} --json", runs)

    counted = parse(done.stdout)
    assert isinstance(counted, dict), done.stderr
    assert list(counted["pairs"]) == ["resampled"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("pairs dfsdt --out out --source stesp", "--source: Unknown: 'stesp'. Did you mean steps?"),
        ("pairs dfsdt --out out --as dpoo", "Did you mean dpo?"),
        ("pairs nowhere --out out", "nowhere: There is no such file or folder."),
        ("pairs react --out out", "None of 48 episodes branches. Explore with a tree search"),
        ("pairs dfsdt --out out --source resampled", "Give one run folder, and --policy."),
        ("pairs dfsdt --out out --source scores", "--score: The source scores needs a score."),
        ("pairs dfsdt --out out --source judge", "--wins: The source judge needs sets"),
        ("pairs dfsdt --out out --source judge --wins x:win", "is not RUN:NAME"),
        ("pairs dfsdt --out out --least-kappa 0.6", "--least-kappa: A judge's kappa needs labels"),
        ("pairs dfsdt --out out --verdicts none", "There is no such set of verdicts."),
        ("pairs dfsdt --out out --tokenizer ./nowhere", "The tokenizer cannot be loaded"),
        ("dataset sft nowhere --out out", "nowhere: There is no such file or folder."),
        ("dataset sft dfsdt --out out --teacher nobody:here", "nobody"),
        (
            "dataset sft dfsdt --out out --teacher local:x:y --per-task 1",
            "--per-task: With --teacher every decision counts",
        ),
        ("dataset sft dfsdt --out out --format xml", "--format: Unknown: 'xml'."),
    ],
)
def test_what_is_wrong_is_one_line(runs: Path, here: Here, command: str, said: str) -> None:
    done = here(command, runs)

    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert not (runs / "out" / "README.md").exists()


def test_demonstrations_and_prompts_are_written(runs: Path, here: Here) -> None:
    for command, last in (
        ("dataset sft dfsdt --out sft --per-task 1", "rows as sft: sft"),
        (
            "dataset sft react --out taught --teacher local:tests.preferences.stumbling:Stumbling",
            "rows as sft: taught",
        ),
        ("dataset toolbench dfsdt --out toolbench", "rows as toolbench: toolbench"),
        ("dataset grpo --split I1-inst --out grpo", "rows as grpo: grpo"),
    ):
        done = here(command, runs)

        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].endswith(last)


@pytest.mark.parametrize("command", ["pairs dfsdt", "dataset sft dfsdt", "dataset copying"])
def test_a_folder_that_holds_something_is_written_over_only_when_told(
    runs: Path, here: Here, command: str
) -> None:
    (runs / "out").mkdir()
    (runs / "out" / "README.md").write_text("mine")
    done = here(f"{command} --out out", runs)
    assert done.returncode == 2
    assert "out: Is not an empty folder." in done.stderr and "--replace" in done.stderr
    assert (runs / "out" / "README.md").read_text() == "mine"
    assert here(f"{command} --out out --replace", runs).returncode == 0
    assert (runs / "out" / "README.md").read_text() != "mine"
