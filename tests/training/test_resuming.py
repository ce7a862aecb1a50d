"""A training that was interrupted goes on to the result that it would have had."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.training.data import Made
from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.training.configuration import (
    DPOConfiguration,
    KTOConfiguration,
    SFTConfiguration,
)
from toolenv.training.supervised import train_on_rows


def interrupted_at(step: int) -> Any:
    def report(done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return report


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def losses(folder: Path) -> list[Any]:
    lines: list[Any] = [parse(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def same(one: Path, other: Path) -> bool:
    mine, theirs = weights(one), weights(other)
    return mine.keys() == theirs.keys() and all((mine[k] == theirs[k]).all() for k in mine)


@pytest.mark.parametrize("kind", ["sft", "dpo", "kto"])
def test_an_interrupted_training_ends_as_one_that_was_not(
    made: Made, tmp_path: Path, kind: str
) -> None:
    shared: dict[str, Any] = {
        "model": str(made.model), "max_steps": 4, "save_steps": 2, "batch_size": 2,
        "learning_rate": 1e-3, "log_steps": 1,
    }  # fmt: skip
    chosen: Any = {
        "sft": SFTConfiguration(data=str(made.demonstrations), **shared),
        "dpo": DPOConfiguration(data=str(made.pairs), **shared),
        "kto": KTOConfiguration(data=str(made.pairs), **shared),
    }[kind]
    train_on_rows(chosen, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_on_rows(chosen, tmp_path / "cut", report=interrupted_at(3))
    assert not (tmp_path / "cut" / "model.safetensors").exists()

    train_on_rows(chosen, tmp_path / "cut", resume=True)

    assert same(tmp_path / "whole", tmp_path / "cut")
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")


def test_without_resume_an_interrupted_training_is_not_written_over(
    made: Made, tmp_path: Path
) -> None:
    chosen = SFTConfiguration(
        model=str(made.model), data=str(made.demonstrations), max_steps=3, save_steps=1,
        batch_size=1,
    )  # fmt: skip
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        train_on_rows(chosen, out, report=interrupted_at(2))

    with pytest.raises(ConfigurationError, match="interrupted; its last checkpoint is checkpoint-"):
        train_on_rows(chosen, out)
    with pytest.raises(ConfigurationError, match="differs in seed"):
        train_on_rows(chosen.model_copy(update={"seed": 1}), out, resume=True)
    with pytest.raises(ConfigurationError, match=r"name its last checkpoint, .*checkpoint-"):
        train_on_rows(DPOConfiguration(model=str(out), data=str(made.pairs)), tmp_path / "dpo")

    shutil.rmtree(tmp_path / "out" / "checkpoint-1")
    train_on_rows(chosen, out, resume=True)
    with pytest.raises(ConfigurationError, match="Holds a finished training of 3 steps"):
        train_on_rows(chosen, out, resume=True)


def test_a_folder_that_holds_something_else_is_left_alone(made: Made, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    chosen = SFTConfiguration(model=str(made.model), data=str(made.demonstrations), max_steps=1)

    with pytest.raises(ConfigurationError, match="Is not an empty folder"):
        train_on_rows(chosen, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
