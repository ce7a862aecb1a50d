"""The folder of a training: what it is, how far it got, its log, its checkpoints and its model.

- ``training.json``: settings, digests of model and data, versions, state.
- ``log.jsonl``: what was measured, a line every so many steps.
- ``checkpoint-N/``: everything that going on from step N needs, as transformers writes it.
- the model, its tokenizer and configuration, once the training is finished.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from toolenv.errors import ConfigurationError
from toolenv.files import replacing, require_empty
from toolenv.jsontext import parse, render

__all__ = ["TrainingFolder", "TrainingRecord", "checkpoints_of", "interrupted_in", "is_first"]

_FORMAT = "toolenv-training"
_VERSION = 1
_RECORD = "training.json"
_PACKAGES = ("toolenv", "torch", "transformers", "trl", "datasets", "accelerate", "peft")


class TrainingRecord(BaseModel):
    """What a training is and how far it got.

    Args:
        format: Always ``toolenv-training``.
        version: The version of the layout.
        kind: ``sft``, ``dpo``, ``kto``, ``reward`` or ``grpo``.
        configuration: The settings that the result depends on.
        model: Digest of the model that it began from.
        data: Digest of the data.
        versions: Versions of what trained.
        state: ``training`` or ``finished``.
        steps: Steps of the optimizer, once finished.
        rows: How many rows were trained on, and how many were left out, by why.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: str = _FORMAT
    version: int = _VERSION
    kind: str = ""
    configuration: dict[str, JsonValue] = {}
    model: str = ""
    data: str = ""
    versions: dict[str, str] = {}
    state: Literal["training", "finished"] = "training"
    steps: int = 0
    rows: dict[str, int] = {}

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The record in a folder; None where there is none.

        Raises:
            ConfigurationError: It cannot be read.
        """
        path = folder / _RECORD
        try:
            return cls.model_validate(parse(path.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise ConfigurationError(
                f"Is no record of a training: {error}.", where=str(path)
            ) from None


class TrainingFolder:
    """Where a training writes.

    Args:
        path: The folder.
        record: What the training is.
        resume: Go on with the training that is there.

    Attributes:
        checkpoint: The checkpoint to go on from; None to begin at the beginning.

    Raises:
        ConfigurationError: The folder holds something else, another training, or a finished one.
    """

    def __init__(self, path: Path, record: TrainingRecord, *, resume: bool) -> None:
        self.path = path
        self.record = record.model_copy(update={"versions": _versions()})
        self.checkpoint: Path | None = None
        if not is_first():  # the first process looks, and its folder is not empty any more
            self.checkpoint = _last(path) if resume else None
            return
        self._look(resume)

    def begin(self) -> None:
        """Note that the training is under way."""
        if is_first():
            self.path.mkdir(parents=True, exist_ok=True)
            self._write()

    def _look(self, resume: bool) -> None:
        path, there = self.path, TrainingRecord.read(self.path)
        if there is None:
            require_empty(path)
        elif there.state == "finished":
            raise ConfigurationError(
                f"Holds a finished training of {there.steps} steps.",
                where=str(path),
                fix="Name another folder.",
            )
        elif not resume:
            last = _last(path)
            reached = f"its last checkpoint is {last.name}" if last else "it has no checkpoint yet"
            raise ConfigurationError(
                f"Holds a training that was interrupted; {reached}.",
                where=str(path),
                fix="Go on with it: --resume. Or name another folder.",
            )
        else:
            self._require_same(there)
            self.checkpoint = _last(path)

    def log(self, step: int, measured: dict[str, JsonValue]) -> None:
        """Append a line to the log."""
        if is_first():
            with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(f"{render({'step': step, **measured})}\n")

    def drop_log_after(self, step: int) -> None:
        """Take back what was logged after the step that the training goes on from."""
        path = self.path / "log.jsonl"
        if not is_first() or not path.exists():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                said = parse(line)
            except ValueError:  # the last line of a process that was killed
                continue
            at = said.get("step") if isinstance(said, dict) else None
            if isinstance(at, int) and at <= step:
                kept.append(f"{line}\n")
        with replacing(path) as new:
            new.write_text("".join(kept), encoding="utf-8")

    def finish(self, steps: int, rows: dict[str, int]) -> None:
        """Note that the model is there."""
        done = {"state": "finished", "steps": steps, "rows": rows}
        self.record = self.record.model_copy(update=done)
        self._write()

    def _require_same(self, there: TrainingRecord) -> None:
        ours, theirs = self.record, there
        differing = [
            name
            for name in ("kind", "model", "data")
            if getattr(ours, name) != getattr(theirs, name)
        ]
        settings = {*ours.configuration, *theirs.configuration}
        differing += sorted(
            name
            for name in settings
            if ours.configuration.get(name) != theirs.configuration.get(name)
        )
        if differing:
            raise ConfigurationError(
                f"The training there differs in {', '.join(differing)}.",
                where=str(self.path),
                fix="Resume it with the settings, model and data that it began with, or name "
                "another folder.",
            )

    def _write(self) -> None:
        if is_first():
            with replacing(self.path / _RECORD) as new:
                new.write_text(f"{render(self.record.model_dump())}\n", encoding="utf-8")


def is_first() -> bool:
    """Whether this process is the first, or only, one of a training."""
    return os.environ.get("RANK", "0") == "0"


def checkpoints_of(folder: Path) -> list[Path]:
    """The complete checkpoints of a training, by step."""
    found = []
    for path in folder.glob("checkpoint-*"):
        number = path.name.removeprefix("checkpoint-")
        if number.isdecimal() and (path / "trainer_state.json").is_file():
            found.append((int(number), path))
    return [path for _, path in sorted(found)]


def interrupted_in(folder: Path) -> str:
    """What to say of a folder whose training has not finished; empty where there is none such."""
    try:
        record = TrainingRecord.read(folder)
    except ConfigurationError:
        return ""
    if record is None or record.state == "finished":
        return ""
    last = _last(folder)
    name = f", or name its last checkpoint, {last}" if last else ""
    return f"Its training was interrupted: go on with it (--resume){name}."


def _last(folder: Path) -> Path | None:
    found = checkpoints_of(folder)
    return found[-1] if found else None


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
