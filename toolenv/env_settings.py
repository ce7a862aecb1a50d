"""What an environment is made of, once made: the same for all its episodes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args
from urllib.parse import parse_qsl

from toolenv.actions import ActionFormat, Resolver
from toolenv.apis import API
from toolenv.episodes import Branch
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.formats import read_tasks
from toolenv.formats.toolbench.functions import compatibility_functions
from toolenv.jsontext import JsonValue, parse, render_sorted
from toolenv.limits import Budget
from toolenv.open_domain import OpenDomain
from toolenv.simulators.base import Simulator
from toolenv.simulators.specification import import_object
from toolenv.tasks import Task

__all__ = [
    "COMPATIBILITIES",
    "Compatibility",
    "Offered",
    "Reward",
    "Settings",
    "load_tasks",
    "read_budget",
]

Reward: TypeAlias = Callable[[Branch], float]
"""The reward of a branch's last step: local and pure; LLM judges score afterwards."""

Compatibility: TypeAlias = Literal["", "toolbench", "stabletoolbench"]
"""Whose function schemas, name matching and rendering are reproduced; empty for ours."""

COMPATIBILITIES: tuple[Compatibility, ...] = get_args(Compatibility)


class Offered(NamedTuple):
    """What a task offers, in the environment's dialect.

    Args:
        functions: What the policy is shown; ``Finish`` last.
        named_apis: Function name to API.
        resolver: Reads calls of them.
    """

    functions: list[dict[str, JsonValue]]
    named_apis: Mapping[str, API]
    resolver: Resolver


class _LatestOffers:
    """What the latest tasks offer: their schemas are compiled once, not in each episode."""

    _MOST: Final = 256

    def __init__(self) -> None:
        self._by_task: dict[int, tuple[Task, Offered]] = {}

    def of(self, task: Task, settings: Settings) -> Offered:
        known = self._by_task.get(id(task))  # the entry keeps the task, and with it the number
        if known is not None:
            return known[1]
        domain = settings.open_domain
        if domain is not None and domain.search:
            named = domain.retriever.corpus.named
            offered = Offered(domain.functions(), named, Resolver(named))
        elif settings.compatibility:
            functions, named = compatibility_functions(task, settings.compatibility)
            offered = Offered(functions, named, Resolver(named, "suffix"))
        else:
            offered = Offered(task.functions, task.named_apis, Resolver(task.named_apis))
        if len(self._by_task) >= self._MOST:
            self._by_task.clear()
        self._by_task[id(task)] = (task, offered)
        return offered

    def __reduce__(self) -> tuple[object, ...]:
        return _LatestOffers, ()  # numbers of objects mean nothing elsewhere


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
    _offers: _LatestOffers = field(default_factory=_LatestOffers, init=False, repr=False)

    def offered_by(self, task: Task) -> Offered:
        """What a task offers to the policy."""
        return self._offers.of(task, self)

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

    A function may be given options, as ``module:function?seed=0&count=5000``; values that are JSON
    are read as such.

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
    name, _, query = path.partition("?")
    make = import_object(name, where="tasks")
    options = {key: _value(text) for key, text in parse_qsl(query, keep_blank_values=True)}
    try:
        made = list(make(**options))
    except TypeError as error:  # not a function, one that wants other arguments, or no list
        raise ConfigurationError(
            f"{path!r} gives no tasks: {error}.",
            where="tasks",
            fix="Write it as module:function, or module:function?name=value&name=value.",
        ) from error
    if not all(isinstance(task, Task) for task in made):
        raise ConfigurationError(
            f"{path!r} gives something else than tasks.", fix="Return a list of toolenv.Task."
        )
    return made


def _value(text: str) -> JsonValue:
    try:
        return parse(text)
    except ValueError:
        return text


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
