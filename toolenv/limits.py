"""What may be spent, and what has been: one meter for agents, environments and simulators."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from toolenv.episodes import Cost, Usage
from toolenv.prices import Price

__all__ = ["Budget", "Meter"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What one attempt at a task may spend; None is no limit.

    Args:
        policy_calls: Messages asked of the policy, thrown-away ones included.
        tokens: Input and output tokens together, as the policy's server counts them.
        api_calls: Calls resolved by the simulator; ``Finish`` is none.
        seconds: Wall time.
        money: Price of all policy calls, in the price table's currency.
    """

    policy_calls: int | None = None
    tokens: int | None = None
    api_calls: int | None = None
    seconds: float | None = None
    money: float | None = None


class Meter:
    """What an episode has spent; shared by all forks of one environment.

    Args:
        budget: What may be spent; None for no limit.
        price: What tokens cost; None where that is unknown, or nothing.

    Example:
        >>> meter = Meter(Budget(policy_calls=1))
        >>> meter.charge_policy(Usage(10, 2))
        >>> meter.exhausted()
        'policy_calls'
    """

    __slots__ = (
        "_started",
        "api_calls",
        "budget",
        "input_tokens",
        "output_tokens",
        "policy_calls",
        "price",
    )

    def __init__(self, budget: Budget | None = None, price: Price | None = None) -> None:
        self.budget = budget
        self.price = price
        self.policy_calls = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.api_calls = 0
        self._started = time.monotonic() if budget and budget.seconds is not None else 0.0

    @property
    def money(self) -> float:
        """The price of all tokens so far; 0 without a price."""
        price = self.price
        return price.of(self.input_tokens, self.output_tokens) if price is not None else 0.0

    def charge_policy(self, usage: Usage) -> None:
        """Charge one policy call, whether its message is used or thrown away."""
        self.policy_calls += 1
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens

    def policy_calls_left(self, held: int = 0) -> int:
        """How many messages may still be asked for, with some asked for and not yet charged."""
        budget = self.budget
        if budget is None or budget.policy_calls is None:
            return sys.maxsize
        return max(0, budget.policy_calls - self.policy_calls - held)

    def charge_api(self, calls: int) -> None:
        """Charge API calls."""
        self.api_calls += calls

    def exhausted(self) -> str:
        """The first limit that is reached, by its name in ``Budget``; empty when none is."""
        budget = self.budget
        if budget is None:
            return ""
        if budget.policy_calls is not None and self.policy_calls >= budget.policy_calls:
            return "policy_calls"
        if budget.tokens is not None and self.input_tokens + self.output_tokens >= budget.tokens:
            return "tokens"
        if budget.api_calls is not None and self.api_calls >= budget.api_calls:
            return "api_calls"
        if budget.money is not None and self.money >= budget.money:
            return "money"
        if budget.seconds is not None and time.monotonic() - self._started >= budget.seconds:
            return "seconds"
        return ""

    def cost(self) -> Cost:
        """What has been spent so far, without wall time: equal runs cost the same."""
        return Cost(
            self.policy_calls, self.input_tokens, self.output_tokens, self.api_calls, self.money
        )
