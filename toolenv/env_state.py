"""What all branches of one episode share: the steps, the meter, the seeds."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from toolenv.checks import outcome_of
from toolenv.env_settings import Settings
from toolenv.episodes import ROOT, Branch, Outcome, Step
from toolenv.limits import Meter
from toolenv.seeds import derive
from toolenv.tasks import Task

__all__ = ["EpisodeState"]


class EpisodeState:
    """What all branches of one episode share."""

    __slots__ = (
        "_decided",
        "_seeds",
        "functions",
        "max_steps",
        "meter",
        "named_apis",
        "observer",
        "outcomes",
        "ranks",
        "resolver",
        "seed",
        "steps",
        "task",
    )

    def __init__(self, task: Task, seed: int, settings: Settings) -> None:
        self.task = task
        self.seed = seed
        self.steps: list[Step] = []
        self.ranks: dict[int, int] = {}
        self.max_steps = min(settings.max_steps, task.max_steps or settings.max_steps)
        self.meter = Meter(settings.budget)
        self.observer: Callable[[Step], None] | None = None
        self._seeds: dict[int, int] = {ROOT: seed}
        self._decided: dict[tuple[int, int], int] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.functions, self.named_apis, self.resolver = settings.offered_by(task)

    def take_rank(self, parent: int, wanted: int | None) -> int:
        """The place of a new step among its siblings: the wanted one, else the next free."""
        following = self.ranks.get(parent, 0)
        rank = following if wanted is None else wanted
        self.ranks[parent] = max(following, rank + 1)
        return rank

    def outcome_of(self, at: int) -> Outcome:
        """How the branch that ended at a step went; its check is applied once."""
        outcome = self.outcomes.get(at)
        if outcome is None:
            outcome = self.outcomes[at] = outcome_of(Branch(self.task, self.steps, at))
        return outcome

    def seed_of_next(self, at: int, rank: int) -> int:
        """The seed of the decision that makes the step of a rank below a step."""
        place = (at, rank)
        seed = self._decided.get(place)
        if seed is None:
            seed = self._decided[place] = derive(self.seed_of(at), rank)
        return seed

    def seed_of(self, at: int) -> int:
        """The seed of a step: derived from its parent's and its rank."""
        seeds, above = self._seeds, []
        while at not in seeds:
            above.append(at)
            at = self.steps[at].parent
        seed = seeds[at]
        for number in reversed(above):
            step = self.steps[number]
            decided = self._decided.get((step.parent, step.rank))
            seed = seeds[number] = derive(seed, step.rank) if decided is None else decided
        return seed

    def copy(self) -> EpisodeState:
        """A state with steps and meter of its own, which no one observes."""
        twin = object.__new__(EpisodeState)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.steps = self.steps.copy()
        twin.ranks = self.ranks.copy()
        twin.outcomes = self.outcomes.copy()
        twin._seeds = self._seeds.copy()
        twin._decided = self._decided.copy()
        twin.meter = copy(self.meter)
        twin.observer = None
        return twin
