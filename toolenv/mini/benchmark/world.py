"""The world: categories, what can be needed in them, and the tools whose APIs provide it.

A category is drawn when it is first looked at, from its number alone. Its tools are split as the
paper splits them: those of the train part may be needed in training, those of the test part are
kept for tests; in test categories, all are.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.mini.benchmark.draws import Draw, capitalised, invented
from toolenv.mini.benchmark.lexicon import (
    HEADS,
    MODIFIERS,
    NOUNS,
    QUALIFIERS,
    RELATIONS,
    UNITS,
    Part,
    Qualifier,
)
from toolenv.names import standard_category, standard_tool

__all__ = [
    "CATEGORIES",
    "Attribute",
    "Category",
    "Need",
    "NeedKind",
    "Tool",
    "categories_of",
    "category",
    "category_named",
    "tool_named",
]

CATEGORIES: Final[dict[Part, int]] = {"train": 96, "validation": 12, "test": 24}
"""How many categories each part has."""

_TOOLS: Final = 9
"""Tools of each part in a category: a train category has some of all parts, others of their own."""

_SYNONYMS: Final = ((0, 0.55), (1, 0.25), (2, 0.2))
"""How often a synonym is used, by its place."""

NeedKind: TypeAlias = Literal["lookup", "detail", "find", "relate", "link", "reserve", "cancel"]


class Attribute(NamedTuple):
    """What can be asked of a thing: a head word, and what stands before it.

    Args:
        modifier: As in ``evening price``; may be empty, real or invented.
        head: The number of the head word.
    """

    modifier: str
    head: int

    @property
    def key(self) -> str:
        """The attribute with the first of its synonyms, which stands for all of them."""
        return self.said(0)

    def said(self, synonym: int) -> str:
        """The attribute with one of its synonyms."""
        return f"{self.modifier} {HEADS[self.head].words[synonym]}".strip()

    def drawn(self, draw: Draw) -> str:
        """The attribute with one of its synonyms; about every second time, that is the first."""
        return self.said(draw.weighted(_SYNONYMS))


class Need(NamedTuple):
    """Something that can be needed; several tools provide it.

    Args:
        category: The number of its category.
        number: Its number there.
        kind: ``lookup`` and ``detail`` give an attribute of a thing, by its name and by its code;
            ``find`` gives the code of a name; ``relate`` gives the code of a related thing of
            the category, ``link`` the name of one of another category; ``reserve`` and ``cancel``
            change bookings.
        noun: What it is asked of.
        attribute: What is asked, of ``lookup`` and ``detail``.
        qualifier: A second parameter, where the need has one.
        relation: As in ``nearest station``, of ``relate`` and ``link``.
        target: What kind of thing ``relate`` and ``link`` lead to.
        unit: What ``reserve`` reserves.
    """

    category: int
    number: int
    kind: NeedKind
    noun: str
    attribute: Attribute | None = None
    qualifier: Qualifier | None = None
    relation: str = ""
    target: str = ""
    unit: str = ""

    def __hash__(self) -> int:
        return self.category * 64 + self.number


class Tool(NamedTuple):
    """A tool: the needs that its APIs provide, one each.

    Args:
        category: The number of its category.
        number: Its number there.
        name: Its name.
        part: Whose tasks may need it.
        needs: The numbers of the needs.
    """

    category: int
    number: int
    name: str
    part: Part
    needs: tuple[int, ...]


class Category(NamedTuple):
    """A category.

    Args:
        number: Its number in the world.
        name: Its name.
        part: Whose tasks may need it.
        needs: What can be needed.
        tools: Its tools.
        linked: The category that the need of kind ``link`` leads to, of the same part.
    """

    number: int
    name: str
    part: Part
    needs: tuple[Need, ...]
    tools: tuple[Tool, ...]
    linked: int

    def providers(self, need: Need, part: Part) -> list[Tool]:
        """The tools of a part that provide a need."""
        return [t for t in self.tools if t.part == part and need.number in t.needs]

    def need(self, kind: NeedKind) -> Need:
        """The only need of a kind that a category has one of."""
        return next(need for need in self.needs if need.kind == kind)


def categories_of(part: Part) -> range:
    """The numbers of a part's categories."""
    first = 0
    for name, count in CATEGORIES.items():
        if name == part:
            return range(first, first + count)
        first += count
    raise KeyError(part)


@cache
def category(number: int) -> Category:
    """A category by its number."""
    part, place = _place(number)
    first, second = _nouns(part, place)
    draw = Draw("category", number)
    linked = categories_of(part)[(place + 1 + draw.below(CATEGORIES[part] - 1)) % CATEGORIES[part]]
    return Category(
        number,
        _name(number),
        part,
        _needs(draw, number, first, second, _nouns(*_place(linked))[0]),
        _tools(draw, number, part),
        linked,
    )


@cache
def _place(number: int) -> tuple[Part, int]:
    for part in CATEGORIES:
        numbers = categories_of(part)
        if number in numbers:
            return part, number - numbers.start
    raise IndexError(number)


def _nouns(part: Part, place: int) -> tuple[str, str]:
    """The two kinds of things of a category; real words while there are some."""
    real = NOUNS[part]
    if 2 * place + 1 < len(real):
        return real[2 * place], real[2 * place + 1]
    first = categories_of(part)[place] * 2
    return invented("noun", first), invented("noun", first + 1)


def _name(number: int) -> str:
    first, second = _nouns(*_place(number))
    return f"{capitalised(first)} {capitalised(second)}"


def _needs(draw: Draw, number: int, first: str, second: str, linked: str) -> tuple[Need, ...]:
    own = tuple(invented("modifier", number * 3 + i) for i in range(3))
    needs: list[Need] = []
    for noun, kind, count in ((first, "lookup", 4), (second, "detail", 3)):
        for attribute in _attributes(draw, own, count):
            qualifier = draw.one(QUALIFIERS) if draw.chance(0.25) else None
            needs.append(Need(number, len(needs), kind, noun, attribute, qualifier))  # type: ignore[arg-type]
    at = len(needs)
    relations = draw.some(RELATIONS, 2)
    needs += [
        Need(number, at, "find", second),
        Need(number, at + 1, "relate", first, relation=relations[0], target=second),
        Need(number, at + 2, "link", first, relation=relations[1], target=linked),
        Need(number, at + 3, "reserve", first, unit=draw.one(UNITS)),
        Need(number, at + 4, "cancel", first),
    ]
    return tuple(needs)


def _attributes(draw: Draw, own: tuple[str, ...], count: int) -> list[Attribute]:
    """Different attributes; of some, two differ in what stands before the head alone."""
    heads = draw.some(range(len(HEADS)), count)
    if draw.chance(0.4):
        heads[1] = heads[0]
    found: list[Attribute] = []
    for head in heads:
        while True:
            modifier = draw.weighted(
                [("", 0.3), (draw.one(MODIFIERS), 0.35), (draw.one(own), 0.35)]
            )
            if heads.count(head) > 1 and not modifier:
                continue
            if Attribute(modifier, head) not in found:
                break
        found.append(Attribute(modifier, head))
    return found


def _tools(draw: Draw, number: int, part: Part) -> tuple[Tool, ...]:
    owners: tuple[Part, ...] = ("train", "validation", "test") if part == "train" else (part,)
    tools: list[Tool] = []
    for owner in owners:
        for place in range(_TOOLS):
            at = len(tools)
            name = capitalised(invented("tool", number * 32 + at))
            tools.append(Tool(number, at, name, owner, _provided(draw, place % 3)))
    return tuple(tools)


def _provided(draw: Draw, focus: int) -> tuple[int, ...]:
    """The needs of a tool that looks up, one that finds, or one that books."""
    lookups, details = [0, 1, 2, 3], [4, 5, 6]
    find, relate, link, reserve, cancel = 7, 8, 9, 10, 11
    if focus == 0:
        return (*draw.some(lookups, 3), *draw.some([relate, link], 2))
    if focus == 1:
        return (find, *draw.some(details, 3 if draw.chance(0.5) else 2), draw.one([relate, link]))
    return (reserve, cancel, *draw.some(lookups, 2), draw.one([relate, link]))


@cache
def _numbers() -> dict[str, int]:
    return {
        standard_category(_name(number)): number
        for part in CATEGORIES
        for number in categories_of(part)
    }


def category_named(standard: str) -> Category | None:
    """The category of a standardised name; None where there is none."""
    number = _numbers().get(standard)
    return None if number is None else category(number)


@cache
def _tool_numbers(number: int) -> dict[str, Tool]:
    return {standard_tool(tool.name): tool for tool in category(number).tools}


def tool_named(number: int, standard: str) -> Tool | None:
    """The tool of a standardised name in a category; None where there is none."""
    return _tool_numbers(number).get(standard)
