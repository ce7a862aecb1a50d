"""``toolenv train grpo``: training on the environment itself."""

from __future__ import annotations

from typing import Annotated

import typer

from toolenv.cli.output import friendly_errors
from toolenv.cli.train_options import (
    Config,
    Device,
    Epochs,
    Json,
    Length,
    Lora,
    MaxSteps,
    Model,
    Out,
    Rate,
    Resume,
    Seed,
    Set,
    run_training,
)

__all__ = ["grpo"]


def grpo(
    out: Out,
    model: Model = None,
    config: Config = None,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="What answers, as for 'toolenv run'; repeatable.")
    ] = None,
    rewards: Annotated[
        list[str] | None,
        typer.Option("--reward", help="NAME or WEIGHT*NAME, as -0.05*calls; repeatable."),
    ] = None,
    group: Annotated[int | None, typer.Option(help="Attempts at one task.")] = None,
    seed: Seed = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Attempts of one device and one pass.")
    ] = None,
    learning_rate: Rate = None,
    max_length: Length = None,
    lora_rank: Lora = None,
    device: Device = None,
    setting: Set = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Train on the environment, by the rewards of whole attempts (GRPO).

    Examples:

      toolenv train grpo --model models/sft --split train --out models/grpo

      toolenv train grpo --model models/sft --tasks G1_instruction.json --simulator snapshot:a.snap
          --reward check --reward=-0.05*calls --group 8 --out models/grpo
    """
    with friendly_errors():
        from toolenv.training.configuration import GRPOConfiguration
        from toolenv.training.grpo import train_grpo

        run_training(GRPOConfiguration, train_grpo, locals())
