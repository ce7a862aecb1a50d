"""Plans: what a task is about, before it is put into a task: goals, offers, and how it is solved.

A plan is drawn from a task's id alone, so that an id is all that a policy who knows solutions, a
report or a leak checker need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.mini.benchmark.documents import Provider, Role, provider, providers_of
from toolenv.mini.benchmark.draws import Draw
from toolenv.mini.benchmark.lexicon import Part
from toolenv.mini.benchmark.phrasing import (
    Phrase,
    Sentence,
    cancelling,
    looking_up,
    reserving,
    say,
)
from toolenv.mini.benchmark.signs import SIGNS, Failure, fate
from toolenv.mini.benchmark.simulator import answer, first_booking
from toolenv.mini.benchmark.values import some_name
from toolenv.mini.benchmark.world import Need, NeedKind, Tool, categories_of, category

__all__ = ["LEVELS", "TEST_SPLITS", "Goal", "Level", "Plan", "by_looks", "plan_of"]

Level: TypeAlias = Literal["inst", "tool", "cat"]
"""What is new to a policy that was trained: instructions, tools, or categories."""

TEST_SPLITS: Final = ("I1-inst", "I1-tool", "I1-cat", "I2-inst", "I2-cat", "I3-inst")

LEVELS: Final[dict[str, Level]] = {name: name[3:] for name in TEST_SPLITS}  # type: ignore[misc]

Case: TypeAlias = Literal["solvable", "all fail", "none offered"]
"""Whether a task can be solved, or why not: for one of its needs, all providers fail, or none is
offered. Nothing else is chosen: which of the providers fail is as it falls, so that there is
nothing to learn from the order in which they are offered."""

_CASES: Final[tuple[tuple[Case, float], ...]] = (
    ("solvable", 0.91),
    ("all fail", 0.05),
    ("none offered", 0.04),
)
_ID: Final = re.compile(r"(I[123]-(?:inst|tool|cat)|validation|train-\d+)-(\d+)")
_GROUPS: Final = {"I1": 0.45, "I2": 0.25, "I3": 0.30}
"""Shares of the groups in training."""
_Weights: TypeAlias = tuple[tuple[NeedKind, float], ...]

_SINGLE: Final[_Weights] = (("lookup", 50), ("detail", 30), ("reserve", 12), ("cancel", 8))
_WITHIN: Final[_Weights] = (("lookup", 45), ("relate", 40), ("reserve", 15))
_ACROSS: Final[_Weights] = (("lookup", 45), ("link", 45), ("reserve", 10))
"""Kinds of the need that a task of a group begins with. A ``detail`` begins with a ``find``."""

_PROVIDERS: Final = {1: ((2, 0.45), (3, 0.4), (4, 0.15)), 2: ((1, 0.25), (2, 0.55), (3, 0.2))}
"""How many providers of a goal are offered, by the number of goals, with weights."""


class Goal(NamedTuple):
    """One call that has to succeed, at any of its need's providers.

    Args:
        need: The need.
        given: The arguments, by role.
        value: What a working provider answers.
        after: The goal whose value is one of the arguments; None where there is none.
        reported: Whether the user asked for the value.
    """

    need: Need
    given: dict[Role, Any]
    value: JsonValue
    after: int | None = None
    reported: bool = True


class Plan(NamedTuple):
    """All that there is to know of a task.

    Args:
        id: The task's id.
        split: Its split.
        part: The part that its words and names come from.
        goals: What has to be called, in order.
        sentence: The instruction and its pattern.
        offers: The APIs offered, in order.
        fates: How each of them fails; None where it works.
        solvable: Whether each goal has a provider that works.
        max_steps: The steps of one branch.
    """

    id: str
    split: str
    part: Part
    goals: tuple[Goal, ...]
    sentence: Sentence
    offers: tuple[Provider, ...]
    fates: tuple[Failure | None, ...]
    solvable: bool
    max_steps: int

    def providers(self, goal: Goal) -> list[Provider]:
        """The offered APIs that are documented for a goal, as offered."""
        return [one for one in self.offers if one.need == goal.need]

    def works(self, one: Provider) -> bool:
        """Whether an offered API works in this task."""
        return self.fates[self.offers.index(one)] is None

    @property
    def relevant(self) -> list[Provider]:
        """The offered APIs that are documented for one of the goals."""
        return [one for one in self.offers if any(one.need == goal.need for goal in self.goals)]


@lru_cache(maxsize=4096)
def plan_of(task: str) -> Plan:
    """The plan of a task.

    Args:
        task: Its id: ``I1-inst-0``, ``validation-7``, ``train-3-1024`` (seed, number).

    Raises:
        ConfigurationError: It is no id of this benchmark.
    """
    found = _ID.fullmatch(task)
    if found is None:
        raise ConfigurationError(
            f"MiniToolBench-v1 has no task {task!r}.",
            fix="Ids look like 'I1-inst-0', 'validation-0' or 'train-0-0' (seed, number).",
        )
    split, number = found[1], int(found[2])
    part: Part = "test"
    if split.startswith("train"):
        split, part = "train", "train"
    elif split == "validation":
        part = "validation"
    draw = Draw("plan", task)
    wanted = _wanted(draw, split, number)
    case = draw.weighted(_CASES)
    draw, needs, offers, fates = _drawn_until_it_fits(task, wanted, case)
    goals, phrases = _Teller(draw, task, part).tell(needs)
    return Plan(
        task,
        split,
        part,
        goals,
        say(draw, part, phrases),
        offers,
        fates,
        case == "solvable",
        _steps(draw, needs, offers, fates),
    )


class _Wanted(NamedTuple):
    group: str
    level: Level
    place: Part  # of the categories
    tools: Part


def _wanted(draw: Draw, split: str, number: int) -> _Wanted:
    """Where a task's categories and tools come from."""
    if split == "train":
        group = draw.weighted(list(_GROUPS.items()))
        return _Wanted(group, "inst", "train", "train")
    kept: Part = "test"
    if split == "validation":
        split, kept = TEST_SPLITS[number % len(TEST_SPLITS)], "validation"
    level = LEVELS[split]
    place: Part = kept if level == "cat" else "train"
    return _Wanted(split[:2], level, place, "train" if level == "inst" else kept)


Fates: TypeAlias = tuple[Failure | None, ...]


def _drawn_until_it_fits(
    task: str, wanted: _Wanted, case: Case
) -> tuple[Draw, tuple[Need, ...], tuple[Provider, ...], Fates]:
    for attempt in range(100_000):
        draw = Draw("plan", task, attempt)
        needs = _needs(draw, wanted)
        without = draw.below(len(needs)) if case == "none offered" else None
        offers = _offers(draw, needs, wanted, without)
        fates = tuple(fate(task, one.function, one.sign) for one in offers)
        if _fits(case, wanted.group, needs, offers, fates):
            return draw, needs, offers, fates
    raise AssertionError(f"no plan for {task}")  # the shares of failures make it impossible


def _fits(
    case: Case, group: str, needs: Sequence[Need], offers: Sequence[Provider], fates: Fates
) -> bool:
    """Whether an attempt is a case of what is wanted."""
    failing = dict(zip(offers, fates, strict=True))
    working = [[one for one in offers if one.need == need and not failing[one]] for need in needs]
    if case == "none offered":
        return True
    if case == "all fail":
        return not all(working)
    if not all(working):
        return False
    tools = [{(one.tool.category, one.tool.number) for one in found} for found in working]
    return bool(set.intersection(*tools)) == (group == "I1")  # one tool is enough, or is not


def by_looks(providers: Iterable[Provider]) -> list[Provider]:
    """Providers from the best-looking to the worst; those that look alike as they are offered."""
    ranks = list(SIGNS)
    return sorted(providers, key=lambda one: ranks.index(one.sign))


def _steps(draw: Draw, needs: Sequence[Need], offers: Sequence[Provider], fates: Fates) -> int:
    """The steps of a branch: those of a solution, Finish, and one or two more.

    Where there is no solution: those after which it is known that there is none.
    """
    steps = len(needs) + 1 + (1 if draw.chance(0.9) else 2)
    for number, need in enumerate(needs):
        known = [f for one, f in zip(offers, fates, strict=True) if one.need == need]
        if known and all(known):
            return max(steps, number + len(known) + 2)
    return steps


def _needs(draw: Draw, wanted: _Wanted) -> tuple[Need, ...]:
    """What a task needs, in order."""
    own = category(draw.one(categories_of(wanted.place)))
    lookups, details = own.needs[:4], own.needs[4:7]
    if wanted.group == "I1":
        match draw.weighted(_SINGLE):
            case "lookup":
                return (draw.one(lookups),)
            case "detail":
                return own.need("find"), draw.one(details)
            case kind:
                return (own.need(kind),)
    if wanted.group == "I2":
        match draw.weighted(_WITHIN):
            case "lookup":
                return tuple(draw.some(lookups, 2))
            case "relate":
                return own.need("relate"), draw.one(details)
            case kind:
                return own.need(kind), draw.one(lookups)
    other = draw.one(category(own.linked).needs[:4])
    match draw.weighted(_ACROSS):
        case "lookup":
            return draw.one(lookups), other
        case kind:
            return own.need(kind), other


def _offers(
    draw: Draw, needs: Sequence[Need], wanted: _Wanted, without: int | None
) -> tuple[Provider, ...]:
    """Providers of each need, and others: what is like them, and what is not.

    Args:
        draw: What they are drawn from.
        needs: The needs.
        wanted: Where tools come from.
        without: The need for which none is offered.
    """
    chosen: list[Provider] = []
    tools: list[Tool] = []
    for number, need in enumerate(needs):
        if number == without:
            continue
        known = category(need.category).providers(need, wanted.tools)
        count = draw.weighted(_PROVIDERS[len(needs)])
        shared = [t for t in tools if t in known] if wanted.group == "I1" else []
        others = [t for t in known if t not in shared]
        drawn = [*shared[:2], *draw.some(others, count)][:count]
        tools += drawn
        chosen += [provider(tool, need) for tool in drawn]
    least = 2 + len(needs)
    total = min(6, max(draw.between(least, least + 2), len(chosen) + draw.between(0, 1)))
    for _ in range(40):
        if len(chosen) >= total:
            break
        other = _other(draw, draw.one(needs), wanted.tools)
        if other not in chosen and not any(_gives(other, need) for need in needs):
            chosen.append(other)
    return tuple(draw.some(chosen, len(chosen)))


def _gives(one: Provider, need: Need) -> bool:
    """Whether an API gives what is needed, as documented or beside it."""
    beside = any(decoy.attribute == need.attribute for decoy in one.decoys)
    return one.need == need or (beside and one.need.noun == need.noun)


def _other(draw: Draw, need: Need, part: Part) -> Provider:
    """An API that is offered and not needed, mostly of the same category.

    It is of the part whose tools may be needed, or of training's: no test tool is met in training.
    """
    own = category(need.category)
    if draw.chance(0.2):
        own = category(draw.one(categories_of(own.part)))
    parts = (part, "train") if draw.chance(0.25) else (part,)
    tool = draw.one([tool for tool in own.tools if tool.part in parts])
    return draw.one(providers_of(tool.category, tool.number))


class _Teller:
    """Draws what a task's needs are asked about, and the phrases that ask for it."""

    def __init__(self, draw: Draw, task: str, part: Part) -> None:
        self._draw = draw
        self._task = task
        self._part = part
        self._own_form = part == "train" or draw.chance(0.5)

    def tell(self, needs: Sequence[Need]) -> tuple[tuple[Goal, ...], list[Phrase]]:
        """The goals of the needs, in order, and phrases for what the user asks."""
        first, *rest = needs
        if first.kind in ("find", "relate", "link"):
            return self._hop(first, rest[0])
        told = [self._reserve_or_ask(need) for need in needs]
        return tuple(goal for goal, _ in told), [phrase for _, phrase in told]

    def _reserve_or_ask(self, need: Need) -> tuple[Goal, Phrase]:
        if need.kind == "cancel":
            code = first_booking(self._task).booking
            said = cancelling(self._draw, self._part, need, code)
            return self._goal(need, {"booking": code}), said
        name = some_name(self._draw, need.noun, self._part)
        if need.kind == "reserve":
            count = self._draw.between(2, 40)
            said = reserving(self._draw, self._part, need, name, count)
            return self._goal(need, {"name": name, "count": count}), said
        given = self._qualifier(need)
        return self._goal(need, {"name": name, **given}), self._ask(need, name, given, None)

    def _hop(self, via: Need, need: Need) -> tuple[tuple[Goal, ...], list[Phrase]]:
        """Two needs, of which the second asks about what the first one gives."""
        name = some_name(self._draw, via.noun, self._part)
        first = self._goal(via, {"name": name})._replace(reported=False)
        given = self._qualifier(need)
        role: Role = "code" if need.kind == "detail" else "name"
        second = self._goal(need, {role: first.value, **given})._replace(after=0)
        said = self._ask(need, name, given, None if via.kind == "find" else via)
        return (first, second), [said]

    def _ask(self, need: Need, name: str, given: dict[Role, Any], via: Need | None) -> Phrase:
        qualifier = given.get("qualifier", "")
        return looking_up(self._draw, self._part, self._own_form, need, name, qualifier, via)

    def _qualifier(self, need: Need) -> dict[Role, Any]:
        known = need.qualifier
        return {"qualifier": self._draw.one(known.values)} if known is not None else {}

    def _goal(self, need: Need, given: dict[Role, Any]) -> Goal:
        return Goal(need, given, answer(need, given, (first_booking(self._task),)).value)
