"""A small model from nothing, by the commands as printed."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from toolenv.cli.main import app

pytest.importorskip("trl", reason="training needs trl")


def run(*words: str) -> Any:
    return CliRunner().invoke(app, words)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("new")
    tasks = "toolenv.mini.benchmark:train_tasks?count=40"
    expert = "local:toolenv.mini.benchmark:ExpertPolicy?train_seed=0&train_count=40"
    simulator = "local:toolenv.mini.benchmark:benchmark_simulator"
    made = run(
        *("run", "--tasks", tasks, "--simulator", simulator, "--policy", expert),
        *("--out", str(place / "run")),
    )
    assert made.exit_code == 0, made.output
    assert run("dataset", "sft", str(place / "run"), "--out", str(place / "sft")).exit_code == 0
    copied = run("dataset", "copying", "--rows", "24", "--out", str(place / "copying"))
    assert copied.exit_code == 0, copied.output
    return place


def test_a_model_is_made_trained_on_copying_and_on_demonstrations_and_acts(
    data: Path, tmp_path: Path
) -> None:
    made = run("train", "new", "--data", str(data / "sft"), "--out", str(tmp_path / "new"))
    assert made.exit_code == 0 and "parameters" in made.output, made.output
    model = tmp_path / "new"
    for step, rows in (("copies", "copying"), ("sft", "sft")):
        out = tmp_path / step
        trained = run(
            *("train", "sft", "--model", str(model), "--data", str(data / rows)),
            *("--out", str(out), "--max-steps", "2", "--batch-size", "4", "--device", "cpu"),
        )
        assert trained.exit_code == 0, trained.output
        model = out
    acted = run(
        *("run", "--tasks", "toolenv.mini.benchmark:train_tasks?count=2", "--json"),
        *("--simulator", "local:toolenv.mini.benchmark:benchmark_simulator"),
        *("--policy", f"transformers:{model}?temperature=0&max_new_tokens=8"),
        *("--out", str(tmp_path / "run")),
    )
    assert acted.exit_code == 0, acted.output


def test_what_cannot_be_made_is_one_line(data: Path, tmp_path: Path) -> None:
    sft = str(data / "sft")
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    for words, said in (
        (("--data", sft, "--size", "huge", "--out", str(tmp_path / "x")), "--size"),
        (("--data", sft, "--out", str(full)), "Is not an empty folder"),
        (("--data", str(tmp_path / "none"), "--out", str(tmp_path / "y")), "no such data"),
    ):
        failed = run("train", "new", *words)
        assert failed.exit_code != 0 and said in failed.output
