"""GRPO on the environment: rewards move the weights, what it met is logged, it can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.data import Made
from tests.training.test_resuming import interrupted_at, losses, same, weights
from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.training.configuration import GRPOConfiguration
from toolenv.training.grpo import train_grpo
from toolenv.training.rewards import open_reward


def settings(made: Made, **options: Any) -> GRPOConfiguration:
    given: dict[str, Any] = {
        "model": str(made.model),
        "split": "I1-inst",
        "first": 3,
        "group": 2,
        "batch_size": 4,
        "max_steps": 3,
        "save_steps": 2,
        "log_steps": 1,
        "learning_rate": 1e-3,
        "max_new_tokens": 12,
        "max_completion": 200,
        "max_steps_of_branch": 2,
        "rewards": ("check", "tests.training.scores:variety"),
    }
    return GRPOConfiguration(**{**given, **options})


def test_training_on_the_environment_moves_the_weights_and_logs_what_it_met(
    made: Made, tmp_path: Path
) -> None:
    train_grpo(settings(made), tmp_path / "whole")

    lines: list[Any] = [
        parse(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()
    ]
    assert {"reward", "frac_reward_zero_std", "rollouts/masked", "rollouts/rewritten_turns"} <= set(
        lines[0]
    )
    before, after = weights(made.model), weights(tmp_path / "whole")
    assert any((before[name] != after[name]).any() for name in before)

    with pytest.raises(KeyboardInterrupt):
        train_grpo(settings(made), tmp_path / "cut", report=interrupted_at(3))
    train_grpo(settings(made), tmp_path / "cut", resume=True)

    assert same(tmp_path / "whole", tmp_path / "cut")
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")


def test_groups_that_do_not_fill_a_batch_are_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"4 times 1 completions are no whole groups of 3"):
        train_grpo(settings(made, group=3), tmp_path / "out")


def test_a_reference_that_is_nowhere_written_is_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"beta: The reference would be read"):
        train_grpo(settings(made, beta=0.1, from_scratch=True), tmp_path / "out")


def test_rewards_are_named_and_weighted() -> None:
    weighted = open_reward(["check", "0.5*checkpoints", "-.1*calls"]).scores

    assert [weight for weight, _ in weighted] == [1.0, 0.5, -0.1]
    with pytest.raises(ConfigurationError, match="There is no score 'chek'"):
        open_reward(["chek"])
    with pytest.raises(ConfigurationError, match="'a lot' is no weight"):
        open_reward(["a lot*check"])
