"""Training on rows: imitation, preferences, and reward models."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.training.configuration import (
    DPOConfiguration,
    RewardConfiguration,
    SFTConfiguration,
    TrainingConfiguration,
)
from toolenv.training.data import (
    Kept,
    data_fingerprint,
    fitting,
    open_rows,
    refuse_equal_sides,
    tools_of,
)
from toolenv.training.folder import TrainingFolder, TrainingRecord
from toolenv.training.models import Begun, begin, model_source
from toolenv.training.templates import Rendered, check_template, lengths_of, training_template
from toolenv.training.trl_training import arguments, train

__all__ = ["dpo_trainer", "reward_trainer", "sft_trainer", "train_on_rows"]

Report = Callable[[int, int], None]


def train_on_rows(
    configuration: SFTConfiguration | DPOConfiguration | RewardConfiguration,
    out: Path,
    *,
    resume: bool = False,
    report: Report = lambda done, total: None,
) -> None:
    """Train on demonstrations or preferences, as the kind of the configuration says.

    Args:
        configuration: What is trained, and how.
        out: The folder.
        resume: Go on with the training that is there.
        report: Told how many steps are done, and of how many.

    Raises:
        ToolenvError: Something is wrong with settings, model, data or folder.
    """
    open_rows(configuration.data, configuration.kind)
    record = TrainingRecord(
        kind=configuration.kind,
        configuration=configuration.identity(),
        model=model_source(configuration.model).fingerprint,
        data=data_fingerprint(configuration.data, configuration.kind),
    )
    folder = TrainingFolder(out, record, resume=resume)
    if isinstance(configuration, SFTConfiguration):
        trainer, rows = sft_trainer(configuration, out)
    elif isinstance(configuration, DPOConfiguration):
        trainer, rows = dpo_trainer(configuration, out)
    else:
        trainer, rows = reward_trainer(configuration, out)
    train(trainer, folder, rows, report)


def sft_trainer(configuration: SFTConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = open_rows(configuration.data, "sft"), begin(configuration)
    check_template(begun.tokenizer, configuration.model, tools=_has_tools(rows))
    rendered = Rendered(begun.tokenizer, training_template(begun.tokenizer, configuration.model))
    kept = _fitting(configuration, begun, rows, rendered, lambda row: [row["messages"]])
    own = {
        "max_length": None if not configuration.packing else _longest(configuration, begun),
        "assistant_only_loss": True,
        "packing": configuration.packing,
    }
    trainer = trl.SFTTrainer(
        model=begun.model,
        args=arguments(trl.SFTConfig, configuration, begun, out, own),
        train_dataset=kept.rows,
        processing_class=begun.tokenizer,
        peft_config=begun.adapter,
    )
    return trainer, kept.counts


def dpo_trainer(configuration: DPOConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = open_rows(configuration.data, "dpo"), begin(configuration)
    kept = _fitting_pairs(configuration, begun, rows)
    with_sft = configuration.sft_weight > 0
    own = {
        "max_length": None,
        "beta": configuration.beta,
        "loss_type": ["sigmoid", "sft"] if with_sft else ["sigmoid"],
        "loss_weights": [1.0, configuration.sft_weight] if with_sft else None,
    }
    trainer = trl.DPOTrainer(
        model=begun.model,
        # the model as it is now: it would be read again from where it may not lie
        ref_model=copy.deepcopy(begun.model) if begun.adapter is None else None,
        args=arguments(trl.DPOConfig, configuration, begun, out, own),
        train_dataset=kept.rows,
        processing_class=begun.tokenizer,
        peft_config=begun.adapter,
    )
    return trainer, kept.counts


def reward_trainer(configuration: RewardConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = open_rows(configuration.data, "reward"), begin(configuration, scores=True)
    kept = _fitting_pairs(configuration, begun, rows)
    trainer = trl.RewardTrainer(
        model=begun.model,
        args=arguments(trl.RewardConfig, configuration, begun, out, {"max_length": None}),
        train_dataset=kept.rows,
        processing_class=begun.tokenizer,
        peft_config=begun.adapter,
    )
    return trainer, kept.counts


def _fitting_pairs(configuration: TrainingConfiguration, begun: Begun, rows: Any) -> Kept:
    refuse_equal_sides(rows, configuration.data)
    check_template(begun.tokenizer, configuration.model, tools=_has_tools(rows))
    rendered = Rendered(begun.tokenizer)
    first = rows[0]
    whole = [*first["prompt"], *first["chosen"]]
    rendered.require_prefix(first["prompt"], whole, tools_of(first), configuration.model)
    return _fitting(
        configuration,
        begun,
        rows,
        rendered,
        lambda row: [[*row["prompt"], *row["chosen"]], [*row["prompt"], *row["rejected"]]],
    )


def _fitting(
    configuration: TrainingConfiguration,
    begun: Begun,
    rows: Any,
    rendered: Rendered,
    conversations: Callable[[dict[str, Any]], list[Any]],
) -> Kept:
    measured = lengths_of(rendered, conversations, tools_of)
    return fitting(rows, measured, _longest(configuration, begun), configuration.data)


def _longest(configuration: TrainingConfiguration, begun: Begun) -> int:
    return min(configuration.max_length or begun.context_length, begun.context_length)


def _has_tools(rows: Any) -> bool:
    return "tools" in rows.column_names
