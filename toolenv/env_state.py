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
        "functions",
        "max_steps",
        "meter",
        "named_apis",
        "observer",
        "outcomes",
        "ranks",
        "resolver",
        "seed",
        "seeds",
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
        self.seeds: dict[int, int] = {ROOT: seed}  # of the steps whose seed has been asked for
        self.outcomes: dict[int, Outcome] = {}
        self.functions, self.named_apis, self.resolver = settings.offered_by(task)

    def take_rank(self, parent: int, wanted: int | None) -> int:
        """The place of a new step among its siblings: the wanted one, else the next free."""
        following = self.ranks.get(parent, 0)
        if wanted is None:
            self.ranks[parent] = following + 1
            return following
        self.ranks[parent] = max(following, wanted + 1)
        return wanted

    def outcome_of(self, at: int) -> Outcome:
        """How the branch that ended at a step went; its check is applied once."""
        outcome = self.outcomes.get(at)
        if outcome is None:
            outcome = self.outcomes[at] = outcome_of(Branch(self.task, self.steps, at))
        return outcome

    def seed_of(self, at: int) -> int:
        """The seed of a step: derived from its parent's and its rank."""
        seeds, above = self.seeds, []
        while at not in seeds:
            above.append(at)
            at = self.steps[at].parent
        seed = seeds[at]
        for number in reversed(above):
            seed = seeds[number] = derive(seed, self.steps[number].rank)
        return seed

    def copy(self) -> EpisodeState:
        """A state with steps and meter of its own, which no one observes."""
        twin = object.__new__(EpisodeState)
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.steps = self.steps.copy()
        twin.ranks = self.ranks.copy()
        twin.outcomes = self.outcomes.copy()
        twin.seeds = self.seeds.copy()
        twin.meter = copy(self.meter)
        twin.observer = None
        return twin
