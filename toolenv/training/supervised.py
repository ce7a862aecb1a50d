"""Training on rows: imitation, preferences, labelled decisions, and reward models."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolenv.errors import FormatError
from toolenv.fingerprint import fingerprint
from toolenv.seeds import derive
from toolenv.training.bucketing import bucketed
from toolenv.training.configuration import (
    DPOConfiguration,
    KTOConfiguration,
    RewardConfiguration,
    RowsConfiguration,
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
from toolenv.training.trl_training import arguments, make_trainer, train
from toolenv.training.unpaired import Labels, labels_of, spread

__all__ = ["dpo_trainer", "kto_trainer", "reward_trainer", "sft_trainer", "train_on_rows"]

Report = Callable[[int, int], None]


def train_on_rows(
    configuration: SFTConfiguration | DPOConfiguration | KTOConfiguration | RewardConfiguration,
    out: Path,
    *,
    resume: bool = False,
    report: Report = lambda done, total: None,
) -> None:
    """Train on demonstrations, preferences or labelled decisions, as the configuration's kind says.

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
    elif isinstance(configuration, KTOConfiguration):
        trainer, rows = kto_trainer(configuration, out)
    else:
        trainer, rows = reward_trainer(configuration, out)
    train(trainer, folder, rows, report)


def sft_trainer(configuration: SFTConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = _rows(configuration), begin(configuration)
    check_template(begun.tokenizer, configuration.model, tools=_has_tools(rows))
    rendered = Rendered(begun.tokenizer, training_template(begun.tokenizer, configuration.model))
    tokens = _tokenised(configuration, rows, rendered)
    lengths = [len(ids) for ids in tokens["input_ids"]]
    longest = _longest(configuration, begun)
    kept = fitting(tokens, lengths, longest, configuration.data)
    order: dict[str, Any] = {}
    if configuration.bucket > 1:
        fit = [length for length in lengths if length <= longest]
        size, seed = configuration.batch_size * configuration.accumulation, configuration.seed
        kept = kept._replace(rows=kept.rows.select(bucketed(fit, size, configuration.bucket, seed)))
        order = {"train_sampling_strategy": "sequential"}
    own = {
        **order,
        "max_length": longest if configuration.packing else None,
        "packing": configuration.packing,
    }
    trainer = make_trainer(
        trl.SFTTrainer,
        begun,
        args=arguments(trl.SFTConfig, configuration, begun, out, own),
        train_dataset=kept.rows,
    )
    return trainer, kept.counts


def dpo_trainer(configuration: DPOConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = _rows(configuration), begin(configuration)
    refuse_equal_sides(rows, configuration.data)
    kept = _fitting_completions(configuration, begun, rows, "chosen", "rejected")
    with_sft = configuration.sft_weight > 0
    own = {
        "max_length": None,
        "beta": configuration.beta,
        "loss_type": ["sigmoid", "sft"] if with_sft else ["sigmoid"],
        "loss_weights": [1.0, configuration.sft_weight] if with_sft else None,
    }
    trainer = make_trainer(
        trl.DPOTrainer,
        begun,
        ref_model=_reference(begun),
        args=arguments(trl.DPOConfig, configuration, begun, out, own),
        train_dataset=kept.rows,
    )
    return trainer, kept.counts


def kto_trainer(configuration: KTOConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = _rows(configuration), begin(configuration)
    kept = _fitting_completions(configuration, begun, rows, "completion")
    labels = labels_of(kept.rows, configuration.data)
    prompts = [fingerprint("prompt", row["prompt"]) for row in kept.rows.select_columns("prompt")]
    order = spread(prompts, labels, configuration.batch_size, configuration.seed)
    found = Labels.of([labels[number] for number in order])
    desirable, undesirable = found.weights(
        configuration.desirable_weight, configuration.undesirable_weight
    )
    own = {
        # no row is longer; a prompt with the completion of another row may be
        "max_length": _longest(configuration, begun),
        "beta": configuration.beta,
        "desirable_weight": desirable,
        "undesirable_weight": undesirable,
    }
    trainer = make_trainer(
        trl.KTOTrainer,
        begun,
        ref_model=_reference(begun),
        args=arguments(trl.KTOConfig, configuration, begun, out, own),
        train_dataset=kept.rows.select(order),
    )
    alone = {"alone in a batch": 1} if len(order) < len(labels) else {}
    return trainer, {**kept.counts, "rows": len(order), **found._asdict(), **alone}


def reward_trainer(configuration: RewardConfiguration, out: Path) -> tuple[Any, dict[str, int]]:
    """TRL's trainer, ready to train, and how many rows there are."""
    import trl

    rows, begun = _rows(configuration), begin(configuration, scores=True)
    refuse_equal_sides(rows, configuration.data)
    kept = _fitting_completions(configuration, begun, rows, "chosen", "rejected")
    trainer = make_trainer(
        trl.RewardTrainer,
        begun,
        args=arguments(trl.RewardConfig, configuration, begun, out, {"max_length": None}),
        train_dataset=kept.rows,
    )
    return trainer, kept.counts


def _rows(configuration: RowsConfiguration) -> Any:
    """The rows to train on: all, or so many as are wanted, drawn from the seed."""
    found = open_rows(configuration.data, configuration.kind)
    if configuration.rows is None or configuration.rows >= len(found):
        return found
    draw = random.Random(derive("training", "rows", configuration.seed))
    return found.select(sorted(draw.sample(range(len(found)), configuration.rows)))


def _reference(begun: Begun) -> Any:
    """The model as it is now, which TRL would read again from where it may not lie.

    None under an adapter, without which the model is its own reference.
    """
    return copy.deepcopy(begun.model) if begun.adapter is None else None


def _fitting_completions(
    configuration: TrainingConfiguration, begun: Begun, rows: Any, *completions: str
) -> Kept:
    """The rows whose prompt fits with each of the columns that complete it."""
    check_template(begun.tokenizer, configuration.model, tools=_has_tools(rows))
    rendered = Rendered(begun.tokenizer)
    _require_prefix(configuration, rows, rendered, completions[0])
    return _fitting(
        configuration,
        begun,
        rows,
        rendered,
        lambda row: [[*row["prompt"], *row[name]] for name in completions],
    )


def _require_prefix(
    configuration: TrainingConfiguration, rows: Any, rendered: Rendered, completion: str
) -> None:
    """Refuse a template that writes the first row's prompt otherwise once it is completed."""
    first = rows[0]
    whole = [*first["prompt"], *first[completion]]
    rendered.require_prefix(first["prompt"], whole, tools_of(first), configuration.model)


def _fitting(
    configuration: TrainingConfiguration,
    begun: Begun,
    rows: Any,
    rendered: Rendered,
    conversations: Callable[[dict[str, Any]], list[Any]],
) -> Kept:
    lengths = lengths_of(rendered, conversations, tools_of)
    measured = [max(lengths(row)) for row in rows]
    return fitting(rows, measured, _longest(configuration, begun), configuration.data)


def _tokenised(configuration: SFTConfiguration, rows: Any, rendered: Rendered) -> Any:
    """The conversations as tokens and labels, made once: TRL would make them a second time."""

    def tokens(row: dict[str, Any]) -> dict[str, list[int]]:
        if "prompt" in row:
            return rendered.completed(row["prompt"], row["completion"], tools_of(row))
        return rendered.labelled(row["messages"], tools_of(row))

    if "prompt" in rows.column_names:
        _require_prefix(configuration, rows, rendered, "completion")

    found = rows.map(
        tokens,
        remove_columns=rows.column_names,
        num_proc=configuration.workers if configuration.workers > 1 else None,
        keep_in_memory=True,
        load_from_cache_file=False,
        new_fingerprint=fingerprint("tokens", [configuration.data, configuration.model]),
    )
    silent = next((n for n, said in enumerate(found["labels"]) if max(said) < 0), None)
    if silent is not None:
        raise FormatError(
            f"The assistant says nothing in row {silent}.",
            where=configuration.data,
            fix="Leave it out: there is nothing to imitate.",
        )
    return found


def _longest(configuration: TrainingConfiguration, begun: Begun) -> int:
    return min(configuration.max_length or begun.context_length, begun.context_length)


def _has_tools(rows: Any) -> bool:
    return "tools" in rows.column_names
