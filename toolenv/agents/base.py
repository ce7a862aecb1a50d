"""The contracts of what decides: policies say the next message, agents drive them."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Episode, Message, Step
from toolenv.errors import (
    BridgeError,
    ConfigurationError,
    ForkRefusedError,
    JournalError,
    PolicyError,
    SnapshotError,
    StoreError,
)
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.limits import Budget, Meter
from toolenv.prices import Price
from toolenv.tasks import Task

__all__ = ["Agent", "Policy"]

_log = logging.getLogger(__name__)


@runtime_checkable
class Policy(Protocol):
    """Maps the conversation and the functions to the next assistant message.

    Attributes:
        name: What records and reports call it.
    """

    name: str

    @property
    def fingerprint(self) -> str:
        """A digest of model, prompts and sampling, without keys or tokens."""
        ...

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The next message.

        Args:
            messages: The conversation so far, in OpenAI's form; not to be changed.
            functions: What may be called, in OpenAI's form; ``Finish`` last.
            seed: What sampling derives from: equal seeds and messages give equal messages, as
                far as the model allows.

        Raises:
            PolicyError: No message could be had.
        """
        ...


class Agent:
    """A strategy that drives a policy through an environment and leaves a tree.

    A strategy is written by overriding ``explore`` alone; everything else is machinery. One agent
    may run many episodes at once: what belongs to an episode lives in its environment.

    Args:
        policy: What decides.
        budget: What one attempt may spend; it takes the place of the environment's own budget.

    Attributes:
        name: What records and reports call it: the strategy's name unless set otherwise.
        price: What the policy's tokens cost; None where that is unknown, or nothing.
    """

    def __init__(self, policy: Policy, *, budget: Budget | None = None) -> None:
        self.policy = policy
        self.budget = budget
        self.price: Price | None = None
        self.name = type(self).__name__

    # --- override this ------------------------------------------------------------------------

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Explore the episode and return the branch to settle on; None for none."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """What the strategy depends on besides policy and budget, for the fingerprint."""
        return {}

    def budget_for(self, task: Task, seed: int) -> Budget | None:
        """What an attempt at a task may spend."""
        return self.budget

    # --- machinery ----------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """A digest of strategy, settings, policy and budget."""
        budget = self.budget
        limits = (
            [budget.policy_calls, budget.tokens, budget.api_calls, budget.seconds, budget.money]
            if budget
            else None
        )
        if limits and budget and budget.money is not None and self.price is not None:
            limits += [self.price.input, self.price.output]
        strategy = type(self).__name__
        return fingerprint("agent", [strategy, self.settings, self.policy.fingerprint, limits])

    async def arun(
        self,
        env: ToolEnv,
        task: Task | str | int,
        *,
        seed: int = 0,
        observer: Callable[[Step], None] | None = None,
    ) -> Episode:
        """Attempt a task; any number of attempts may run at once on one environment.

        Args:
            env: Gives settings, tasks and simulator; its own episode is left alone.
            task: The task, its id or its index in the environment.
            seed: What all randomness of the attempt derives from.
            observer: Told of every step as it is taken, in all branches.

        Returns:
            Everything explored, numbered in pre-order. A policy that fails ends the attempt with
            ``error:policy``, another exception of a policy, scorer or strategy with
            ``error:agent``, its kind and place (its text, which may hold anything, goes to the log
            alone); the steps taken so far are kept.

        Raises:
            ToolenvError: What other attempts would meet as well: a configuration that cannot be
                used, a journal or store that cannot be written.
        """
        own = env.fresh()
        own.reset(seed=seed, options={"task": task})
        budget = self.budget_for(own.task, seed)
        own.attach(Meter(budget) if budget is not None else None, observer)
        own.meter.price = self.price
        failed = ""
        try:
            chosen = await self.explore(own)
        except PolicyError as error:
            chosen, failed = None, f"error:policy: {error}"
        except _OF_THE_RUN:
            raise
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            # of the user's own code: this attempt ends, others go on
            _log.exception("an attempt at task %s broke off", own.task.id)
            chosen, failed = None, f"error:agent: {_place_of(error)}"
        return own.episode(
            chosen,
            agent=self.name,
            policy=self.policy.name,
            seed=seed,
            agent_fingerprint=self.fingerprint,
            failed=failed,
        )

    def run(self, env: ToolEnv, task: Task | str | int, *, seed: int = 0) -> Episode:
        """Attempt a task, from synchronous code."""
        return bridge.run(self.arun(env, task, seed=seed))


_OF_THE_RUN = (
    BridgeError,
    ConfigurationError,
    ForkRefusedError,
    JournalError,
    SnapshotError,
    StoreError,
)
"""What every further attempt would meet too, or what would be lost if they went on."""


def _is_cancelled() -> bool:
    """Whether the attempt itself was cancelled, and not something in it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True
    return task is None or task.cancelling() > 0


def _place_of(error: BaseException) -> str:
    """An exception's kind and where it was raised, without its text."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
