"""Giving an agent what another agent's run has cost, task by task and seed by seed."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from toolenv.agents import Agent, ReACTAtN
from toolenv.errors import ConfigurationError
from toolenv.running.folder import RunFolder

__all__ = ["match_costs", "split_match"]


def split_match(specification: str) -> tuple[str, str | None]:
    """An agent's specification without its option ``match``, and what that says.

    Example:
        >>> split_match("react@n?tries=9&match=runs/dfsdt")
        ('react@n?tries=9', 'runs/dfsdt')
    """
    name, _, query = specification.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    found = [value for option, value in options if option == "match"]
    if not found:
        return specification, None
    rest = urlencode([item for item in options if item[0] != "match"])
    return f"{name}?{rest}" if rest else name, found[-1]


def match_costs(agent: Agent, folder: str) -> None:
    """Let ReACT@N try each task until it has cost what the run of another agent has.

    Args:
        agent: ReACT@N, over one of the run's policies.
        folder: A complete run of one other agent.

    Raises:
        ConfigurationError: The agent cannot be matched, or the run does not say with what.
    """
    if not isinstance(agent, ReACTAtN):
        raise ConfigurationError(
            f"{agent.name} spends what it needs and cannot be matched.",
            where="match",
            fix="It is an option of react@n.",
        )
    with RunFolder.open(folder) as run:
        rows = [row for row in run.results() if row.policy == agent.policy.name]
    agents = sorted({row.agent for row in rows})
    if len(agents) != 1:
        raise ConfigurationError(
            f"The run holds {len(agents)} agents over {agent.policy.name}: {', '.join(agents)}."
            if agents
            else f"The run holds nothing of the policy {agent.policy.name}.",
            where=folder,
            fix="Match with a run of one other agent over the same policy.",
        )
    agent.policy_calls = {(row.task, row.seed): row.cost.policy_calls for row in rows}
