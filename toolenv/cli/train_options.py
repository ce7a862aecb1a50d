"""What the commands that train share: their options, and how they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import INTERRUPTED, console, plain, print_json, tell
from toolenv.cli.training_output import quiet_libraries

if TYPE_CHECKING:
    from toolenv.training.configuration import TrainingConfiguration

__all__ = [
    "Batch",
    "Beta",
    "Config",
    "Data",
    "Device",
    "Epochs",
    "Json",
    "Length",
    "Lora",
    "MaxSteps",
    "Model",
    "Out",
    "Rate",
    "Resume",
    "Scratch",
    "Seed",
    "Set",
    "run_training",
]

Model = Annotated[
    str | None, typer.Option(help="A folder with model, tokenizer and chat template.")
]
Data = Annotated[
    str | None, typer.Option(help="What 'toolenv dataset' or 'toolenv pairs' wrote, or a file.")
]
Out = Annotated[Path, typer.Option(help="The folder to write.")]
Config = Annotated[
    Path | None, typer.Option(help="A TOML, YAML or JSON file of settings; flags override it.")
]
Seed = Annotated[int | None, typer.Option(help="What all randomness derives from.")]
Epochs = Annotated[float | None, typer.Option(help="Passes over the data.")]
MaxSteps = Annotated[int | None, typer.Option(help="Steps of the optimizer.")]
Batch = Annotated[int | None, typer.Option(help="Rows of one device and one pass.")]
Beta = Annotated[
    float | None, typer.Option(help="How near to its reference it is held; higher is nearer.")
]
Rate = Annotated[float | None, typer.Option(help="The highest learning rate.")]
Length = Annotated[
    int | None, typer.Option(help="Most tokens of a row; longer ones are left out, never cut.")
]
Scratch = Annotated[
    bool, typer.Option("--from-scratch", help="Draw the weights from the seed, by config.json.")
]
Lora = Annotated[int | None, typer.Option(help="Train a LoRA adapter of this rank.")]
Device = Annotated[str | None, typer.Option(help="auto or cpu.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any setting, as NAME=VALUE; a dot leads inside. Repeatable."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the training in the folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print the end of the log as JSON.")]


def run_training(kind: type[TrainingConfiguration], train: Callable[..., None], given: Any) -> None:
    """Train, and show how it ended."""
    from toolenv.cli.progress import counted
    from toolenv.errors import ConfigurationError
    from toolenv.training.configuration import configure
    from toolenv.training.folder import checkpoints_of, is_first

    flags = _flags(kind, given)
    if "model" not in flags and given["config"] is None:
        raise ConfigurationError(
            "Nothing says what to train.",
            where="--model",
            fix="Name a folder with --model; 'toolenv train new' makes a small one.",
        )
    quiet, out = given["as_json"] or not is_first(), given["out"]
    configuration = configure(kind, given["config"], flags)
    try:
        with quiet_libraries(), counted("steps", quiet=quiet) as report:
            train(configuration, out, resume=given["resume"], report=report)
    except KeyboardInterrupt:
        kept = checkpoints_of(out)
        reached = f" after {kept[-1].name}" if kept else " before its first checkpoint"
        tell(f"interrupted{reached}: the same command with --resume goes on")
        raise typer.Exit(INTERRUPTED) from None
    if not is_first():
        return
    last = _last_measured(out)
    if quiet:
        print_json({"out": str(out), **last})
        return
    shown = ", ".join(f"{name} {value:.4g}" for name, value in last.items() if _is_number(value))
    console.print(plain(shown), soft_wrap=True, highlight=False)
    console.print(plain(f"model: {out}"), soft_wrap=True)


def _flags(kind: type[TrainingConfiguration], given: dict[str, Any]) -> dict[str, Any]:
    flags = {
        name: value
        for name, value in given.items()
        if name in kind.model_fields and value not in (None, [], False)
    }
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
