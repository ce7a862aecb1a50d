"""What an environment is made of, once made: the same for all its episodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

from toolenv.actions import ActionFormat
from toolenv.episodes import Branch
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.formats import read_tasks
from toolenv.jsontext import render_sorted
from toolenv.limits import Budget
from toolenv.open_domain import OpenDomain
from toolenv.simulators.base import Simulator
from toolenv.simulators.specification import import_object
from toolenv.tasks import Task

__all__ = ["COMPATIBILITIES", "Compatibility", "Reward", "Settings", "load_tasks", "read_budget"]

Reward: TypeAlias = Callable[[Branch], float]
"""The reward of a branch's last step: local and pure; LLM judges score afterwards."""

Compatibility: TypeAlias = Literal["", "toolbench", "stabletoolbench"]
"""Whose function schemas, name matching and rendering are reproduced; empty for ours."""

COMPATIBILITIES: tuple[Compatibility, ...] = get_args(Compatibility)


@dataclass(frozen=True)
class Settings:
    """An environment's options, read and checked; see ``ToolEnv`` for their meaning."""

    tasks: tuple[Task, ...]
    simulator: Simulator
    reward: Reward
    max_steps: int
    budget: Budget | None
    observation_limit: int
    action_format: ActionFormat
    compatibility: Compatibility
    system_prompt: str
    reminder: str
    open_domain: OpenDomain | None = None

    @cached_property
    def by_id(self) -> dict[str, Task]:
        """Tasks by id; of equal ids the first."""
        return {task.id: task for task in reversed(self.tasks)}

    @cached_property
    def parts(self) -> dict[str, str]:
        """Digests of the parts of what an observation depends on, so that a difference has a name.

        ``documents``: the APIs' documents. ``tasks``: the rest of the tasks, and which APIs they
        offer. ``action format``: that and the compatibility mode. ``prompt``: the system prompt and
        the reminder. ``simulator`` and ``limits`` are what they say; ``open domain`` is how APIs
        are found, where they are.
        """
        apis = {
            render_sorted(api.model_dump(mode="json")) for task in self.tasks for api in task.apis
        }
        tasks = [
            [task.model_dump(mode="json", exclude={"apis"}), [list(a.identity) for a in task.apis]]
            for task in self.tasks
        ]
        limits = [self.max_steps, self.observation_limit, repr(self.budget)]
        found = self.open_domain
        return {
            "documents": fingerprint("documents", sorted(apis)),
            "tasks": fingerprint("tasks", tasks),
            "simulator": self.simulator.fingerprint,
            "action format": fingerprint("format", [self.action_format, self.compatibility]),
            "limits": fingerprint("limits", limits),
            "prompt": fingerprint("prompt", [self.system_prompt, self.reminder]),
            **({} if found is None else {"open domain": found.fingerprint}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """Digest of what an observation depends on: of all the parts."""
        return fingerprint("environment", self.parts)


def load_tasks(tasks: str | os.PathLike[str] | Sequence[Task], split: str | None) -> Sequence[Task]:
    """Tasks from a list, a file or ``module:function``, of one split or of all.

    Raises:
        ConfigurationError: There are none, or none of the split.
        FormatError: The file cannot be read.
    """
    if isinstance(tasks, str) and ":" in tasks and not Path(tasks).exists():
        loaded = _made_tasks(tasks)
    elif isinstance(tasks, str | os.PathLike):
        loaded = read_tasks(Path(tasks))
    else:
        loaded = tasks
    if split is not None:
        splits = sorted({task.split for task in loaded})
        loaded = [task for task in loaded if task.split == split]
        if not loaded:
            raise ConfigurationError(
                f"There is no split {split!r}.", fix=f"The splits are {', '.join(splits)}."
            )
    if not loaded:
        raise ConfigurationError("There are no tasks.", where="tasks")
    return loaded


def _made_tasks(path: str) -> Sequence[Task]:
    """What the function that ``module:function`` names returns."""
    make = import_object(path, where="tasks")
    try:
        made = list(make())
    except TypeError as error:  # not a function, one that wants arguments, or no list
        raise ConfigurationError(f"{path!r} gives no tasks: {error}.", where="tasks") from error
    if not all(isinstance(task, Task) for task in made):
        raise ConfigurationError(
            f"{path!r} gives something else than tasks.", fix="Return a list of toolenv.Task."
        )
    return made


def read_budget(budget: Budget | Mapping[str, float] | None) -> Budget | None:
    """A budget from a mapping, as configuration files write it.

    Raises:
        ConfigurationError: It names a limit that does not exist.
    """
    if budget is None or isinstance(budget, Budget):
        return budget
    try:
        return Budget(**cast(dict[str, Any], dict(budget)))
    except TypeError as error:
        raise ConfigurationError(f"{error}.", where="budget") from error
