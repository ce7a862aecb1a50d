"""The manifest: what a run is, so that a resumed one is the same run."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from toolenv.errors import JournalError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import render
from toolenv.running.atomic import write_atomically
from toolenv.tasks import Task

__all__ = [
    "Manifest",
    "Session",
    "begin_session",
    "describe_run",
    "end_session",
    "hindrances",
    "task_differences",
]

_FORMAT = "toolenv-run"
_VERSION = 1

_PACKAGES = ("gymnasium", "httpx", "jsonschema-rs", "numpy", "openai", "orjson", "pydantic")
_PACKAGES_WHERE_USED = ("aiohttp", "mcp", "peft", "torch", "transformers", "xgrammar")


class Session(BaseModel):
    """One time that a run was worked on; a run that was resumed has several.

    Args:
        began: When, in UTC, as ISO 8601 has it.
        ended: When; empty while it goes on, or where it was killed.
        seconds: How long it took.
        host: Where: operating system, processor, number of processors, Python; no names of hosts
            or users.
        versions: Versions of toolenv, Python and packages that matter.
        settings: The options that results do not depend on, such as how many episodes run at once.
        environment: Digests of the environment's parts, as the manifest has them; a run that was
            extended with tasks had others before.
        episodes: How many episodes finished in it.
        stopped: Why it ended before all episodes had: ``interrupted``, ``budget: run_money``, or
            the error; empty where it did not.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    began: str
    ended: str = ""
    seconds: float = 0.0
    host: dict[str, JsonValue] = {}
    versions: dict[str, str] = {}
    settings: dict[str, JsonValue] = {}
    environment: dict[str, str] = {}
    episodes: int = 0
    stopped: str = ""


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
            nor what results do not depend on, which a session's ``settings`` are for.
        counts: How many tasks and finished episodes there are, how these went (``passed``,
            ``failed``, ``unsure``, ``infrastructure_error``), and whatever else is counted.
        costs: What the finished episodes consumed: ``policy_calls``, ``input_tokens``,
            ``output_tokens``, ``api_calls``, and ``money`` by the price table.
        sessions: The times that the run was worked on, in order.
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
    costs: dict[str, int | float] = {}
    sessions: tuple[Session, ...] = ()

    def settings(self) -> dict[str, JsonValue]:
        """All options of the run, as its last session had them."""
        last = self.sessions[-1].settings if self.sessions else {}
        return {**last, **self.configuration}

    def smaller_environments(self) -> set[str]:
        """Fingerprints of this environment with the fewer tasks that earlier sessions had."""
        return {
            fingerprint("environment", session.environment)
            for session in self.sessions
            if session.environment != self.environment
            and _with_tasks_of(self.environment, session.environment) == self.environment
        }

    @property
    def stopped(self) -> str:
        """Why the last session ended before all episodes had; empty where it did not."""
        return self.sessions[-1].stopped if self.sessions else ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a manifest.

        Raises:
            JournalError: The file is missing, is no manifest, or a newer version wrote it.
        """
        try:
            manifest = cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            if not path.parent.exists():
                raise JournalError(
                    "There is no such folder.", where=str(path.parent), fix="Check the path."
                ) from None
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


def begin_session(settings: Mapping[str, JsonValue], environment: Mapping[str, str]) -> Session:
    """A session that begins now, on this host."""
    return Session(
        began=_now(),
        host={
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "processors": os.cpu_count(),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        },
        versions=_versions(),
        settings=dict(settings),
        environment=dict(environment),
    )


def end_session(session: Session, seconds: float, episodes: int, stopped: str) -> Session:
    """The session, which ends now."""
    return session.model_copy(
        update={
            "ended": _now(),
            "seconds": round(seconds, 3),
            "episodes": episodes,
            "stopped": stopped,
        }
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    """Versions of what matters: what always does, and what is loaded of the rest."""
    loaded = [name for name in _PACKAGES_WHERE_USED if name in sys.modules]
    found = {"toolenv": _version("toolenv"), "python": platform.python_version()}
    return found | {name: _version(name) for name in sorted([*_PACKAGES, *loaded])}


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
        versions=_versions(),
        tasks=fingerprint("tasks", [line.decode() for line in lines]),
        fingerprints=dict(sorted((fingerprints or {}).items())),
        environment=dict(sorted((environment or {}).items())),
        network=dict(sorted((network or {}).items())),
        configuration=dict(configuration or {}),
        counts={"tasks": len(lines)},
    )
    return manifest, lines


def hindrances(
    before: Manifest,
    tasks: Mapping[str, Task],
    now: Manifest,
    given: Sequence[Task],
    *,
    extend: bool = False,
) -> list[str]:
    """What keeps a run from being gone on with as another, in words; empty if nothing does.

    Args:
        before: The run's manifest.
        tasks: The run's tasks, by id.
        now: The manifest of what it is to become.
        given: The tasks of what it is to become.
        extend: Whether it may become larger: what selects episodes may then differ, as long as
            nothing is missing.
    """
    if not extend:
        found = before.differences(now)
        if now.tasks != before.tasks:
            found.append(task_differences(list(tasks.values()), given))
        return found
    found = before.differences(_with_selection_of(before, now))
    for name in _LISTS:
        ours, theirs = before.configuration.get(name), now.configuration.get(name)
        if isinstance(ours, list) and isinstance(theirs, list):
            lost = [item for item in ours if item not in theirs]
            if lost:
                found.append(f"configuration.{name} (without {_shown(lost)})")
    kept = [task for task in given if task.id in tasks]
    if sorted(map(_task_line, kept)) != sorted(map(_task_line, tasks.values())):
        found.append(task_differences(list(tasks.values()), kept))
    return found


_LISTS = ("agents", "policies", "seeds")
_SELECTION = ("tasks", "split", "only", "first", *_LISTS)
"""Settings that say which episodes there are, and not how they are run."""


def _with_selection_of(before: Manifest, now: Manifest) -> Manifest:
    """``now`` with what a larger run may have otherwise put back as it was."""
    configuration = {k: v for k, v in now.configuration.items() if k not in _SELECTION}
    configuration |= {k: v for k, v in before.configuration.items() if k in _SELECTION}
    fingerprints = {k: v for k, v in now.fingerprints.items() if k in before.fingerprints}
    # the tasks themselves are compared, documents and all
    environment = _with_tasks_of(before.environment, now.environment)
    if environment == before.environment and "environment" in fingerprints:
        fingerprints["environment"] = before.fingerprints["environment"]
    return now.model_copy(
        update={
            "configuration": configuration,
            "fingerprints": fingerprints,
            "environment": environment,
        }
    )


def _with_tasks_of(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The environment ``now`` with the digest of the tasks ``before``, documents and all."""
    return {
        part: before.get(part, digest) if part in ("tasks", "documents") else digest
        for part, digest in now.items()
    }


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


@cache
def _version(package: str) -> str:
    """The version that is loaded: what is installed meanwhile does not count."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
