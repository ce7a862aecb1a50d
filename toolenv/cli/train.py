"""``toolenv train``: from demonstrations, preferences and rewards to a policy."""

from __future__ import annotations

from typing import Annotated

import typer

from toolenv.cli.output import friendly_errors
from toolenv.cli.train_evaluate import evaluate
from toolenv.cli.train_grpo import grpo
from toolenv.cli.train_new import new
from toolenv.cli.train_options import (
    Batch,
    Beta,
    Config,
    Data,
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
    Scratch,
    Seed,
    Set,
    run_training,
)
from toolenv.cli.train_retriever import train_retriever

__all__ = ["app"]

app = typer.Typer(
    help="Train policies: demonstrations (sft), preferences (dpo, reward), labelled decisions "
    "(kto), the environment (grpo).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command()
def sft(
    out: Out,
    model: Model = None,
    data: Data = None,
    config: Config = None,
    seed: Seed = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: Batch = None,
    learning_rate: Rate = None,
    max_length: Length = None,
    from_scratch: Scratch = False,
    lora_rank: Lora = None,
    device: Device = None,
    setting: Set = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Imitate demonstrations; the loss is on what the assistant says alone.

    Examples:

      toolenv train sft --model models/base --data data/sft --out models/sft --epochs 2

      toolenv train sft --model models/tiny --from-scratch --data data/sft --out models/first
          --learning-rate 2e-3 --set warmup=0.1

      accelerate launch --num-processes 4 -m toolenv train sft --config sft.toml --out models/sft
    """
    with friendly_errors():
        from toolenv.training.configuration import SFTConfiguration
        from toolenv.training.supervised import train_on_rows

        run_training(SFTConfiguration, train_on_rows, locals())


@app.command()
def dpo(
    out: Out,
    model: Model = None,
    data: Data = None,
    config: Config = None,
    seed: Seed = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: Batch = None,
    learning_rate: Rate = None,
    max_length: Length = None,
    lora_rank: Lora = None,
    device: Device = None,
    beta: Beta = None,
    sft_weight: Annotated[
        float | None, typer.Option(help="Weight of imitating the chosen side; 0 for none.")
    ] = None,
    setting: Set = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Prefer what was chosen to what was rejected (DPO, with a term that imitates the chosen side).

    Examples:

      toolenv train dpo --model models/sft --data pairs/first --out models/dpo

      toolenv train dpo --model models/sft --data pairs/first --out models/dpo --sft-weight 0
    """
    with friendly_errors():
        from toolenv.training.configuration import DPOConfiguration
        from toolenv.training.supervised import train_on_rows

        run_training(DPOConfiguration, train_on_rows, locals())


@app.command()
def kto(
    out: Out,
    model: Model = None,
    data: Data = None,
    config: Config = None,
    seed: Seed = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: Batch = None,
    learning_rate: Rate = None,
    max_length: Length = None,
    lora_rank: Lora = None,
    device: Device = None,
    beta: Beta = None,
    desirable_weight: Annotated[
        float | None, typer.Option(help="Weight of desirable rows. Default: balanced.")
    ] = None,
    undesirable_weight: Annotated[
        float | None, typer.Option(help="Weight of undesirable rows. Default: balanced.")
    ] = None,
    setting: Set = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Learn from decisions that are each labelled desirable or not (KTO).

    Examples:

      toolenv pairs runs/dfsdt --out pairs/kto --as kto --source steps --source errors

      toolenv train kto --model models/sft --data pairs/kto --out models/kto
    """
    with friendly_errors():
        from toolenv.training.configuration import KTOConfiguration
        from toolenv.training.supervised import train_on_rows

        run_training(KTOConfiguration, train_on_rows, locals())


@app.command()
def reward(
    out: Out,
    model: Model = None,
    data: Data = None,
    config: Config = None,
    seed: Seed = None,
    epochs: Epochs = None,
    max_steps: MaxSteps = None,
    batch_size: Batch = None,
    learning_rate: Rate = None,
    max_length: Length = None,
    lora_rank: Lora = None,
    device: Device = None,
    setting: Set = None,
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Train a reward model on preferences.

    Examples:

      toolenv pairs runs/dfsdt --out pairs/all --as reward --source outcome

      toolenv train reward --model models/sft --data pairs/all --out models/reward
    """
    with friendly_errors():
        from toolenv.training.configuration import RewardConfiguration
        from toolenv.training.supervised import train_on_rows

        run_training(RewardConfiguration, train_on_rows, locals())


app.command()(new)
app.command()(grpo)
app.command()(evaluate)
app.command("retriever")(train_retriever)
