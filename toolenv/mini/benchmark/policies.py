"""Scripted policies of the benchmark: an oracle, an expert who reads documents, and one that idles.

The oracle knows which providers work. The expert knows what a careful reader of the offered
documents knows, which of them provide what is asked for and what they say of their reliability,
and learns which of them work by calling them: what it says is fit to be imitated.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolenv.episodes import FunctionCall, Message
from toolenv.errors import PolicyError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import parse, render, render_sorted
from toolenv.mini.benchmark.documents import Provider
from toolenv.mini.benchmark.draws import Draw
from toolenv.mini.benchmark.plans import Goal, Plan, by_looks, plan_of
from toolenv.mini.benchmark.tasks import benchmark_tasks, train_tasks, validation_tasks
from toolenv.mini.benchmark.turns import Messages, PastCall, finish, named_here, past_calls
from toolenv.tasks import Task

__all__ = ["ExpertPolicy", "OraclePolicy"]


class _Planned:
    """A policy that knows what the tasks are about, and plays one provider after the other.

    Args:
        tasks: The tasks it is to know; the six test splits and validation by default.
        train_seed: Know training tasks of this seed instead.
        train_count: How many of them.
        train_start: The number of the first.
    """

    name = ""

    def __init__(
        self,
        tasks: Iterable[Task] | None = None,
        *,
        train_seed: int | None = None,
        train_count: int = 2000,
        train_start: int = 0,
    ) -> None:
        if tasks is None:
            tasks = [*benchmark_tasks(), *validation_tasks()]
            if train_seed is not None:
                tasks = train_tasks(train_seed, train_count, train_start)
        self._ids = {(task.instruction, tuple(task.named_apis)): task.id for task in tasks}

    @property
    def fingerprint(self) -> str:
        """A digest of its name and version."""
        return fingerprint("policy", [self.name, 3])

    async def __call__(self, messages: Messages, functions: Messages, *, seed: int) -> Message:
        """The next call.

        Args:
            messages: The conversation. A last user message that is not the instruction names what
                was tried at this point already.
            functions: The functions offered.
            seed: What careless choices derive from.

        Raises:
            PolicyError: The task is none that it knows.
        """
        said = [str(message["content"]) for message in messages if message["role"] == "user"]
        offered = tuple(str(one["function"]["name"]) for one in functions)  # type: ignore[index, call-overload]
        known = self._ids.get((said[0] if said else "", offered[:-1]))
        if known is None:
            raise PolicyError(
                f"The {self.name} does not know this task.",
                fix="Give it the tasks: tasks=…, or train_seed=… and train_count=….",
            )
        plan = plan_of(known)
        here = named_here(messages, offered[:-1])
        return self._next(plan, past_calls(messages), here, seed)

    def _next(self, plan: Plan, past: list[PastCall], here: set[str], seed: int) -> Message:
        had = {(call.function, _sorted(call.arguments)): call.fields for call in past}
        choices = [self._choices(plan, goal) for goal in plan.goals]
        if not all(choices):
            return finish(None)
        answers: list[str] = []
        for goal, providers in zip(plan.goals, choices, strict=True):
            asked = {one: render_sorted(one.arguments(goal.given)) for one in providers}
            values = (had.get((one.function, asked[one]), {}).get(one.field) for one in providers)
            value = next((value for value in values if value is not None), None)
            if value is not None:
                answers += [str(value)] if goal.reported else []
                continue
            untried = [
                one
                for one in providers
                if one.function not in here and (one.function, asked[one]) not in had
            ]
            if not untried:
                return finish(None)
            one = self._choose(untried, plan, seed)
            return Message(calls=(FunctionCall(one.function, render(one.arguments(goal.given))),))
        return finish(", ".join(answers))

    def _choices(self, plan: Plan, goal: Goal) -> list[Provider]:
        """The providers of a goal that it considers."""
        raise NotImplementedError

    def _choose(self, untried: list[Provider], plan: Plan, seed: int) -> Provider:
        return untried[0]


class OraclePolicy(_Planned):
    """Calls the providers that work, and no others: every task can be passed.

    Args:
        tasks: The tasks it is to know; the six test splits and validation by default.
        train_seed: Know training tasks of this seed instead.
        train_count: How many of them.
        train_start: The number of the first.
    """

    name = "oracle"

    def _choices(self, plan: Plan, goal: Goal) -> list[Provider]:
        return [one for one in plan.providers(goal) if plan.solvable and plan.works(one)]


class ExpertPolicy(_Planned):
    """Calls the best-looking provider first, and after a failure the next; gives up after the last.

    What others did wrong before it is asked, it does right: a call with other arguments than the
    task's counts as none.

    Args:
        tasks: The tasks it is to know; the six test splits and validation by default.
        train_seed: Know training tasks of this seed instead.
        train_count: How many of them.
        train_start: The number of the first.
        careless: The share of choices that are made without looking at signs: more failures to
            recover from.
    """

    name = "expert"

    def __init__(
        self,
        tasks: Iterable[Task] | None = None,
        *,
        train_seed: int | None = None,
        train_count: int = 2000,
        train_start: int = 0,
        careless: float = 0.0,
    ) -> None:
        super().__init__(
            tasks, train_seed=train_seed, train_count=train_count, train_start=train_start
        )
        self.careless = careless

    @property
    def fingerprint(self) -> str:
        """A digest of its name, version and carelessness."""
        return fingerprint("policy", [self.name, 3, self.careless])

    def _choices(self, plan: Plan, goal: Goal) -> list[Provider]:
        return by_looks(plan.providers(goal))

    def _choose(self, untried: list[Provider], plan: Plan, seed: int) -> Provider:
        draw = Draw("careless", plan.id, seed)
        if self.careless and draw.chance(self.careless):
            return draw.one(untried)
        return untried[0]


def _sorted(arguments: str) -> str:
    """A call's arguments in one order; as they are where they cannot be read."""
    try:
        return render_sorted(parse(arguments))
    except ValueError:
        return arguments
