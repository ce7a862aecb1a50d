"""How fast, how many at once and how often in all a simulator is asked."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import ConfigurationError, SimulatorError
from toolenv.places import Places
from toolenv.simulators.base import Session, Simulator
from toolenv.simulators.pacing import Budget, Pace
from toolenv.simulators.wrapping import Wrapper
from toolenv.tasks import Task

__all__ = ["BudgetSpentError", "limit", "places_of"]

_TOO_MANY = frozenset({Status.TOO_MANY_REQUESTS, Status.RATE_LIMITED})

Spent: TypeAlias = Literal["fail", "pass"]


class BudgetSpentError(SimulatorError):
    """The calls that a run may make are used up; asking again does not help."""


def limit(
    simulator: Simulator,
    *,
    per_second: float | None = None,
    burst: int = 1,
    in_flight: int | None = None,
    adaptive: bool = False,
    calls: int | None = None,
    spent: Spent = "fail",
) -> Simulator:
    """Limit how a simulator is asked, over all episodes of a run, threads and event loops.

    Calls wait for their turn in the order in which they come. Wrap what costs: calls that a rung
    before it answers are not counted.

    Args:
        simulator: What answers.
        per_second: Calls begun per second.
        burst: Calls that may begin at once after a pause.
        in_flight: Calls under way at the same time.
        adaptive: Fewer of them after an answer that says "too many requests", and more again
            after others; see ``toolenv.places``. Without ``in_flight`` there is no limit until
            then.
        calls: Calls in all, as long as this simulator is open.
        spent: What happens when those are used up. ``fail``: a typed failure of infrastructure,
            which ends the episode's branch and is never recorded as an answer. ``pass``: the next
            simulator of the ladder is asked.

    Raises:
        ConfigurationError: A number makes no sense.

    Example:
        >>> from toolenv.simulators import first_of
        >>> limit(first_of(), per_second=5).fingerprint == first_of().fingerprint
        True
    """
    if spent not in get_args(Spent):
        raise ConfigurationError(
            f"It is {spent!r}.", where="spent", fix=f"Use one of {', '.join(get_args(Spent))}."
        )
    pace = None if per_second is None else Pace(per_second, burst)
    places = Places(in_flight) if in_flight is not None or adaptive else None
    budget = None if calls is None else Budget(calls)
    return _Limit(simulator, pace, places, adaptive, budget, spent)


def places_of(simulator: object) -> list[Places]:
    """The places of all limits on calls under way in a simulator, outermost first."""
    found = [simulator.places] if isinstance(simulator, _Limit) and simulator.places else []
    for inner in (getattr(simulator, "simulator", None), *getattr(simulator, "simulators", ())):
        if inner is not None:
            found += places_of(inner)
    return found


class _Limit(Wrapper):
    def __init__(
        self,
        simulator: Simulator,
        pace: Pace | None,
        places: Places | None,
        adaptive: bool,
        budget: Budget | None,
        spent: Spent,
    ) -> None:
        super().__init__(simulator)
        self.pace = pace
        self.places = places
        self.adaptive = adaptive
        self.budget = budget
        self.spent = spent

    def open(self, task: Task, seed: int) -> Session:
        return _LimitSession(self, self.simulator.open(task, seed))


class _LimitSession:
    __slots__ = ("_inner", "_owner")

    def __init__(self, owner: _Limit, inner: Session) -> None:
        self._owner = owner
        self._inner = inner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        budget, places, pace = owner.budget, owner.places, owner.pace
        if budget is not None and not budget.take():
            if owner.spent == "pass":
                return None
            raise BudgetSpentError(
                f"All {budget.calls} calls of this run are used up.",
                where="calls",
                fix="Allow more calls, record what was answered, or name a simulator after it.",
            )
        if places is None:
            if pace is not None:
                await pace.turn()
            return await self._inner.call(call, past)
        async with places.place() as place:
            if pace is not None:
                await pace.turn()
            response = await self._inner.call(call, past)
            if owner.adaptive and response is not None:
                if response.status in _TOO_MANY:
                    place.refused()
                else:
                    place.answered()
            return response

    def fork(self) -> Session:
        return _LimitSession(self._owner, self._inner.fork())
