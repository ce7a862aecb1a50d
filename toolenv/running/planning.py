"""What a run consists of: the episodes that a configuration describes, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from toolenv.agents.base import Agent, Policy
from toolenv.agents.policies import RecordedPolicy
from toolenv.agents.specification import open_agent, open_policy
from toolenv.env import ToolEnv
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.places import Occupancy, Places
from toolenv.prices import Price, read_prices
from toolenv.running.configuration import RunConfiguration
from toolenv.running.matching import match_costs, split_match
from toolenv.running.policy_servers import endpoints, share_places
from toolenv.running.records import EpisodeKey
from toolenv.simulators.limiting import places_of
from toolenv.snapshots import Snapshot, Store
from toolenv.snapshots.records import Recordings
from toolenv.tasks import Task

__all__ = [
    "Plan",
    "Planned",
    "digest_of",
    "endpoints_of",
    "fingerprints_of",
    "occupancies",
    "open_completions",
    "plan",
]


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

    @property
    def group(self) -> tuple[str, str]:
        """What shares the places of a run with others: the agent over its policy."""
        return (self.agent.name, self.agent.policy.name)


class Plan(NamedTuple):
    """What a run consists of.

    Args:
        episodes: In the run's order: all seeds of a task together.
        servers: The places at each policy server, by its address.
    """

    episodes: list[Planned]
    servers: Mapping[str, Places]

    @property
    def tasks(self) -> list[Task]:
        """The tasks that have episodes."""
        return list({item.task.id: item.task for item in self.episodes}.values())


def plan(
    configuration: RunConfiguration,
    tasks: Sequence[Task],
    completions: Recordings | None = None,
    offered: Callable[[Task], Task] | None = None,
) -> Plan:
    """The episodes of a run.

    Args:
        configuration: What to run.
        tasks: The tasks to choose from.
        completions: What completions are replayed from, and recorded to if it is a store.
        offered: A task with the APIs that its episodes offer; as listed by default.

    Raises:
        ConfigurationError: A task id is unknown, a specification cannot be read, or two episodes
            would have one name.
    """
    tasks = configuration.choose(tasks)
    if offered is not None:
        tasks = [offered(task) for task in tasks]
    agents, servers = _open_agents(configuration, tasks, completions)
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
    return Plan(planned, servers)


def fingerprints_of(env: ToolEnv, planned: Sequence[Planned]) -> dict[str, str]:
    """What the results depend on, by part, as a manifest has it."""
    agents = {id(item.agent): item.agent for item in planned}.values()
    return {"environment": env.fingerprint} | {
        f"agent {agent.name} {agent.policy.name}": agent.fingerprint for agent in agents
    }


def digest_of(env: ToolEnv, planned: Sequence[Planned]) -> str:
    """A digest of what the results depend on, and of the episodes in order."""
    keys = [list(item.key) for item in planned]
    return fingerprint("plan", [fingerprints_of(env, planned), keys])


def endpoints_of(planned: Sequence[Planned]) -> dict[str, str]:
    """The servers that the policies ask, by policy, without what else is in their addresses."""
    return endpoints({id(item.agent.policy): item.agent.policy for item in planned}.values())


def occupancies(env: ToolEnv, servers: Mapping[str, Places]) -> dict[str, Occupancy]:
    """How the places at each policy server and of each limit in the simulator are used."""
    found = {name: places.occupancy() for name, places in servers.items()}
    for number, places in enumerate(places_of(env.simulator), 1):
        found[f"simulator limit {number}"] = places.occupancy()
    return found


def open_completions(place: str | None) -> Recordings | None:
    """What completions are kept in: a snapshot where the place is a file, else a store."""
    if place is None:
        return None
    return Snapshot(place) if place.endswith(".snap") or Path(place).is_file() else Store(place)


def _open_agents(
    configuration: RunConfiguration, tasks: Sequence[Task], completions: Recordings | None
) -> tuple[list[Agent], Mapping[str, Places]]:
    policies = [_open_policy(specification, tasks) for specification in configuration.policies]
    asked, servers = share_places(policies, configuration.policy_concurrency)
    agents = []
    for policy, specification in zip(asked, configuration.policies, strict=True):
        price = _price_of(specification, configuration)
        if completions is not None:
            policy = RecordedPolicy(policy, completions)
        for agent_specification in configuration.agents:
            plain, other_run = split_match(agent_specification)
            agent = open_agent(plain, policy, configuration.budget())
            agent.price = price
            if other_run is not None:
                match_costs(agent, other_run)
            agents.append(agent)
    return agents, servers


def _open_policy(specification: str, tasks: Sequence[Task]) -> Policy:
    policy = open_policy(specification, tasks)
    if not specification.startswith("local:") or "?" in specification:
        policy.name = specification
    return policy


def _price_of(specification: str, configuration: RunConfiguration) -> Price | None:
    price = (
        read_prices(configuration.prices).price_of(specification)
        if configuration.prices is not None
        else None
    )
    limit = "money" if configuration.money is not None else "run_money"
    if price is None and getattr(configuration, limit) is not None:
        raise ConfigurationError(
            f"Nothing says what {specification} costs.",
            where=limit,
            fix="Give a price table that names its model: --prices FILE.",
        )
    return price
