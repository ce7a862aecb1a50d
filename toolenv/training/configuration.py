"""What a training is: one model of settings for each kind, read from files and flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from toolenv.agents.policies.prompting import read_chat_template
from toolenv.conversations import SYSTEM_PROMPT
from toolenv.env import Compatibility
from toolenv.errors import ConfigurationError
from toolenv.settings import check_settings, read_settings
from toolenv.training.compact_template import COMPACT_TEMPLATES, compact_template

__all__ = [
    "DPOConfiguration",
    "GRPOConfiguration",
    "KTOConfiguration",
    "Kind",
    "Lora",
    "RewardConfiguration",
    "RowsConfiguration",
    "SFTConfiguration",
    "TrainingConfiguration",
    "configure",
]

Kind: TypeAlias = Literal["sft", "dpo", "kto", "reward", "grpo"]

Chosen = TypeVar("Chosen", bound="TrainingConfiguration")

_OF_NO_INFLUENCE = {"log_steps", "save_steps", "keep_checkpoints", "workers", "data", "model"}
"""What the result does not depend on; data and model are told by their contents."""


class Lora(BaseModel):
    """A low-rank adapter that is trained in place of the weights.

    Args:
        rank: Rank of the added matrices.
        alpha: Scale of what they add, divided by the rank.
        dropout: Share of the adapter's inputs that are dropped.
        targets: Names of the modules that get one; ``all-linear`` for all but the head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"


class TrainingConfiguration(BaseModel):
    """What all kinds of training share.

    Args:
        model: A folder with a model, its tokenizer and chat template, as ``save_pretrained`` writes
            it (a LoRA adapter's folder too), or a name at the Hugging Face hub.
        data: A folder that ``toolenv dataset`` or ``toolenv pairs`` wrote, a saved dataset, or a
            Parquet or JSON Lines file.
        chat_template: The template to train with, which the trained model keeps: ``compact`` or
            ``compact-again`` for models of ``toolenv train new``, a Jinja template, or a file that
            holds one. By default the model's own.
        from_scratch: Draw the weights from the seed by the folder's ``config.json`` in place of
            reading them.
        seed: What all randomness derives from.
        epochs: Passes over the data.
        max_steps: Steps of the optimizer, in place of epochs.
        batch_size: Rows of one device and one forward pass; for ``grpo`` completions.
        accumulation: Passes of one step of the optimizer.
        learning_rate: Its highest value.
        schedule: How it falls: ``cosine``, ``linear``, ``constant``, ``constant_with_warmup``, ….
        warmup: Steps until it is reached; below 1 a share of all steps.
        weight_decay: Of the optimizer.
        max_length: Most tokens of a conversation; longer rows are left out and counted, never cut.
            By default what the model can read.
        device: ``auto`` (a GPU where there is one) or ``cpu``.
        precision: ``bfloat16`` mixed with float32, ``float32``, or ``auto``: bfloat16 on GPUs.
        attention: Which of transformers' implementations computes attention: ``sdpa``, ``eager``,
            ``flash_attention_2``, …; by default the one that it chooses.
        activation_checkpointing: Compute activations again in the backward pass, to save memory.
        lora: Train an adapter in place of the weights.
        log_steps: Steps between lines of the log.
        save_steps: Steps between checkpoints.
        keep_checkpoints: How many of the last are kept; None for all.
        options: Further arguments of TRL's configuration, as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[Kind]

    model: str
    data: str = ""
    chat_template: str | None = None
    from_scratch: bool = False
    seed: int = Field(default=0, ge=0)
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=8, ge=1)
    accumulation: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-5, gt=0)
    schedule: str = "cosine"
    warmup: float = Field(default=0.03, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_length: int | None = Field(default=None, ge=2)
    device: Literal["auto", "cpu"] = "auto"
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    attention: str | None = None
    activation_checkpointing: bool = False
    lora: Lora | None = None
    log_steps: int = Field(default=10, ge=1)
    save_steps: int = Field(default=100, ge=1)
    keep_checkpoints: int | None = Field(default=3, ge=1)
    options: dict[str, JsonValue] = {}

    def identity(self) -> dict[str, JsonValue]:
        """What the result depends on, but for the contents of model and data.

        Raises:
            ConfigurationError: The file of the chat template cannot be read.
        """
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", exclude=_OF_NO_INFLUENCE)
        return {**dumped, "chat_template": self.template_text()}

    def template_text(self) -> str | None:
        """The chat template itself; None for the model's own.

        Raises:
            ConfigurationError: Its file cannot be read.
        """
        name = self.chat_template
        if name in COMPACT_TEMPLATES:
            return compact_template(name)
        if name and "{" not in name and not Path(name).exists():
            raise ConfigurationError(
                "There is no such chat template.",
                where=name,
                fix=f"Give a file that holds one, or {' or '.join(COMPACT_TEMPLATES)}.",
            )
        return read_chat_template(name)


class RowsConfiguration(TrainingConfiguration):
    """What trainings on rows of data share.

    Args:
        rows: Train on so many of the rows, drawn from the seed; by default on all.
    """

    rows: int | None = Field(default=None, ge=1)


class SFTConfiguration(RowsConfiguration):
    """Imitation of demonstrations; the loss is on the assistant's tokens alone.

    Args:
        packing: Put several conversations into one row; needs an attention that keeps them apart.
        bucket: Sort the rows of so many batches by their length, so that less of a batch is
            padding; which rows come together and in which order is drawn, once for all epochs. 1:
            no sorting, and a new order for each epoch.
        workers: Processes that turn conversations into tokens.
    """

    kind: ClassVar[Kind] = "sft"

    packing: bool = False
    bucket: int = Field(default=1, ge=1)
    workers: int = Field(default=1, ge=1)


class DPOConfiguration(RowsConfiguration):
    """Direct preference optimisation: the sigmoid loss, and beside it imitation of what is chosen.

    Args:
        beta: How near to its reference the policy is held; higher is nearer.
        sft_weight: Weight of the imitation loss on the chosen side; it keeps the chosen side's
            log-probability, which the log shows as ``logps/chosen``, from falling. 0 for none.
    """

    kind: ClassVar[Kind] = "dpo"

    learning_rate: float = Field(default=1e-6, gt=0)
    beta: float = Field(default=0.1, gt=0)
    sft_weight: float = Field(default=1.0, ge=0)


class KTOConfiguration(RowsConfiguration):
    """Kahneman-Tversky optimisation (arXiv 2402.01306): single decisions, desirable or not.

    Args:
        batch_size: Rows of one device and one forward pass, two or more: how far the policy has
            gone from its reference is estimated from prompts with the completion of another row of
            the batch.
        beta: How near to its reference the policy is held; higher is nearer.
        desirable_weight: Weight of the loss on desirable rows. By default 1, or more where they are
            fewer, so that weighted numbers of both are 1:1; the paper (Eq. 8) advises 1:1 to 4:3.
            Where one weight is given, the other is made to fit it.
        undesirable_weight: Likewise of undesirable rows.
    """

    kind: ClassVar[Kind] = "kto"

    batch_size: int = Field(default=8, ge=2)
    learning_rate: float = Field(default=1e-6, gt=0)
    beta: float = Field(default=0.1, gt=0)
    desirable_weight: float | None = Field(default=None, gt=0)
    undesirable_weight: float | None = Field(default=None, gt=0)


class RewardConfiguration(RowsConfiguration):
    """A reward model: a score of a conversation, higher for the chosen side."""

    kind: ClassVar[Kind] = "reward"

    learning_rate: float = Field(default=1e-5, gt=0)


class GRPOConfiguration(TrainingConfiguration):
    """Group-relative policy optimisation on the environment itself.

    Args:
        batch_size: Completions of one device; with ``accumulation``, a multiple of ``group``.
        group: Attempts at one task, which share the task, the seed of all faults and the snapshot.
        rewards: Scores of an attempt, each ``NAME`` or ``WEIGHT*NAME``: ``check``,
            ``checkpoints``, ``grounded``, ``steps``, ``calls``, ``tokens``, or ``module:name``.
        temperature: How tokens are drawn.
        max_new_tokens: Most tokens of one message.
        max_completion: Most tokens of an attempt after its prompt, observations included.
        beta: Weight of the distance from the reference; 0 for none.
        tasks: As for ``toolenv run``, and so are the following.
        split: Keep this split only.
        first: The first so many tasks only.
        simulator: What answers.
        max_steps_of_branch: Steps of one attempt.
        observation_limit: Characters of one response that are observed.
        compatibility: Reproduce a benchmark's schemas, matching and rendering.
        system_prompt: The first message.
        offline: Whether simulators are refused the network.
    """

    kind: ClassVar[Kind] = "grpo"

    learning_rate: float = Field(default=1e-6, gt=0)
    schedule: str = "constant"
    warmup: float = Field(default=0.0, ge=0)
    group: int = Field(default=8, ge=2)
    rewards: tuple[str, ...] = ("check",)
    temperature: float = Field(default=1.0, gt=0)
    max_new_tokens: int = Field(default=256, ge=1)
    max_completion: int = Field(default=2048, ge=1)
    beta: float = Field(default=0.0, ge=0)
    tasks: str = "toolenv.mini:mini_tasks"
    split: str | None = None
    first: int | None = Field(default=None, ge=1)
    simulator: tuple[str, ...] = ("local:toolenv.mini:mini_simulator",)
    max_steps_of_branch: int = Field(default=16, ge=1)
    observation_limit: int = Field(default=8192, ge=1)
    compatibility: Compatibility = ""
    system_prompt: str = SYSTEM_PROMPT
    offline: bool | None = None


def configure(
    kind: type[Chosen], file: Path | None = None, flags: Mapping[str, Any] | None = None
) -> Chosen:
    """The configuration of a training from a file and the flags that are given, which win.

    Args:
        kind: Which configuration.
        file: A TOML, YAML or JSON file of its settings; None for none.
        flags: Settings by name.

    Raises:
        ConfigurationError: The file cannot be read, or a setting does not fit.
    """
    values = read_settings(file) if file is not None else {}
    given = {name: value for name, value in (flags or {}).items() if value not in (None, [], {})}
    lora = [one["lora"] for one in (values, given) if isinstance(one.get("lora"), dict)]
    both = {"lora": {**lora[0], **lora[1]}} if len(lora) == 2 else {}
    return check_settings(kind, {**values, **given, **both}, file, flags=given)
