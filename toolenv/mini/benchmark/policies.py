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
from toolenv.jsontext import JsonValue, render
from toolenv.mini.benchmark.documents import Provider
from toolenv.mini.benchmark.draws import Draw
from toolenv.mini.benchmark.plans import Goal, Plan, by_looks, plan_of
from toolenv.mini.benchmark.tasks import benchmark_tasks, train_tasks, validation_tasks
from toolenv.mini.benchmark.turns import Messages, PastCall, finish, past_calls, tried_functions
from toolenv.tasks import Task

__all__ = ["ExpertPolicy", "OraclePolicy"]


class _Planned:
    """A policy that knows what the tasks are about, and plays one provider after the other.

    Args:
        tasks: The tasks it is to know; the six test splits and validation by default.
        train_seed: Know training tasks of this seed instead.
        train_count: How many of them.
    """

    name = ""

    def __init__(
        self,
        tasks: Iterable[Task] | None = None,
        *,
        train_seed: int | None = None,
        train_count: int = 2000,
    ) -> None:
        if tasks is None:
            tasks = [*benchmark_tasks(), *validation_tasks()]
            if train_seed is not None:
                tasks = train_tasks(train_seed, train_count)
        self._ids = {(task.instruction, tuple(task.named_apis)): task.id for task in tasks}

    @property
    def fingerprint(self) -> str:
        """A digest of its name and version."""
        return fingerprint("policy", [self.name, 1])

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
        tried = tried_functions(messages, offered[:-1])
        return self._next(plan, past_calls(messages), tried, seed)

    def _next(self, plan: Plan, past: list[PastCall], tried: set[str], seed: int) -> Message:
        choices = [self._choices(plan, goal) for goal in plan.goals]
        if not all(choices):
            return finish(None)
        answers: list[str] = []
        for goal, providers in zip(plan.goals, choices, strict=True):
            value = _had(providers, past)
            if value is not None:
                answers += [str(value)] if goal.reported else []
                continue
            untried = [one for one in providers if one.function not in tried]
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
    """

    name = "oracle"

    def _choices(self, plan: Plan, goal: Goal) -> list[Provider]:
        return [one for one in plan.providers(goal) if plan.solvable and plan.works(one)]


class ExpertPolicy(_Planned):
    """Calls the best-looking provider first, and after a failure the next; gives up after the last.

    Args:
        tasks: The tasks it is to know; the six test splits and validation by default.
        train_seed: Know training tasks of this seed instead.
        train_count: How many of them.
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
        careless: float = 0.0,
    ) -> None:
        super().__init__(tasks, train_seed=train_seed, train_count=train_count)
        self.careless = careless

    @property
    def fingerprint(self) -> str:
        """A digest of its name, version and carelessness."""
        return fingerprint("policy", [self.name, 1, self.careless])

    def _choices(self, plan: Plan, goal: Goal) -> list[Provider]:
        return by_looks(plan.providers(goal))

    def _choose(self, untried: list[Provider], plan: Plan, seed: int) -> Provider:
        draw = Draw("careless", plan.id, seed)
        if self.careless and draw.chance(self.careless):
            return draw.one(untried)
        return untried[0]


def _had(providers: list[Provider], past: list[PastCall]) -> JsonValue:
    """The value that one of some providers has answered; None where none has."""
    fields = {one.function: one.field for one in providers}
    for call in past:
        value = call.fields.get(fields.get(call.function, ""))
        if value is not None:
            return value
    return None
