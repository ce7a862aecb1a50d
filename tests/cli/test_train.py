"""``toolenv train`` as users type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.training.data import Made, make
from toolenv.jsontext import parse
from toolenv.running.folder import RunFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("training"))


def test_a_training_ends_with_its_last_figures_and_where_the_model_is(
    made: Made, tmp_path: Path, here: Here
) -> None:
    command = (
        f"train sft --model {made.model} --data {made.demonstrations} --out first --max-steps 2"
        " --batch-size 2 --set save_steps=1 --set log_steps=1 --set keep_checkpoints=null"
        " --lora-rank 2"
    )
    done = here(command, tmp_path)

    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout and done.stdout.splitlines()[-1] == "model: first"
    assert (tmp_path / "first" / "adapter_config.json").exists()
    assert (tmp_path / "first" / "checkpoint-1").exists()

    again = here(command, tmp_path)
    assert again.returncode == 2
    assert "Holds a finished training of 2 steps" in again.stderr

    command = f"train dpo --model first --data {made.pairs} --out dpo --max-steps 1 --json"
    done = here(f"{command} --batch-size 2 --set log_steps=1", tmp_path)
    assert done.returncode == 0, done.stderr
    measured = parse(done.stdout)
    assert isinstance(measured, dict) and "logps/chosen" in measured


def test_labelled_decisions_are_learnt_from(made: Made, tmp_path: Path, here: Here) -> None:
    command = f"train kto --model {made.model} --data {made.pairs} --out kto --max-steps 2 --json"
    done = here(f"{command} --batch-size 4 --lora-rank 2 --set log_steps=1", tmp_path)

    assert done.returncode == 0, done.stderr
    measured = parse(done.stdout)
    assert isinstance(measured, dict) and {"kl", "rewards/chosen", "rewards/rejected"} & {*measured}
    assert (tmp_path / "kto" / "adapter_config.json").exists()

    shown = here("train --help", tmp_path).stdout
    assert "kto" in shown


def test_checkpoints_are_shown_side_by_side(made: Made, tmp_path: Path, here: Here) -> None:
    done = here(
        f"train evaluate {made.model} --out out --split I1-inst --first 2 --max-steps 1"
        " --policy-options 'max_new_tokens=4&device=cpu' --policy-calls 3 --concurrency 2",
        tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert "0.0%" in done.stdout and done.stdout.splitlines()[-1] == "runs: out"
    assert (tmp_path / "out" / "evaluation.json").exists()
    (manifest,) = (tmp_path / "out").glob("*/manifest.json")
    settings = RunFolder.open(manifest.parent).manifest.settings()
    assert (settings["policy_calls"], settings["concurrency"]) == (3, 2)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train sft --out out", "--model: Nothing says what to train. Name a folder"),
        ("train sft --out out --model m --set epoch=3", "epoch: There is no such setting."),
        ("train sft --out out --model m --set epochs", "--set: 'epochs' is not NAME=VALUE."),
        ("train sft --out out --model m", "data: There are no such data. Make them with:"),
        ("train dpo --out out --model m --config no.toml", "no.toml: There is no such file."),
        ("train kto --out out --model m --batch-size 1", "batch_size: Input should be greater"),
        ("train kto --out out --model m", "Make them with: toolenv pairs RUN --out DATA --as kto"),
        ("train grpo --out out --model m --set group=1", "group: Input should be greater"),
        (
            "train grpo --out out --model models/nope --set device=cpu",
            "models/nope: There is no such folder, and no model of that name in the libraries",
        ),
        ("train evaluate nowhere --out out", "nowhere: There is no such folder. Check the path."),
        ("train sfd --out out", "No such command 'sfd'"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, here: Here, command: str, said: str) -> None:
    done = here(command, tmp_path)

    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert not (tmp_path / "out").exists()
