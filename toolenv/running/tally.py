"""How far a run is, what it has come to and what it has cost, kept up to date while it runs.

An episode in flight counts its own steps and tokens; what has finished is added up from its result.
So a step costs a fraction of a microsecond, and whoever shows the figures adds up the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from toolenv.episodes import Step
from toolenv.places import Occupancy
from toolenv.prices import Price
from toolenv.running.results import Result

__all__ = ["Flight", "Limits", "Progress", "Spending", "Tally"]


class Spending(NamedTuple):
    """What episodes have consumed.

    Args:
        steps: Steps taken.
        input_tokens: Tokens of prompts.
        output_tokens: Tokens of completions.
        money: Their price; 0 without a price table.
    """

    steps: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float = 0.0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def plus(self, other: Spending) -> Spending:
        """Both together."""
        return Spending(
            self.steps + other.steps,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.money + other.money,
        )


class Limits(NamedTuple):
    """What a whole run may spend; None is no limit.

    Args:
        money: The price of all tokens.
        tokens: Input and output tokens together.
        seconds: Wall time of a session.
    """

    money: float | None = None
    tokens: int | None = None
    seconds: float | None = None


class Flight:
    """An episode in flight: it is told of each step, and passes it on.

    Args:
        price: What tokens cost; None where that is unknown, or nothing.
        write: Where steps go.
    """

    __slots__ = ("_price", "_write", "input_tokens", "output_tokens", "steps")

    def __init__(self, price: Price | None, write: Callable[[Step], None]) -> None:
        self._price = price
        self._write = write
        self.steps = self.input_tokens = self.output_tokens = 0

    def step(self, step: Step) -> None:
        """Count a step as it is taken, and pass it on."""
        used_in, used_out = step.message.usage
        self.steps += 1
        self.input_tokens += used_in
        self.output_tokens += used_out
        self._write(step)

    @property
    def spending(self) -> Spending:
        """What the episode has consumed so far."""
        used = self.input_tokens, self.output_tokens
        return Spending(self.steps, *used, self._price.of(*used) if self._price else 0.0)


class Tally:
    """What a run has come to so far.

    Args:
        total: Episodes of the run.
        limits: What the run may spend; None for no limit.

    Another thread may read it meanwhile.

    Attributes:
        done: Episodes finished, those of earlier sessions included.
        done_before: Those of earlier sessions.
        outcomes: How many of the finished went how.
        sources: How many calls each source answered.
        errors: How many episodes infrastructure broke, by kind: ``policy``, ``simulator``, ….
        finished: What the finished ones have consumed.
        api_calls: API calls of the finished ones.
        policy_calls: Policy calls of the finished ones.
        in_flight: The episodes in flight in this process.
        elsewhere: Those of other processes, added up by process.
        servers: How the places of each server are used, by its name.
        stopping: Why no more episodes begin; empty while they do.
    """

    def __init__(self, total: int, limits: Limits | None = None) -> None:
        self.total = total
        self.limits = limits or Limits()
        self.done = self.done_before = 0
        self.outcomes: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.finished = Spending()
        self.api_calls = self.policy_calls = 0
        self.in_flight: set[Flight] = set()
        self.elsewhere: dict[int, tuple[int, Spending]] = {}
        self.servers: Callable[[], Mapping[str, Occupancy]] = dict
        self.stopping = ""
        self._steps_before = 0
        self._began = time.monotonic()

    def add_before(self, result: Result) -> None:
        """Count an episode that an earlier session finished."""
        self.add(result)
        self.done_before += 1
        self._steps_before += result.steps

    def add(self, result: Result) -> None:
        """Count an episode that has finished."""
        self.done += 1
        self.outcomes[result.outcome] += 1
        if result.outcome == "infrastructure_error":
            self.errors[_kind(result.ended)] += 1
        for source, calls in result.calls_by_source.items():
            self.sources[source] += calls
        cost = result.cost
        self.api_calls += cost.api_calls
        self.policy_calls += cost.policy_calls
        self.finished = self.finished.plus(
            Spending(result.steps, cost.input_tokens, cost.output_tokens, cost.money)
        )

    def progress(self, result: Result | None = None) -> Progress:
        """How far the run is, once an episode has come to a result or before any has."""
        return Progress(self.done, self.total, self, result)

    def flying(self) -> int:
        """How many episodes are in flight, in all processes."""
        return len(self.in_flight) + sum(number for number, _ in self.elsewhere.values())

    def spending(self) -> Spending:
        """What all episodes have consumed, those in flight so far."""
        spent = self.finished
        for flight in list(self.in_flight):
            spent = spent.plus(flight.spending)
        for _, elsewhere in list(self.elsewhere.values()):
            spent = spent.plus(elsewhere)
        return spent

    @property
    def seconds(self) -> float:
        """How long this session has run."""
        return time.monotonic() - self._began

    def steps_a_second(self) -> float:
        """Steps a second of this session."""
        return (self.spending().steps - self._steps_before) / max(self.seconds, 1e-9)

    def seconds_left(self) -> float | None:
        """How long the rest takes if it goes on as so far; None before anything has finished."""
        done = self.done - self.done_before
        return self.seconds / done * (self.total - self.done) if done else None


class Progress(NamedTuple):
    """How far a run is.

    Args:
        done: Episodes finished, those of earlier sessions included.
        total: Episodes of the run.
        tally: All that is known; it goes on changing.
        result: What the episode came to that has just finished; None at the start, and when the
            run begins to stop.
    """

    done: int
    total: int
    tally: Tally
    result: Result | None = None


def _kind(ended: str) -> str:
    """What broke an episode.

    ``error:policy: The server is gone.`` is of the kind ``policy``.
    """
    parts = ended.split(":", 2)
    return parts[1].strip() if len(parts) > 1 else ended or "unknown"
