"""``toolenv train``: from demonstrations, preferences and rewards to a policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.train_retriever import train_retriever
from toolenv.cli.training_output import checkpoint_table, quiet_libraries, write_rows_beside

if TYPE_CHECKING:
    from toolenv.running.tally import Progress
    from toolenv.training.configuration import TrainingConfiguration

__all__ = ["app"]

app = typer.Typer(
    help="Train policies: demonstrations (sft), preferences (dpo, reward), the environment (grpo).",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_Model = Annotated[
    str | None, typer.Option(help="A folder with model, tokenizer and chat template.")
]
_Data = Annotated[
    str | None, typer.Option(help="What 'toolenv dataset' or 'toolenv pairs' wrote, or a file.")
]
_Out = Annotated[Path, typer.Option(help="The folder to write.")]
_Config = Annotated[
    Path | None, typer.Option(help="A TOML, YAML or JSON file of settings; flags override it.")
]
_Seed = Annotated[int | None, typer.Option(help="What all randomness derives from.")]
_Epochs = Annotated[float | None, typer.Option(help="Passes over the data.")]
_MaxSteps = Annotated[int | None, typer.Option(help="Steps of the optimizer.")]
_Batch = Annotated[int | None, typer.Option(help="Rows of one device and one pass.")]
_Rate = Annotated[float | None, typer.Option(help="The highest learning rate.")]
_Length = Annotated[
    int | None, typer.Option(help="Most tokens of a row; longer ones are left out, never cut.")
]
_Scratch = Annotated[
    bool, typer.Option("--from-scratch", help="Draw the weights from the seed, by config.json.")
]
_Lora = Annotated[int | None, typer.Option(help="Train a LoRA adapter of this rank.")]
_Device = Annotated[str | None, typer.Option(help="auto or cpu.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting, as NAME=VALUE; a dot leads inside. Repeatable."),
]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the end of the log as JSON.")]


@app.command()
def sft(
    out: _Out,
    model: _Model = None,
    data: _Data = None,
    config: _Config = None,
    seed: _Seed = None,
    epochs: _Epochs = None,
    max_steps: _MaxSteps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    max_length: _Length = None,
    from_scratch: _Scratch = False,
    lora_rank: _Lora = None,
    device: _Device = None,
    setting: _Set = None,
    resume: _Resume = False,
    as_json: _Json = False,
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
        from toolenv.training.supervised import train_sft

        _run(SFTConfiguration, train_sft, locals())


@app.command()
def dpo(
    out: _Out,
    model: _Model = None,
    data: _Data = None,
    config: _Config = None,
    seed: _Seed = None,
    epochs: _Epochs = None,
    max_steps: _MaxSteps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    max_length: _Length = None,
    lora_rank: _Lora = None,
    device: _Device = None,
    beta: Annotated[float | None, typer.Option(help="How far it may leave its reference.")] = None,
    sft_weight: Annotated[
        float | None, typer.Option(help="Weight of imitating the chosen side; 0 for none.")
    ] = None,
    setting: _Set = None,
    resume: _Resume = False,
    as_json: _Json = False,
) -> None:
    """Prefer what was chosen to what was rejected (DPO, with a term that imitates the chosen side).

    Examples:

      toolenv train dpo --model models/sft --data pairs/first --out models/dpo

      toolenv train dpo --model models/sft --data pairs/first --out models/dpo --sft-weight 0
    """
    with friendly_errors():
        from toolenv.training.configuration import DPOConfiguration
        from toolenv.training.supervised import train_dpo

        _run(DPOConfiguration, train_dpo, locals())


@app.command()
def reward(
    out: _Out,
    model: _Model = None,
    data: _Data = None,
    config: _Config = None,
    seed: _Seed = None,
    epochs: _Epochs = None,
    max_steps: _MaxSteps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    max_length: _Length = None,
    lora_rank: _Lora = None,
    device: _Device = None,
    setting: _Set = None,
    resume: _Resume = False,
    as_json: _Json = False,
) -> None:
    """Train a reward model on preferences.

    Examples:

      toolenv pairs runs/dfsdt --out pairs/all --as reward --source outcome

      toolenv train reward --model models/sft --data pairs/all --out models/reward
    """
    with friendly_errors():
        from toolenv.training.configuration import RewardConfiguration
        from toolenv.training.supervised import train_reward

        _run(RewardConfiguration, train_reward, locals())


@app.command()
def grpo(
    out: _Out,
    model: _Model = None,
    config: _Config = None,
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
    seed: _Seed = None,
    epochs: _Epochs = None,
    max_steps: _MaxSteps = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Attempts of one device and one pass.")
    ] = None,
    learning_rate: _Rate = None,
    max_length: _Length = None,
    lora_rank: _Lora = None,
    device: _Device = None,
    setting: _Set = None,
    resume: _Resume = False,
    as_json: _Json = False,
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

        _run(GRPOConfiguration, train_grpo, locals())


@app.command()
def evaluate(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(help="Folders of trainings (all their checkpoints), or of models."),
    ],
    out: _Out,
    config: Annotated[
        Path | None, typer.Option(help="A JSON file of the options of 'toolenv run'.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="What answers, as for 'toolenv run'; repeatable.")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="react, dfsdt, …; repeatable. Default: react.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="A seed; repeatable.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one branch.")] = None,
    policy_options: Annotated[
        str, typer.Option(help="Options of the policy, as temperature=0&max_new_tokens=128.")
    ] = "",
    figure: Annotated[bool, typer.Option(help="Draw the learning curve.")] = True,
    as_json: _Json = False,
) -> None:
    """Run checkpoints on the same tasks, side by side, and draw the learning curve.

    Examples:

      toolenv train evaluate models/sft models/dpo --split I1-tool --out evaluations/first

      toolenv train evaluate models/sft --agent react --agent dfsdt --seed 0 --seed 1
          --policy-options 'temperature=0&max_new_tokens=128' --out evaluations/curve
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.running.configuration_files import read_configuration
        from toolenv.training.evaluating import checkpoints_at, evaluate
        from toolenv.training.learning_curve import draw_learning_curve

        flags: dict[str, Any] = {
            "tasks": tasks,
            "split": split,
            "first": first,
            "simulator": simulator,
            "agents": agent,
            "seeds": seed,
            "max_steps": max_steps,
        }
        given = {name: value for name, value in flags.items() if value not in (None, [])}
        configuration = read_configuration(config, given)
        found = checkpoints_at(checkpoints)
        with quiet_libraries(), counted("episodes", quiet=as_json) as report:
            before = dict.fromkeys((one.name for one in found), 0)

            def told(name: str, progress: Progress) -> None:
                before[name] = progress.done
                report(sum(before.values()), progress.total * len(found))

            rows = evaluate(found, configuration, out, options=policy_options, report=told)
        curve = out / "learning-curve.svg"
        drawn = figure and draw_learning_curve(rows, curve)
        write_rows_beside(rows, out / "evaluation.json")
        if as_json:
            print_json({"out": str(out), "rows": [row.as_json() for row in rows]})
            return
        console.print(checkpoint_table(rows))
        if drawn:
            console.print(plain(f"learning curve: {curve}"), soft_wrap=True)
        console.print(plain(f"runs: {out}"), soft_wrap=True)


app.command("retriever")(train_retriever)


def _run(kind: type[TrainingConfiguration], train: Callable[..., None], given: Any) -> None:
    """Train, and show how it ended."""
    from toolenv.cli.progress import counted
    from toolenv.training.configuration import configure

    quiet, out = given["as_json"], given["out"]
    configuration = configure(kind, given["config"], _flags(kind, given))
    with quiet_libraries(), counted("steps", quiet=quiet) as report:
        train(configuration, out, resume=given["resume"], report=report)
    last = _last_measured(out)
    if quiet:
        print_json({"out": str(out), **last})
        return
    shown = ", ".join(f"{name} {value:.4g}" for name, value in last.items() if _is_number(value))
    console.print(plain(shown), soft_wrap=True, highlight=False)
    console.print(plain(f"model: {out}"), soft_wrap=True)


def _flags(kind: type[TrainingConfiguration], given: dict[str, Any]) -> dict[str, Any]:
    flags = {name: value for name, value in given.items() if name in kind.model_fields}
    flags["from_scratch"] = flags.get("from_scratch") or None
    if given.get("lora_rank") is not None:
        flags["lora"] = {"rank": given["lora_rank"]}
    return {**flags, **_settings(given["setting"] or [], flags)}


def _settings(given: list[str], flags: dict[str, Any]) -> dict[str, Any]:
    """Settings written as NAME=VALUE, a dot leading inside."""
    from toolenv.errors import ConfigurationError
    from toolenv.jsontext import parse

    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"{one!r} is not NAME=VALUE.", where="--set")
        try:
            value: Any = parse(text)
        except ValueError:
            value = text
        outer, _, inner = name.partition(".")
        if not inner:
            found[name] = value
            continue
        inside = found.setdefault(outer, dict(flags.get(outer) or {}))
        inside[inner] = value
    return found


def _last_measured(out: Path) -> dict[str, Any]:
    """The newest value of everything in a training's log."""
    from toolenv.jsontext import parse

    found: dict[str, Any] = {}
    path = out / "log.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        said = parse(line)
        if isinstance(said, dict):
            found.update(said)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
