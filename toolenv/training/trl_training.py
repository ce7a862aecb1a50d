"""One training from settings to a model in a folder: what all kinds share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolenv.errors import ConfigurationError
from toolenv.training.configuration import TrainingConfiguration
from toolenv.training.folder import TrainingFolder, is_first
from toolenv.training.models import Begun
from toolenv.training.spared_work import spared_work

__all__ = ["arguments", "make_trainer", "train"]

Report = Callable[[int, int], None]


def arguments(
    kind: Any, configuration: TrainingConfiguration, begun: Begun, out: Path, own: Mapping[str, Any]
) -> Any:
    """TRL's configuration for a training.

    Args:
        kind: Its class.
        configuration: What is trained.
        begun: What it begins from.
        out: The folder.
        own: What this kind of training adds.

    Raises:
        ConfigurationError: A further option is unknown, or settings do not fit together.
    """
    shared: dict[str, Any] = {
        "output_dir": str(out),
        "seed": configuration.seed,
        "data_seed": configuration.seed,
        "num_train_epochs": configuration.epochs,
        "max_steps": configuration.max_steps or -1,
        "per_device_train_batch_size": configuration.batch_size,
        "gradient_accumulation_steps": configuration.accumulation,
        "learning_rate": configuration.learning_rate,
        "lr_scheduler_type": configuration.schedule,
        "warmup_steps": configuration.warmup,
        "weight_decay": configuration.weight_decay,
        "use_cpu": not begun.on_gpu,
        "bf16": begun.bfloat16,
        "gradient_checkpointing": configuration.activation_checkpointing,
        "logging_steps": configuration.log_steps,
        "save_strategy": "steps",
        "save_steps": configuration.save_steps,
        "save_total_limit": configuration.keep_checkpoints,
        "report_to": "none",
        "disable_tqdm": True,
    }
    taken = sorted(set(configuration.options) & {*shared, *own})
    if taken:
        raise ConfigurationError(
            f"{taken[0]!r} is set by a setting of its own.", where=f"options.{taken[0]}"
        )
    try:
        return kind(**{**shared, **own, **configuration.options})
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"TRL refuses the settings: {error}", where="options") from error


def make_trainer(kind: Any, begun: Begun, **given: Any) -> Any:
    """A trainer of TRL for what a training begins from.

    Args:
        kind: Its class.
        begun: What it begins from.
        given: Its further arguments.

    Raises:
        ConfigurationError: It refuses settings that do not fit together, or the model.
    """
    try:
        return kind(
            model=begun.model,
            processing_class=begun.tokenizer,
            peft_config=begun.adapter,
            **given,
        )
    except ValueError as error:
        told = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(f"{kind.__name__} refuses the settings: {told}.") from error


def train(
    trainer: Any,
    folder: TrainingFolder,
    rows: dict[str, int],
    report: Report = lambda done, total: None,
) -> None:
    """Train, from the last checkpoint where there is one, and save the model.

    Args:
        trainer: A trainer of TRL.
        folder: Where.
        rows: How many rows there are, and how many were left out.
        report: Told how many steps are done, and of how many.

    Raises:
        ConfigurationError: The loss is no number any more.
    """
    from transformers import TrainerCallback

    folder.begin()
    begun_at = folder.checkpoint
    if begun_at is not None:
        folder.drop_log_after(int(begun_at.name.removeprefix("checkpoint-")))

    class Watching(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            report(state.global_step, state.max_steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            told = {name: value for name, value in (logs or {}).items() if not _is_time(name)}
            folder.log(state.global_step, told)
            loss = told.get("loss")
            if isinstance(loss, float) and loss != loss:
                raise ConfigurationError(
                    f"The loss at step {state.global_step} is no number.",
                    where=str(folder.path),
                    fix="Lower the learning rate, or train in float32.",
                )

    trainer.add_callback(Watching())
    for callback in ("PrinterCallback", "ProgressCallback"):
        for one in list(trainer.callback_handler.callbacks):
            if type(one).__name__ == callback:
                trainer.remove_callback(one)
    with spared_work(trainer.model, getattr(trainer, "ref_model", None)):
        result = trainer.train(resume_from_checkpoint=str(begun_at) if begun_at else None)
    trainer.save_model(str(folder.path))
    if is_first():
        folder.finish(int(result.global_step), rows)
    sys.stderr.flush()


def _is_time(name: str) -> bool:
    return name.endswith(("_runtime", "_per_second")) or name in ("step_time", "total_flos")
