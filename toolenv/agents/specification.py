"""Agents and policies from text: what configuration files and the command line say.

A policy is ``kind:place``, an agent a strategy's name; options follow a question mark, as in
``openai:qwen3-32b?base_url=http://127.0.0.1:8000/v1&temperature=0`` and ``dfsdt?breadth=3``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from toolenv.agents.base import Agent, Policy
from toolenv.agents.dfsdt import DFSDT
from toolenv.agents.policies import (
    HumanPolicy,
    NothingPolicy,
    OpenAIPolicy,
    OraclePolicy,
    RandomPolicy,
    TransformersPolicy,
)
from toolenv.agents.react import ReACT
from toolenv.agents.scoring import PolicyScorer, Progress, Scorer
from toolenv.agents.toolbench_dfsdt import ToolBenchDFSDT
from toolenv.agents.tree_of_thoughts import TreeOfThoughtsBFS, TreeOfThoughtsDFS
from toolenv.agents.tries import BestOfN, ReACTAtN, SelfConsistency
from toolenv.errors import ConfigurationError
from toolenv.formats.gold import read_gold
from toolenv.jsontext import parse
from toolenv.limits import Budget
from toolenv.simulators.specification import open_local
from toolenv.suggestions import did_you_mean, misfit
from toolenv.tasks import Task

__all__ = ["AGENTS", "POLICIES", "open_agent", "open_policy"]


def open_policy(specification: str, tasks: Sequence[Task] = ()) -> Policy:
    """Make the policy that a specification describes.

    Args:
        specification: ``openai:MODEL``, ``transformers:FOLDER`` or ``toolllama:FOLDER`` of a local
            model, ``local:module:name`` of something that is or makes a policy, ``random``,
            ``nothing``, ``oracle`` or ``oracle:GOLD`` with a gold file.
        tasks: The tasks whose solutions the oracle knows; no other policy is told them.

    Raises:
        ConfigurationError: It cannot be read, or names something unknown.

    Example:
        >>> open_policy("random").name
        'random'
    """
    head, options = _split(specification)
    kind, _, place = head.partition(":")
    opener = POLICIES.get(kind)
    if opener is None:
        raise ConfigurationError(
            f"Unknown policy: {specification!r}.",
            fix=f"{did_you_mean(kind, POLICIES)} Write kind:place; the kinds are "
            f"{', '.join(sorted(POLICIES))}.".lstrip(),
        )
    try:
        return opener(place, options, tasks)
    except TypeError as error:  # options are not quoted: one of them may be a key
        raise ConfigurationError(f"The options of {head!r} do not fit: {misfit(error)}") from error


def open_agent(specification: str, policy: Policy, budget: Budget | None = None) -> Agent:
    """Make the agent that a specification describes, over a policy.

    Raises:
        ConfigurationError: It cannot be read, or names something unknown.

    Example:
        >>> open_agent("dfsdt?breadth=3", open_policy("random")).settings
        {'breadth': 3}
    """
    name, options = _split(specification)
    strategy = AGENTS.get(name)
    if strategy is None:
        raise ConfigurationError(
            f"Unknown agent: {specification!r}.",
            fix=f"{did_you_mean(name, AGENTS)} The agents are {', '.join(sorted(AGENTS))}.".lstrip(),
        )
    if "scorer" in options:
        options["scorer"] = _open_scorer(str(options["scorer"]), policy)
    try:
        agent = strategy(policy, budget=budget, **options)
    except TypeError as error:
        raise ConfigurationError(
            f"The options of {specification!r} do not fit: {misfit(error, strategy)}"
        ) from error
    agent.name = specification
    return agent


def _split(specification: str) -> tuple[str, dict[str, Any]]:
    head, _, query = specification.partition("?")
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        try:
            options[name] = parse(text)
        except ValueError:
            options[name] = text
    return head, options


def _open_scorer(specification: str, policy: Policy) -> Scorer:
    if specification == "progress":
        return Progress()
    if specification == "policy":
        return PolicyScorer(policy)
    if not specification.startswith("local:"):
        raise ConfigurationError(
            f"Unknown scorer: {specification!r}.",
            fix="Use progress, policy (which asks the policy itself) or local:module:name.",
        )
    return open_local(
        specification.removeprefix("local:"),
        {},
        Scorer,  # type: ignore[type-abstract]
        "It needs a fingerprint and to be called; see toolenv.agents.Scorer.",
    )


def _open_openai(model: str, options: dict[str, Any], _: Sequence[Task]) -> Policy:
    if not model:
        raise ConfigurationError("No model is named.", fix="Write openai:MODEL.")
    return OpenAIPolicy(model, **options)


def _open_human(_: str, options: dict[str, Any], __: Sequence[Task]) -> Policy:
    return HumanPolicy(**options)


def _open_random(_: str, options: dict[str, Any], __: Sequence[Task]) -> Policy:
    return RandomPolicy(**options)


def _open_nothing(_: str, options: dict[str, Any], __: Sequence[Task]) -> Policy:
    return NothingPolicy(**options)


def _open_oracle(gold: str, options: dict[str, Any], tasks: Sequence[Task]) -> Policy:
    return OraclePolicy(tasks, read_gold(gold) if gold else None, **options)


def _open_local(place: str, options: dict[str, Any], _: Sequence[Task]) -> Policy:
    return open_local(
        place,
        options,
        Policy,  # type: ignore[type-abstract]
        "It needs a name, a fingerprint and to be called; see toolenv.agents.Policy.",
    )


def _open_transformers(model: str, options: dict[str, Any], _: Sequence[Task]) -> Policy:
    return TransformersPolicy(model, **options)


def _open_toolllama(model: str, options: dict[str, Any], _: Sequence[Task]) -> Policy:
    return TransformersPolicy(model, style="toolllama", **options)


POLICIES: dict[str, Callable[[str, dict[str, Any], Sequence[Task]], Policy]] = {
    "openai": _open_openai,
    "random": _open_random,
    "nothing": _open_nothing,
    "oracle": _open_oracle,
    "human": _open_human,
    "local": _open_local,
    "transformers": _open_transformers,
    "toolllama": _open_toolllama,
}
"""What makes a policy, by kind."""

AGENTS: dict[str, Callable[..., Agent]] = {
    "react": ReACT,
    "react@n": ReACTAtN,
    "best-of-n": BestOfN,
    "self-consistency": SelfConsistency,
    "dfsdt": DFSDT,
    "dfsdt-toolbench": ToolBenchDFSDT,
    "tot-bfs": TreeOfThoughtsBFS,
    "tot-dfs": TreeOfThoughtsDFS,
}
"""Strategies by name."""
