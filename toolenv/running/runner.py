"""Running many episodes: concurrent, resumable, written down as they happen."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from toolenv import bridge
from toolenv.agents.base import Agent
from toolenv.agents.policies import RecordedPolicy
from toolenv.agents.specification import open_agent, open_policy
from toolenv.env import ToolEnv
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.prices import read_prices
from toolenv.running.appending import Sync
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.matching import match_costs, split_match
from toolenv.running.records import EpisodeKey
from toolenv.snapshots import Snapshot, Store
from toolenv.snapshots.records import Recordings
from toolenv.tasks import Task

__all__ = [
    "Planned",
    "Progress",
    "endpoints_of",
    "fingerprints_of",
    "open_completions",
    "plan",
    "run",
]

_APART = 16
"""Turns of the event loop between the beginnings of episodes: enough for a request to leave. Those
that begin together stay together, and the work of all of them then waits for the slowest."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One episode that is to be run."""

    task: Task
    agent: Agent
    seed: int

    @property
    def key(self) -> EpisodeKey:
        """What names it in the run folder."""
        return EpisodeKey(self.task.id, self.agent.name, self.agent.policy.name, self.seed)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Args:
        done: Episodes finished, those of earlier sessions included.
        total: Episodes of the run.
        episode: The one that has just finished; None at the start.
    """

    done: int
    total: int
    episode: Episode | None = None


def plan(
    configuration: RunConfiguration, env: ToolEnv, completions: Recordings | None = None
) -> list[Planned]:
    """The episodes of a run, in the order they are begun: all seeds of a task together.

    Args:
        configuration: What to run.
        env: The environment of all its episodes.
        completions: What completions are replayed from, and recorded to if it is a store.

    Raises:
        ConfigurationError: A task id is unknown, a specification cannot be read, or two episodes
            would have one name.
    """
    tasks = configuration.choose(env.tasks)
    prices = read_prices(configuration.prices) if configuration.prices is not None else None
    agents = []
    for policy_specification in configuration.policies:
        policy = open_policy(policy_specification, tasks)
        if not policy_specification.startswith("local:") or "?" in policy_specification:
            policy.name = policy_specification
        price = prices.price_of(policy_specification) if prices is not None else None
        if price is None and configuration.money is not None:
            raise ConfigurationError(
                f"Nothing says what {policy.name} costs.",
                where="money",
                fix="Give a price table that names its model: --prices FILE.",
            )
        if completions is not None:
            policy = RecordedPolicy(policy, completions)
        for agent_specification in configuration.agents:
            plain, other_run = split_match(agent_specification)
            agent = open_agent(plain, policy, configuration.budget())
            agent.price = price
            if other_run is not None:
                match_costs(agent, other_run)
            agents.append(agent)
    planned = [
        Planned(task, agent, seed)
        for task in tasks
        for agent in agents
        for seed in configuration.seeds
    ]
    for key, times in Counter(item.key for item in planned).most_common(1):
        if times > 1:
            raise ConfigurationError(
                f"{times} episodes of the run have one name: {key}.",
                fix="Name each task, agent, policy and seed once, and give policies own names.",
            )
    return planned


def run(
    configuration: RunConfiguration,
    out: Path | str,
    *,
    resume: bool = False,
    sync: Sync = "second",
    report: Callable[[Progress], None] = lambda progress: None,
) -> RunFolder:
    """Run everything that a configuration describes and write it to a folder.

    Args:
        configuration: What to run.
        out: The run folder.
        resume: Go on with the run that is there: finished episodes are not done again.
        sync: What survives a power loss; see ``toolenv.running.journal``.
        report: Told how far it is, after each episode.

    Returns:
        The run folder, complete and open for reading.

    Raises:
        ToolenvError: Something cannot be opened, or the folder holds another run.
    """
    env = configuration.open_environment()
    completions = open_completions(configuration.completions)
    try:
        planned = plan(configuration, env, completions)
        tasks = list({item.task.id: item.task for item in planned}.values())
        identity = configuration.identity()
        opened = RunFolder.open_for_resume if resume and _has_run(out) else RunFolder.create
        with opened(
            out,
            tasks,
            configuration=identity,
            fingerprints=fingerprints_of(env, planned),
            environment=env.fingerprint_parts,
            network=endpoints_of(planned) if configuration.is_offline else None,
            sync=sync,
        ) as folder:
            finished = folder.journal.finished()
            todo = [item for item in planned if item.key not in finished]
            counted = _Counter(len(planned) - len(todo), len(planned), report)
            bridge.run_on_loop(
                lambda: _run_all(env, todo, folder, configuration.concurrency, counted)
            )
            folder.write_results()
    finally:
        env.simulator.close()
        if completions is not None:
            completions.close()
    return RunFolder.open(out)


def fingerprints_of(env: ToolEnv, planned: Sequence[Planned]) -> dict[str, str]:
    """What the results depend on, by part, as a manifest has it."""
    agents = {
        f"agent {item.agent.name} {item.agent.policy.name}": item.agent.fingerprint
        for item in planned
    }
    return {"environment": env.fingerprint, **agents}


def open_completions(place: str | None) -> Recordings | None:
    """Where completions are: a snapshot where the place is a file, else a store."""
    if place is None:
        return None
    return Snapshot(place) if place.endswith(".snap") or Path(place).is_file() else Store(place)


def endpoints_of(planned: Sequence[Planned]) -> dict[str, str]:
    """The servers that the policies ask, by policy, without what else is in their addresses."""
    found: dict[str, str] = {}
    for policy in (item.agent.policy for item in planned):
        if isinstance(policy, RecordedPolicy):
            if policy.replay_only:
                continue
            policy = policy.policy
        if hasattr(policy, "base_url"):
            address = urlsplit(policy.base_url or "")
            port = f":{address.port}" if address.port else ""
            found[policy.name] = f"{address.hostname or 'the default of its client'}{port}"
    return found


class _Counter:
    """Turns finished episodes into progress."""

    def __init__(self, done: int, total: int, report: Callable[[Progress], None]) -> None:
        self._done = done
        self._total = total
        self._report = report
        report(Progress(done, total))

    def __call__(self, episode: Episode) -> None:
        self._done += 1
        self._report(Progress(self._done, self._total, episode))


async def _run_all(
    env: ToolEnv,
    todo: Sequence[Planned],
    folder: RunFolder,
    concurrency: int,
    finished: Callable[[Episode], None],
) -> None:
    """Keep so many episodes in flight; the first that raises stops the run."""
    waiting = iter(todo)

    async def work() -> None:
        for item in waiting:
            finished(await _run_one(env, item, folder))
            await asyncio.sleep(0)  # lets Ctrl-C and other episodes in where nothing waits

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(todo))):
            group.create_task(work())
            for _ in range(_APART):
                await asyncio.sleep(0)


async def _run_one(env: ToolEnv, item: Planned, folder: RunFolder) -> Episode:
    attempt = folder.journal.begin(item.key)
    began = time.perf_counter()
    episode = await item.agent.arun(env, item.task, seed=item.seed, observer=attempt.step)
    attempt.end(episode)
    folder.write_times(item.key, {"seconds": time.perf_counter() - began})
    return episode


def _has_run(out: Path | str) -> bool:
    return (Path(out) / "manifest.json").exists()
