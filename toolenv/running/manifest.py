"""The manifest: what a run is, so that a resumed one is the same run."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from toolenv.errors import JournalError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import render
from toolenv.running.atomic import write_atomically
from toolenv.tasks import Task

__all__ = ["Manifest", "describe_run", "task_differences"]

_FORMAT = "toolenv-run"
_VERSION = 1


class Manifest(BaseModel):
    """What a run's results depend on, and how far it has got.

    Args:
        format: Always ``toolenv-run``.
        version: The version of the folder's layout.
        versions: Versions of what made the run: toolenv, Python and packages that matter.
        tasks: A digest of the run's tasks.
        fingerprints: Digests of what the results depend on, by part: environment, agent, policy.
        environment: Digests of the environment's parts, so that a difference has a name.
        network: Who may use the network in an offline run: the policies' endpoints, by policy.
        configuration: The settings that the results depend on. Keys and tokens never belong here,
            nor what results do not depend on, such as how many episodes run at once.
        counts: How many tasks and finished episodes there are, and whatever else is counted.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: str = _FORMAT
    version: int = _VERSION
    versions: dict[str, str] = {}
    tasks: str = ""
    fingerprints: dict[str, str] = {}
    environment: dict[str, str] = {}
    network: dict[str, str] = {}
    configuration: dict[str, JsonValue] = {}
    counts: dict[str, int] = {}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a manifest.

        Raises:
            JournalError: The file is missing, is no manifest, or a newer version wrote it.
        """
        try:
            manifest = cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise JournalError(
                "Is not a run folder: it has no manifest.json.",
                where=str(path.parent),
                fix="Name the folder that a run was written to.",
            ) from None
        except OSError as error:
            raise JournalError(f"Cannot be read: {error.strerror}.", where=str(path)) from error
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            raise JournalError(
                f"Is not a manifest: {field} {problem['msg']}.".replace("  ", " "),
                where=str(path),
                fix="Restore the file from a copy.",
            ) from error
        if manifest.format != _FORMAT or manifest.version > _VERSION:
            raise JournalError(
                f"Is in format {manifest.format} {manifest.version}; this version reads "
                f"{_FORMAT} up to {_VERSION}.",
                where=str(path),
                fix="Upgrade toolenv to read it.",
            )
        return manifest

    def write(self, path: Path) -> None:
        """Write the manifest, all or nothing.

        Raises:
            JournalError: The file cannot be written.
        """
        write_atomically(path, [f"{self.model_dump_json(indent=2)}\n".encode()])

    def differences(self, other: Manifest) -> list[str]:
        """What makes ``other`` a different run, apart from its tasks; empty if nothing."""
        found = _differences("configuration", self.configuration, other.configuration)
        found += _differences("fingerprints", self.fingerprints, other.fingerprints)
        if self.environment and other.environment:
            found += _differences("environment", self.environment, other.environment)
        return found


def _differences(
    where: str, ours: Mapping[str, JsonValue], theirs: Mapping[str, JsonValue]
) -> list[str]:
    found: list[str] = []
    for key in sorted({*ours, *theirs}):
        path, before, now = f"{where}.{key}", ours.get(key), theirs.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            found += _differences(path, before, now)
        elif key not in ours:
            found.append(f"{path} (not set in the run, now {_shown(now)})")
        elif key not in theirs:
            found.append(f"{path} ({_shown(before)} in the run, not set now)")
        elif render(before) != render(now):
            found.append(f"{path} ({_shown(before)} in the run, now {_shown(now)})")
    return found


def _shown(value: JsonValue) -> str:
    text = render(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def describe_run(
    tasks: Iterable[Task],
    configuration: Mapping[str, JsonValue] | None = None,
    fingerprints: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    network: Mapping[str, str] | None = None,
) -> tuple[Manifest, list[bytes]]:
    """A run's manifest as it begins, and its tasks as lines.

    Raises:
        JournalError: Two tasks have the same id.
    """
    lines: list[bytes] = []
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise JournalError(
                f"Two tasks have the id {task.id!r}.",
                fix="Give each task of a run an id of its own.",
            )
        seen.add(task.id)
        lines.append(_task_line(task))
    manifest = Manifest(
        versions={"toolenv": _own_version(), "python": platform.python_version()},
        tasks=fingerprint("tasks", [line.decode() for line in lines]),
        fingerprints=dict(sorted((fingerprints or {}).items())),
        environment=dict(sorted((environment or {}).items())),
        network=dict(sorted((network or {}).items())),
        configuration=dict(configuration or {}),
        counts={"tasks": len(lines)},
    )
    return manifest, lines


def task_differences(before: Sequence[Task], now: Sequence[Task]) -> str:
    """In which tasks two runs differ, in words."""
    ours = {task.id: _task_line(task) for task in before}
    theirs = {task.id: _task_line(task) for task in now}
    parts = {
        "missing now": [id_ for id_ in ours if id_ not in theirs],
        "new": [id_ for id_ in theirs if id_ not in ours],
        "changed": [id_ for id_, line in ours.items() if theirs.get(id_, line) != line],
    }
    named = [f"{len(ids)} {what}, such as {_shown(ids[0])}" for what, ids in parts.items() if ids]
    return f"tasks ({'; '.join(named) or 'in another order'})"


def _task_line(task: Task) -> bytes:
    return f"{render(task.model_dump())}\n".encode()


def _own_version() -> str:
    try:
        return version("toolenv")
    except PackageNotFoundError:
        return "unknown"
