"""Verdict sets: what judges said of a run, beside it, each with a manifest that says who judged.

``RUN/verdicts/NAME.jsonl`` holds a verdict a line, sorted; ``RUN/verdicts/NAME.json`` is its
manifest, written last: a set with a manifest is complete. Any number of sets stand beside a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from toolenv.errors import ConfigurationError, JournalError
from toolenv.jsontext import parse, render
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.running.atomic import write_atomically
from toolenv.running.records import EpisodeKey

__all__ = ["AnyVerdict", "VerdictManifest", "VerdictSet", "pass_verdicts", "verdict_sets"]

AnyVerdict: TypeAlias = PassVerdict | WinVerdict

_FORMAT = "toolenv-verdicts"
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LINE: TypeAdapter[AnyVerdict] = TypeAdapter(
    Annotated[PassVerdict | WinVerdict, Field(discriminator="kind")]
)


class VerdictManifest(BaseModel):
    """Who judged what.

    Args:
        format: Always ``toolenv-verdicts``.
        version: The version of the layout.
        kind: ``pass`` or ``win``.
        judge: The judge's fingerprint.
        settings: What the judge's verdicts depend on; no keys.
        seed: What all sampling derives from.
        tasks: The digest of the run's tasks.
        references: What the run was compared with: name to the digest of its tasks.
        counts: How many verdicts there are, by decision.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: str = _FORMAT
    version: int = _VERSION
    kind: str = ""
    judge: str = ""
    settings: dict[str, JsonValue] = {}
    seed: int = 0
    tasks: str = ""
    references: dict[str, str] = {}
    counts: dict[str, int] = {}


class VerdictSet:
    """One set of verdicts beside a run.

    Args:
        run: The run's folder.
        name: The set's name: letters, digits, ``.``, ``_`` and ``-``.

    Raises:
        ConfigurationError: The name cannot be a file's.
    """

    def __init__(self, run: Path | str, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} cannot name a set of verdicts.",
                fix="Use letters, digits, '.', '_' and '-'.",
            )
        self.name = name
        self.path = Path(run, "verdicts", f"{name}.jsonl")
        self.manifest_path = Path(run, "verdicts", f"{name}.json")

    def __bool__(self) -> bool:
        return self.manifest_path.exists()

    def write(self, verdicts: Iterable[AnyVerdict], manifest: VerdictManifest) -> None:
        """Write a set, all or nothing, the same bytes whatever the order of the verdicts.

        Raises:
            JournalError: It cannot be written.
        """
        rows = sorted(verdicts, key=lambda verdict: verdict.key)
        self.manifest_path.unlink(missing_ok=True)
        write_atomically(self.path, (_line(row) for row in rows))
        write_atomically(self.manifest_path, [f"{render(manifest.model_dump())}\n".encode()])

    def manifest(self) -> VerdictManifest:
        """Who judged.

        Raises:
            JournalError: There is no such set, or a newer version wrote it.
        """
        try:
            found = VerdictManifest.model_validate(parse(self.manifest_path.read_bytes()))
        except FileNotFoundError:
            raise JournalError(
                "There is no such set of verdicts.",
                where=str(self.manifest_path),
                fix="Make one with: toolenv judge RUN.",
            ) from None
        except (OSError, ValueError) as error:
            raise JournalError(f"Is not a manifest: {error}.", where=str(self.path)) from None
        if found.format != _FORMAT or found.version > _VERSION:
            raise JournalError(
                f"Is in format {found.format} {found.version}; this version reads {_FORMAT} up to "
                f"{_VERSION}.",
                where=str(self.manifest_path),
                fix="Upgrade toolenv to read it.",
            )
        return found

    def read(self) -> list[AnyVerdict]:
        """All verdicts.

        Raises:
            JournalError: The file cannot be read, or a line is no verdict.
        """
        found: list[AnyVerdict] = []  # what is read before a damaged line counts the lines
        try:
            with self.path.open("rb") as file:
                found.extend(map(_read_line, file))
        except OSError as error:
            raise JournalError(f"Cannot be read: {error.strerror}.", where=str(self.path)) from None
        except (ValueError, ValidationError) as error:
            raise JournalError(
                f"Is not a verdict: {error}.",
                where=f"{self.path}:{len(found) + 1}",
                fix="Judge again: recorded completions are not asked for again.",
            ) from None
        return found

    @classmethod
    def of(cls, run: Path | str, name: str) -> Self:
        """An existing set.

        Raises:
            JournalError: There is none.
        """
        found = cls(run, name)
        found.manifest()
        return found


def verdict_sets(run: Path | str) -> Mapping[str, VerdictManifest]:
    """All complete sets beside a run, by name."""
    names = sorted(path.stem for path in Path(run, "verdicts").glob("*.jsonl"))
    found = [VerdictSet(run, name) for name in names if _NAME.fullmatch(name)]
    return {one.name: one.manifest() for one in found if one}


def pass_verdicts(run: Path | str, name: str) -> dict[EpisodeKey, PassVerdict]:
    """A set's verdicts on whether episodes passed, by episode.

    Raises:
        ConfigurationError: The set holds none.
        JournalError: There is no such set, or it cannot be read.
    """
    found = {
        EpisodeKey(one.task, one.agent, one.policy, one.seed): one
        for one in VerdictSet.of(run, name).read()
        if isinstance(one, PassVerdict)
    }
    if not found:
        raise ConfigurationError(
            f"The verdict set {name!r} holds no pass verdict.",
            where=str(run),
            fix="Name a set that 'toolenv judge pass' wrote.",
        )
    return found


def _read_line(line: bytes) -> AnyVerdict:
    try:
        return _LINE.validate_json(line)
    except ValidationError:  # a lone surrogate is JSON to our reader alone
        return _LINE.validate_python(parse(line))


def _line(verdict: AnyVerdict) -> bytes:
    dumped = verdict.model_dump(exclude_defaults=True)
    return f"{render({'kind': verdict.kind, **dumped})}\n".encode()
