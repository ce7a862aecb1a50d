"""Pairs by resampled continuations: of two siblings, which one do fresh attempts succeed from?

A sibling of the path to success may have failed later, by bad luck or by budget. So each sibling is
taken again, in the environment, and continued several times with the policy; the share that
succeeds estimates what the step is worth. Continuations of siblings meet the same faults (they
derive from the episode's seed) and draw their own tokens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

from toolenv import bridge
from toolenv.agents.base import Policy
from toolenv.agents.react import ReACT
from toolenv.env import ToolEnv
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError, ForkRefusedError
from toolenv.limits import Meter
from toolenv.preferences.explored import Explored
from toolenv.preferences.pairs import Pair
from toolenv.preferences.siblings import Tree

__all__ = ["LEAST_CONTINUATIONS", "Resampled", "Worth", "resampled_pairs"]

LEAST_CONTINUATIONS = 8
"""Fewer than these say too little of a step."""

_FIRST_RANK = 1_000
"""The rank of the first continuation: the draws of the tree must not be repeated."""


class Worth(NamedTuple):
    """How continuations of a step went.

    Args:
        succeeded: How many carried out the task.
        counted: How many there are, without those that the infrastructure broke or a miss befell.
    """

    succeeded: int
    counted: int

    @property
    def share(self) -> float:
        """The share that carried out the task."""
        return self.succeeded / self.counted


class Resampled(NamedTuple):
    """How siblings are continued.

    Args:
        env: The environment that the episodes were explored in.
        policy: What continues.
        continuations: How often each sibling is continued: 8 or more.
        margin: The least difference of the shares that succeed.

    Raises:
        ConfigurationError: There are too few continuations.
    """

    env: ToolEnv
    policy: Policy
    continuations: int = LEAST_CONTINUATIONS
    margin: float = 0.3

    def check(self) -> None:
        """Refuse settings that say too little.

        Raises:
            ConfigurationError: There are too few continuations, or the margin is none.
        """
        if self.continuations < LEAST_CONTINUATIONS:
            raise ConfigurationError(
                f"{self.continuations} continuations say too little of a step.",
                where="continuations",
                fix=f"Take {LEAST_CONTINUATIONS} or more.",
            )
        if not 0 < self.margin <= 1:
            raise ConfigurationError(f"It is {self.margin}, not in (0, 1].", where="margin")


async def resampled_pairs(tree: Tree, settings: Resampled) -> AsyncIterator[Pair]:
    """Siblings whose shares of successful continuations differ by at least the margin.

    Each sibling is the worse side of one pair at most: with the best of its siblings. Where the
    environment answers otherwise than was recorded, nothing is said of the step.

    Args:
        tree: The tree.
        settings: How siblings are continued.
    """
    for _, siblings in tree.decisions():
        worths = await bridge.gather(
            [partial(_worth, tree.explored, number, settings) for number in siblings]
        )
        known = {
            number: worth
            for number, worth in zip(siblings, worths, strict=True)
            if worth is not None and worth.counted >= LEAST_CONTINUATIONS
        }
        if not known:
            continue
        best = max(known, key=lambda number: known[number].share)
        for number, worth in known.items():
            margin = known[best].share - worth.share
            if margin >= settings.margin:
                reason = (
                    f"{known[best].succeeded} of {known[best].counted} continuations succeeded "
                    f"against {worth.succeeded} of {worth.counted}"
                )
                yield tree.pair("resampled", reason, best, number, margin)


async def _worth(explored: Explored, number: int, settings: Resampled) -> Worth | None:
    env = await _taken_again(explored, number, settings.env)
    if env is None:
        return None
    if env.ended:  # every continuation would be this
        succeeded = explored.success(env.branch)
        count = settings.continuations
        return None if succeeded is None else Worth(count * succeeded, count)
    try:
        forks = [env.fork(rank=_FIRST_RANK + n) for n in range(settings.continuations)]
    except ForkRefusedError:
        return None
    outcomes = await bridge.gather([partial(_continued, explored, f, settings) for f in forks])
    told = [outcome for outcome in outcomes if outcome is not None]
    return Worth(sum(told), len(told))


async def _continued(explored: Explored, env: ToolEnv, settings: Resampled) -> bool | None:
    begun = env.depth
    branch = await ReACT(settings.policy).explore(env)
    later = [response.status for step in branch.path()[begun:] for response in step.responses]
    if Status.MISS in later or Status.SIMULATOR_FAILED in later:
        return None
    return explored.success(branch)


async def _taken_again(explored: Explored, number: int, env: ToolEnv) -> ToolEnv | None:
    """The environment after a recorded step; None where it does not answer as recorded."""
    episode = explored.episode
    own = env.fresh()
    own.reset(seed=episode.seed, options={"task": episode.task.id})
    own.attach(Meter(None))
    for step in explored.branch(number).path():
        own = own.fork(rank=step.rank)
        await own.astep(step.message)
        taken = own.branch.last
        assert taken is not None  # astep has appended one
        if [r.text for r in taken.responses] != [r.text for r in step.responses]:
            return None
    return own
