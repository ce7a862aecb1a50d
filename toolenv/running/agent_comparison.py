"""Agents on the same tasks, seeds and budget: what each passes, and what it spends for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolenv.checks import outcome_of
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.judging.intervals import wilson
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run
from toolenv.running.tally import Progress

__all__ = ["AGENTS", "AgentComparison", "AgentRow", "compare_agents", "row_of_agent"]

AGENTS = ("react", "react@n", "tot-bfs", "tot-dfs", "dfsdt")
"""What is compared unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class AgentRow:
    """What one agent came to.

    Args:
        agent: Its name.
        episodes: How many of its episodes something has decided on.
        undecided: How many nothing has, those broken by infrastructure among them.
        passed: How many passed by the branch that the agent selected.
        any_passed: How many have a branch that passed, selected or not.
        answered: How many ended with an answer.
        policy_calls: Policy calls in all, of decided episodes.
        tokens: Input and output tokens in all, of decided episodes.
        money: Cost in all, of decided episodes; 0 without a price table.
        curve: The share that passed within so many policy calls, where it changes.
        any_curve: The same for any branch, counting steps in pre-order.
    """

    agent: str
    episodes: int
    undecided: int
    passed: int
    any_passed: int
    answered: int
    policy_calls: int
    tokens: int
    money: float
    curve: list[tuple[int, float]] = field(default_factory=list)
    any_curve: list[tuple[int, float]] = field(default_factory=list)

    @property
    def rate(self) -> float | None:
        """The pass rate of what was selected; None where nothing is decided."""
        return self.passed / self.episodes if self.episodes else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the pass rate."""
        return wilson(self.passed, self.episodes)

    @property
    def regret(self) -> int:
        """Episodes lost by the choice alone: a branch passed, and another was selected."""
        return self.any_passed - self.passed


@dataclass(frozen=True, slots=True)
class AgentComparison:
    """Several agents, compared.

    Args:
        rows: One for each agent, in the order asked for.
        headroom: The share of ReACT's episodes that ended without an answer: all that trying
            again can gain where wrong answers look right. None where ReACT did not run.
        gained: By agent, episodes that it passes by some branch and ReACT does not.
        lost: By agent, episodes that ReACT passes and it passes by no branch; none where the
            first branch is ReACT's, unless the budget cut it off.
        shared: Episodes that all agents have decided: what gained and lost are of.
    """

    rows: list[AgentRow]
    headroom: float | None
    gained: dict[str, int]
    lost: dict[str, int]
    shared: int


def compare_agents(
    configuration: RunConfiguration,
    out: Path | str,
    *,
    agents: Sequence[str] = AGENTS,
    matched_with: str = "dfsdt",
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> AgentComparison:
    """Run each agent over one policy and add up what they came to.

    ReACT@N without options tries until it has cost what the agent ``matched_with`` has, task by
    task. All share one store of completions, so that a first branch is ReACT's even where a
    server samples anew for an equal seed.

    Args:
        configuration: Tasks, seeds, simulator, budget and one policy; its agents are not read.
        out: A folder for the runs, one folder for each agent.
        agents: Specifications of the agents.
        matched_with: The agent whose cost ReACT@N is given.
        resume: Go on with the runs in the folder.
        report: Told how far it is, after each episode.

    Raises:
        ConfigurationError: There is more than one policy, or two agents would share a folder.
    """
    if len(configuration.policies) != 1:
        raise ConfigurationError(
            f"There are {len(configuration.policies)} policies.",
            where="policies",
            fix="Agents are compared over one policy; compare policies one by one.",
        )
    out = Path(out)
    folders = {agent: out / re.sub(r"[^\w.-]+", "-", agent).strip("-.") for agent in agents}
    if len(set(folders.values())) != len(agents):
        raise ConfigurationError("Two of them are alike.", where="agents")
    completions = configuration.completions or str(out / "completions")
    # the one that is matched goes before those that are
    order = sorted(folders, key=lambda agent: (agent != matched_with, agent == "react@n"))
    for agent in order:
        specification = agent
        if agent == "react@n" and matched_with in folders:
            specification = f"react@n?match={folders[matched_with]}"
        own = configuration.model_copy(
            update={"agents": (specification,), "completions": completions}
        )
        run(own, folders[agent], resume=resume, report=report).close()
    rows, passes = [], {}
    for agent, folder in folders.items():
        with RunFolder.open(folder) as opened:
            row, passes[agent] = _read(agent, opened.episodes())
        rows.append(row)
    return _compared(rows, passes)


_Passes = dict[tuple[str, int], tuple[bool, bool, bool]]
"""By task and seed: passed as selected, passed by any branch, answered."""


def row_of_agent(agent: str, episodes: Iterable[Episode]) -> AgentRow:
    """What an agent's episodes come to."""
    return _read(agent, episodes)[0]


def _read(agent: str, episodes: Iterable[Episode]) -> tuple[AgentRow, _Passes]:
    decided = undecided = answered = calls = tokens = 0
    money = 0.0
    passes: _Passes = {}
    selected_at: list[int] = []
    any_at: list[int] = []
    for episode in episodes:
        if episode.outcome not in ("passed", "failed"):
            undecided += 1
            continue
        decided += 1
        cost = episode.cost
        calls += cost.policy_calls
        tokens += cost.input_tokens + cost.output_tokens
        money += cost.money
        answered += episode.answer is not None
        ends = [branch.at for branch in episode.branches() if outcome_of(branch) == "passed"]
        if episode.outcome == "passed":
            selected_at.append(cost.policy_calls)
        if ends:
            any_at.append(min(min(ends) + 1, cost.policy_calls))
        passes[episode.task.id, episode.seed] = (
            episode.outcome == "passed",
            bool(ends),
            episode.answer is not None,
        )
    return (
        AgentRow(
            agent,
            decided,
            undecided,
            len(selected_at),
            len(any_at),
            answered,
            calls,
            tokens,
            money,
            _curve(selected_at, decided),
            _curve(any_at, decided),
        ),
        passes,
    )


def _curve(passed_at: Sequence[int], decided: int) -> list[tuple[int, float]]:
    points = sorted(set(passed_at))
    return [(at, sum(one <= at for one in passed_at) / decided) for at in points]


def _compared(rows: list[AgentRow], passes: dict[str, _Passes]) -> AgentComparison:
    react = passes.get("react", {})
    keys = set.intersection(*(set(one) for one in passes.values())) if passes else set()
    gained, lost = {}, {}
    if react:
        for agent, of in passes.items():
            gained[agent] = sum(of[key][1] and not react[key][0] for key in keys)
            lost[agent] = sum(react[key][0] and not of[key][1] for key in keys)
    headroom = sum(not one[2] for one in react.values()) / len(react) if react else None
    return AgentComparison(rows, headroom, gained, lost, len(keys))
