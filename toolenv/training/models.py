"""Models to train: read or drawn from a seed, with their tokenizers, and adapters for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from toolenv.agents.policies.local_model import ModelSource
from toolenv.errors import ConfigurationError
from toolenv.jsontext import parse
from toolenv.training.configuration import TrainingConfiguration
from toolenv.training.folder import interrupted_in

__all__ = ["Begun", "adapter_config", "begin", "model_source"]


class Begun(NamedTuple):
    """What a training begins from.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        context_length: Most tokens that it can read.
        on_gpu: Whether it is trained on GPUs.
        bfloat16: Whether it is trained in bfloat16 mixed with float32.
        adapter: The settings of a LoRA adapter; None to train the weights.
    """

    model: Any
    tokenizer: Any
    context_length: int
    on_gpu: bool
    bfloat16: bool
    adapter: Any


def model_source(model: str) -> ModelSource:
    """Where a model lies: of an adapter's folder, its base and the adapter.

    Raises:
        ConfigurationError: There is no such folder, or its training was interrupted.
    """
    path = Path(model)
    if said := interrupted_in(path):
        raise ConfigurationError("The folder holds no finished model.", where=model, fix=said)
    base = adapter_base(path)
    return ModelSource(base, str(path)) if base else ModelSource(model)


def adapter_base(path: Path) -> str:
    """The model that an adapter's folder is for; empty where it is no adapter's."""
    file = path / "adapter_config.json"
    if not file.is_file():
        return ""
    try:
        said = parse(file.read_bytes())
    except ValueError:
        said = None
    base = said.get("base_model_name_or_path") if isinstance(said, dict) else None
    if not isinstance(base, str) or not base:
        raise ConfigurationError("It does not name the model it is for.", where=str(file))
    return base


def _why_not_loaded(model: str, error: Exception) -> str:
    if ("/" in model or model.startswith(".")) and not Path(model).exists():
        return "There is no such folder, and no model of that name in the libraries' cache or hub."
    return f"The model cannot be loaded: {type(error).__name__}: {str(error)[:300]}"


def begin(configuration: TrainingConfiguration, *, scores: bool = False) -> Begun:
    """Read the model and its tokenizer, or draw its weights.

    Args:
        configuration: What is trained.
        scores: Make it a model with one score in place of a vocabulary, for rewards.

    Raises:
        ConfigurationError: A library is missing, or the files cannot be read.
    """
    try:
        import torch
        import transformers
        import trl  # noqa: F401  what follows needs it
    except ImportError as error:
        raise ConfigurationError(
            f"Training needs {error.name}, which is not installed.",
            fix="pip install 'toolenv[train]'",
        ) from error
    source = model_source(configuration.model)
    on_gpu = configuration.device == "auto" and torch.cuda.is_available()
    bfloat16 = configuration.precision == "bfloat16" or (
        configuration.precision == "auto" and on_gpu and torch.cuda.is_bf16_supported()
    )
    # Optimizers of all weights need them in float32; under an adapter they only are read.
    kind = torch.bfloat16 if bfloat16 and configuration.lora is not None else torch.float32
    makers = transformers.AutoModelForSequenceClassification if scores else None
    maker = makers or transformers.AutoModelForCausalLM
    try:
        config = transformers.AutoConfig.from_pretrained(source.model)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.adapter or source.model)
        tokenizer.chat_template = configuration.template_text() or tokenizer.chat_template
        if scores:
            config.num_labels = 1
            if config.pad_token_id is None:
                config.pad_token_id = tokenizer.pad_token_id or tokenizer.eos_token_id
        transformers.set_seed(configuration.seed)
        chosen = {"attn_implementation": configuration.attention} if configuration.attention else {}
        if configuration.from_scratch:
            model = maker.from_config(config, dtype=kind, **chosen)
            model.config._name_or_path = source.model
        else:
            model = maker.from_pretrained(source.model, config=config, dtype=kind, **chosen)
        if source.adapter is not None:
            import peft

            model = peft.PeftModel.from_pretrained(model, source.adapter).merge_and_unload()
            model.requires_grad_(True)  # which peft has taken from the base's weights
    except ConfigurationError:
        raise
    except Exception as error:  # what the libraries raise for damaged files is not bounded
        if configuration.attention and configuration.attention in str(error):
            raise ConfigurationError(
                f"The model cannot compute attention by {configuration.attention!r}: "
                f"{str(error)[:200]}",
                where="attention",
                fix="Use sdpa or eager, or install what it needs.",
            ) from error
        raise ConfigurationError(
            _why_not_loaded(configuration.model, error),
            where=configuration.model,
            fix="Name a folder with config.json, tokenizer and weights; with --from-scratch the "
            "weights may be missing.",
        ) from error
    if len(tokenizer) > config.vocab_size:
        raise ConfigurationError(
            f"The tokenizer has {len(tokenizer)} tokens, and the model knows {config.vocab_size}.",
            where=configuration.model,
            fix="Use the tokenizer that belongs to the model.",
        )
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return Begun(
        model,
        tokenizer,
        length if isinstance(length, int) and length > 0 else 1 << 20,
        on_gpu,
        bfloat16,
        adapter_config(configuration, scores=scores),
    )


def adapter_config(configuration: TrainingConfiguration, *, scores: bool = False) -> Any:
    """The settings of a LoRA adapter in peft's form; None where none is asked for.

    Raises:
        ConfigurationError: peft is not installed.
    """
    lora = configuration.lora
    if lora is None:
        return None
    try:
        import peft
    except ImportError as error:
        raise ConfigurationError(
            "An adapter needs peft, which is not installed.",
            where="lora",
            fix="pip install 'toolenv[train]'",
        ) from error
    return peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        task_type="SEQ_CLS" if scores else "CAUSAL_LM",
    )
