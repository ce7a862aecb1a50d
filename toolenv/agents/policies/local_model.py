"""Local models: where they lie, what tells them apart, and how they are loaded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue

__all__ = ["Device", "LoadedModel", "ModelSource", "Precision"]

Device: TypeAlias = str
"""``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``spread``, which
spreads one model over all GPUs and needs accelerate."""

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
"""``auto``: float32 on a CPU, the checkpoint's own elsewhere."""

_PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_LOADING = threading.Lock()
"""Held while a model is loaded: transformers cannot be imported by two threads at once."""

_SCALED_ALREADY = ("linear", "dynamic", "yarn", "longrope", "llama3")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory with its tokenizer.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        ends: Tokens that end a message.
        padding: The token that fills shorter prompts and ended rows.
        vocabulary: Width of the logits.
        context_length: Most tokens of prompt and answer together.
    """

    model: Any
    tokenizer: Any
    ends: tuple[int, ...]
    padding: int
    vocabulary: int
    context_length: int


@dataclass(frozen=True)
class ModelSource:
    """Which model it is: a checkpoint, what is added to it, and how far its positions reach.

    Args:
        model: A folder as ``save_pretrained`` writes it, or a name at the Hugging Face hub.
        adapter: A folder with a LoRA adapter as peft writes it; it is merged into the weights.
        revision: The commit or tag of a hub model; name one, since the default moves.
        position_ratio: Positions are divided by this (RoPE condensation), so that a model trained
            on a short context reads one so many times as long. A checkpoint whose configuration
            scales positions already is left as it is.
        context_length: Tokens of prompt and answer together; where None, what the checkpoint says,
            times the ratio.

    Raises:
        ConfigurationError: A folder is absent or holds no model or adapter.
    """

    model: str
    adapter: str | None = None
    revision: str | None = None
    position_ratio: float | None = None
    context_length: int | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigurationError(
                "No model is named.", fix="Name a folder with config.json, or a model of the hub."
            )
        if self.position_ratio is not None and not self.position_ratio >= 1:
            raise ConfigurationError("Must be at least 1.", where="position_ratio")
        path = Path(self.model)
        if path.is_dir() and not (path / "config.json").is_file():
            raise ConfigurationError(
                "The folder holds no config.json.",
                where=self.model,
                fix="Name a folder as transformers' save_pretrained writes it.",
            )
        if not path.exists() and (path.is_absolute() or self.model.startswith((".", "~"))):
            raise ConfigurationError("There is no such folder.", where=self.model)
        if self.adapter is not None and not Path(self.adapter, "adapter_config.json").is_file():
            raise ConfigurationError(
                "The folder holds no adapter_config.json.",
                where=self.adapter,
                fix="Name a folder as peft's save_pretrained writes it.",
            )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what the model's files hold, or of name and revision at the hub.

        Where a folder lies does not matter, and hashing takes about a second for 2 GB, once.
        """
        return fingerprint(
            "model",
            {
                "model": _files(self.model) or [self.model, self.revision],
                "adapter": _files(self.adapter) if self.adapter is not None else None,
                "position_ratio": self.position_ratio,
                "context_length": self.context_length,
            },
        )

    def load(self, device: Device = "auto", precision: Precision = "auto") -> LoadedModel:
        """Read model and tokenizer, and move them to the device.

        Remote code is never run, and weights in PyTorch's own format are read as tensors only.

        Raises:
            ConfigurationError: A library is missing, or the files cannot be loaded.
        """
        if precision not in _PRECISIONS:
            raise ConfigurationError(
                f"Unknown precision: {precision!r}.",
                where="dtype",
                fix=f"Use {', '.join(_PRECISIONS)}.",
            )
        with _LOADING:
            return self._load(device, precision)

    def _load(self, device: Device, precision: Precision) -> LoadedModel:
        torch, transformers = _libraries()
        where = device
        if device == "auto":
            where = "cuda" if torch.cuda.is_available() else "cpu"
        options: dict[str, Any] = {"revision": self.revision} if self.revision else {}
        if precision != "auto":
            kind: Any = getattr(torch, precision)
        else:
            kind = torch.float32 if where == "cpu" else "auto"
        placed = {"device_map": "auto"} if where == "spread" else {}

        def read() -> tuple[Any, Any]:
            config = transformers.AutoConfig.from_pretrained(self.model, **options)
            self._scale(config)
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.model, **options)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                self.model, config=config, dtype=kind, **placed, **options
            )
            if self.adapter is not None:
                import peft

                model = peft.PeftModel.from_pretrained(model, self.adapter).merge_and_unload()
            return model if placed else model.to(where), tokenizer

        model, tokenizer = self._reading(read)
        ends = _ends(model, tokenizer)
        padding = tokenizer.pad_token_id
        if padding is None:
            padding = ends[0] if ends else 0
        # The policy's options alone decide how tokens are drawn, not generation_config.json.
        model.generation_config = transformers.GenerationConfig(
            eos_token_id=list(ends) or None, pad_token_id=padding
        )
        model.eval()
        vocabulary = int(model.get_output_embeddings().weight.shape[0])
        return LoadedModel(model, tokenizer, ends, padding, vocabulary, self._context(model.config))

    def _reading(self, read: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
        try:
            return read()
        except ImportError as error:
            raise ConfigurationError(
                f"The model needs a library that is not installed: {error}.".replace("..", "."),
                where=self.model,
                fix="pip install 'toolenv[local]'; spreading a model needs accelerate too.",
            ) from error
        except ConfigurationError:
            raise
        except Exception as error:  # what the libraries raise for damaged files is not bounded
            raise ConfigurationError(
                f"The model cannot be loaded: {type(error).__name__}: {str(error)[:500]}",
                where=self.model,
                fix="Name a folder with config.json, tokenizer and weights, or, where the hub can "
                "be reached, one of its models.",
            ) from error

    def _scale(self, config: Any) -> None:
        """Divide the model's positions by the ratio, which is linear scaling of RoPE."""
        if self.position_ratio in (None, 1, 1.0):
            return
        known = getattr(config, "rope_parameters", None)
        if not isinstance(known, dict) or not isinstance(known.get("rope_type", "default"), str):
            raise ConfigurationError(
                "This kind of model has no rotary positions that could be scaled.",
                where="position_ratio",
            )
        if known.get("rope_type") in _SCALED_ALREADY:
            return
        config.rope_parameters = {
            **known,
            "rope_type": "linear",
            "factor": float(self.position_ratio or 1),
        }

    def _context(self, config: Any) -> int:
        if self.context_length is not None:
            return self.context_length
        said = getattr(config.get_text_config(), "max_position_embeddings", None)
        if not isinstance(said, int) or said <= 0:
            raise ConfigurationError(
                "The model does not say how long its context is.",
                where=self.model,
                fix="Give context_length.",
            )
        return int(said * (self.position_ratio or 1))


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise ConfigurationError(
            f"Local models need {error.name}, which is not installed.",
            fix="pip install 'toolenv[local]'",
        ) from error
    return torch, transformers


def _ends(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a message, as tokenizer and checkpoint say."""
    said = getattr(model.generation_config, "eos_token_id", None)
    found = [tokenizer.eos_token_id, *(said if isinstance(said, list) else [said])]
    return tuple(dict.fromkeys(token for token in found if isinstance(token, int)))


def _files(folder: str) -> JsonValue:
    """Name and digest of each file in a folder; None where it is none."""
    path = Path(folder)
    if not path.is_dir():
        return None
    found: list[JsonValue] = []
    for file in sorted(path.iterdir()):
        if file.is_file() and not file.name.startswith(".") and file.suffix.lower() != ".md":
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16))
            found.append([file.name, digest.hexdigest()])
    return found
