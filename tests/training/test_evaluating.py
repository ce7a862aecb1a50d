"""Checkpoints side by side: the same episodes for each, rates with intervals, a curve."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.data import Made
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.training.configuration import SFTConfiguration
from toolenv.training.evaluating import Evaluated, checkpoints_at, evaluate
from toolenv.training.learning_curve import draw_learning_curve
from toolenv.training.supervised import train_on_rows


@pytest.fixture(scope="module")
def trained(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "first"
    chosen = SFTConfiguration(
        model=str(made.model), data=str(made.demonstrations), max_steps=2, save_steps=1,
        batch_size=1,
    )  # fmt: skip
    train_on_rows(chosen, out)
    return out


def evaluated(places: list[Path], out: Path) -> list[Evaluated]:
    configuration = RunConfiguration(split="I1-inst", first=2, max_steps=1)
    options = "max_new_tokens=4&device=cpu&batch_wait=0"
    return evaluate(checkpoints_at(places), configuration, out, options=options)


def test_a_training_is_its_checkpoints_and_its_model_last(trained: Path) -> None:
    found = checkpoints_at([trained])

    assert [(one.name, one.step) for one in found] == [("first-checkpoint-1", 1), ("first", 2)]
    (alone,) = checkpoints_at([trained / "checkpoint-1"])
    assert (alone.name, alone.training) == ("first-checkpoint-1", str(trained))


def test_every_checkpoint_runs_the_same_episodes_and_none_twice(
    trained: Path, made: Made, tmp_path: Path
) -> None:
    rows = evaluated([trained, made.model], tmp_path / "out")

    assert [row.checkpoint.name for row in rows] == ["first-checkpoint-1", "first", "model"]
    assert {row.episodes for row in rows} == {2}
    assert all(0 == row.passed.value <= row.passed.high < 1 for row in rows)
    marked = tmp_path / "out" / "first" / "results.jsonl"
    before = marked.read_bytes()
    again = evaluated([trained, made.model], tmp_path / "out")
    assert again == rows and marked.read_bytes() == before

    curve = tmp_path / "curve.svg"
    assert draw_learning_curve(rows, curve)
    text = curve.read_text()
    assert "first, react" in text and "steps of the optimizer" in text
    assert draw_learning_curve(rows, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == curve.read_bytes()
    assert not draw_learning_curve(rows[2:], tmp_path / "none.svg")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no model and no checkpoint"):
        checkpoints_at([tmp_path])
