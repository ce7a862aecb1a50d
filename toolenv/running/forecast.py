"""What a run would do and cost, without contacting or writing anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from toolenv.agents import ReACT
from toolenv.agents.base import Agent
from toolenv.env_settings import load_tasks
from toolenv.episodes import Outcome
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.planning import Planned, endpoints_of, plan
from toolenv.running.results import Result
from toolenv.simulators.specification import RECORDED
from toolenv.specification_text import parse_specification

__all__ = ["Forecast", "GroupForecast", "forecast"]


@dataclass(frozen=True, slots=True)
class GroupForecast:
    """What the episodes of one agent over one policy would cost.

    Args:
        agent: The agent.
        policy: The policy.
        episodes: Episodes that are left to do.
        basis: What the numbers rest on: ``as before`` (the mean of earlier episodes of this agent
            over this policy), ``as this agent before`` (over other policies), ``at most`` (the
            budget of an episode, or the number of its steps), or ``unknown``.
        policy_calls: Policy calls; None where nothing bounds them.
        tokens: Input and output tokens; None where nothing bounds them.
        money: Their price; None without a price table, or where nothing bounds it.
    """

    agent: str
    policy: str
    episodes: int
    basis: str
    policy_calls: float | None = None
    tokens: float | None = None
    money: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do.

    Args:
        tasks: How many tasks.
        seeds: How many seeds.
        episodes: How many episodes in all.
        finished: How many of them the folder holds already.
        agents: The agents.
        policies: The policies, each with the server that it asks; empty where it asks none.
        simulators: What would answer calls, in turn.
        offline: Whether simulators are refused the network.
        writes: Folders that would be written.
        groups: What is left to do, by agent and policy.
        seconds: How long it takes at the pace of the sessions before; None where there is none.
    """

    tasks: int
    seeds: int
    episodes: int
    finished: int
    agents: list[str]
    policies: dict[str, str]
    simulators: list[str]
    offline: bool
    writes: list[str]
    groups: list[GroupForecast]
    seconds: float | None = None


def forecast(
    configuration: RunConfiguration,
    out: Path | str,
    *,
    retry: Collection[Outcome] = (),
    estimate_from: Path | str | None = None,
) -> Forecast:
    """Say what a run would do and cost.

    Args:
        configuration: What would be run.
        out: The run folder; what is finished in it is not done again, and what that cost is what
            the rest is expected to cost.
        retry: What would be done again.
        estimate_from: A run whose episodes cost alike; ``out`` by default.

    Raises:
        ConfigurationError: Something in the configuration cannot be used.
        JournalError: ``estimate_from`` is no run.
    """
    for specification in configuration.simulator:
        _check_simulator(specification)
    planned = plan(configuration, load_tasks(configuration.tasks, configuration.split))
    before = _results(out) if (Path(out) / "manifest.json").exists() else []
    kept = {result.key for result in before if result.outcome not in retry}
    todo = [item for item in planned.episodes if item.key not in kept]
    alike, source = (
        (before, out) if estimate_from is None else (_results(estimate_from), estimate_from)
    )
    asked = endpoints_of(planned.episodes)
    return Forecast(
        tasks=len(planned.tasks),
        seeds=len(configuration.seeds),
        episodes=len(planned.episodes),
        finished=len(planned.episodes) - len(todo),
        agents=list(dict.fromkeys(item.agent.name for item in planned.episodes)),
        policies={
            item.agent.policy.name: asked.get(item.agent.policy.name, "")
            for item in planned.episodes
        },
        simulators=list(configuration.simulator),
        offline=configuration.is_offline,
        writes=[
            str(place)
            for place in (out, configuration.record, _store(configuration.completions))
            if place is not None
        ],
        groups=_groups(configuration, todo, alike),
        seconds=_seconds(source, len(todo)) if alike else None,
    )


def _results(folder: Path | str) -> list[Result]:
    return RunFolder.open(folder).results()


def _store(completions: str | None) -> str | None:
    if completions is None or completions.endswith(".snap") or Path(completions).is_file():
        return None
    return completions


def _check_simulator(specification: str) -> None:
    part = parse_specification(specification).simulator
    if part is not None and part.kind in RECORDED and not Path(part.place or "").exists():
        raise ConfigurationError(
            "There is no such file or folder.", where=part.head, fix="Check the path."
        )


def _seconds(folder: Path | str, episodes: int) -> float | None:
    """How long so many episodes take at the pace of a run's sessions."""
    sessions = RunFolder.open(folder).manifest.sessions
    done = sum(session.episodes for session in sessions)
    return sum(session.seconds for session in sessions) / done * episodes if done else None


def _groups(
    configuration: RunConfiguration, todo: Iterable[Planned], alike: Sequence[Result]
) -> list[GroupForecast]:
    by_agent: dict[int, tuple[Agent, int]] = {}
    for item in todo:
        _, number = by_agent.get(id(item.agent), (item.agent, 0))
        by_agent[id(item.agent)] = item.agent, number + 1
    return [_group(configuration, agent, number, alike) for agent, number in by_agent.values()]


def _group(
    configuration: RunConfiguration, agent: Agent, episodes: int, alike: Sequence[Result]
) -> GroupForecast:
    name, policy = agent.name, agent.policy.name
    own = [result for result in alike if result.agent == name]
    same = [result for result in own if result.policy == policy]
    if same or own:
        basis = "as before" if same else "as this agent before"
        mean = _mean(same or own)
        money: float | None = mean.money * episodes if same and mean.money else None
        if agent.price is not None:
            money = agent.price.of(
                round(mean.input_tokens * episodes), round(mean.output_tokens * episodes)
            )
        tokens = mean.input_tokens + mean.output_tokens
        return GroupForecast(
            name, policy, episodes, basis, mean.policy_calls * episodes, tokens * episodes, money
        )
    calls = configuration.policy_calls
    if isinstance(agent, ReACT):
        calls = min(calls or configuration.max_steps, configuration.max_steps)
    most = configuration.tokens
    spent = configuration.money
    if spent is None and most is not None and agent.price is not None:
        spent = max(agent.price.of(most, 0), agent.price.of(0, most))
    bounds = [None if bound is None else bound * episodes for bound in (calls, most, spent)]
    known = any(bound is not None for bound in bounds)
    return GroupForecast(name, policy, episodes, "at most" if known else "unknown", *bounds)


class _Mean(NamedTuple):
    """What an episode costs on average."""

    policy_calls: float
    input_tokens: float
    output_tokens: float
    money: float


def _mean(results: Sequence[Result]) -> _Mean:
    costs = [result.cost for result in results]
    return _Mean(
        fmean(cost.policy_calls for cost in costs),
        fmean(cost.input_tokens for cost in costs),
        fmean(cost.output_tokens for cost in costs),
        fmean(cost.money for cost in costs),
    )
