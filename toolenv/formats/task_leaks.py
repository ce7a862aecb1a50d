"""What tests share with training: a proof that a split is as unseen as its name says.

The levels are those of ToolBench's test sets: new instructions for tools that were seen, tools that
were not, and categories that were not. They are about what a task needs, its relevant APIs; what it
merely offers is counted beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

from toolenv.errors import ConfigurationError
from toolenv.formats.sentence_patterns import document_words, names_in, sentence_pattern
from toolenv.names import standard_api, standard_category, standard_tool
from toolenv.tasks import Task

__all__ = ["LEVELS", "Kind", "Leaks", "Level", "Shared", "find_leaks", "level_of_split"]

Level: TypeAlias = Literal["inst", "tool", "cat"]
"""What is new to who was trained: instructions alone, tools, or categories."""

LEVELS: tuple[Level, ...] = get_args(Level)

Kind: TypeAlias = Literal[
    "instructions",
    "sentence patterns",
    "names",
    "relevant APIs",
    "relevant tools",
    "relevant categories",
    "offered APIs",
    "offered tools",
    "offered categories",
]

_UNSEEN: dict[Level, tuple[Kind, ...]] = {
    "inst": ("instructions", "sentence patterns"),
    "tool": ("instructions", "sentence patterns", "relevant APIs", "relevant tools"),
    "cat": (
        "instructions",
        "sentence patterns",
        "relevant APIs",
        "relevant tools",
        "relevant categories",
    ),
}

_NEEDED_AND_OFFERED: tuple[tuple[Kind, Kind], ...] = (
    ("relevant APIs", "offered APIs"),
    ("relevant tools", "offered tools"),
    ("relevant categories", "offered categories"),
)

_Place = tuple[str, ...]


class Shared(NamedTuple):
    """What of one kind the tests have that training has too.

    Args:
        kind: The kind.
        seen: How many different ones training has.
        total: How many different ones the tests have.
        tasks: In how many test tasks one that training has occurs.
        must_be_unseen: Whether none may be there.
        examples: Some of those that training has.
    """

    kind: Kind
    seen: int
    total: int
    tasks: int
    must_be_unseen: bool
    examples: tuple[str, ...]

    @property
    def leaks(self) -> bool:
        """Whether there is one that may not be there."""
        return self.must_be_unseen and self.seen > 0


class Leaks(NamedTuple):
    """What a split shares with training.

    Args:
        split: The split.
        level: What is to be new.
        tasks: How many tasks the split has.
        shared: By kind.
    """

    split: str
    level: Level
    tasks: int
    shared: tuple[Shared, ...]

    @property
    def leaking(self) -> list[Kind]:
        """The kinds that leak."""
        return [one.kind for one in self.shared if one.leaks]


def level_of_split(split: str) -> Level:
    """The level that a split's name states: by its end, as in ``I2-cat`` and ``G1_category``.

    Raises:
        ConfigurationError: It states none.
    """
    for level in LEVELS:
        if split.replace("_", "-").rpartition("-")[2].startswith(level):
            return level
    raise ConfigurationError(
        f"The name of the split {split!r} does not say what is to be new.",
        fix=f"State the level: {', '.join(LEVELS)}.",
    )


def find_leaks(
    training: Iterable[Task],
    tests: Sequence[Task],
    *,
    level: Level | None = None,
    also_unseen: Sequence[Kind] = (),
) -> list[Leaks]:
    """Compare tests with training, split by split.

    APIs, tools and categories count as seen where a training task needs or merely offers them.

    Args:
        training: The tasks of training; may be a stream that ends.
        tests: The tasks of the tests, of one or several splits.
        level: What is to be new; by default what each split's name says.
        also_unseen: Kinds that must be unseen beside those of the level.

    Raises:
        ConfigurationError: There is nothing to compare, or a split's name states no level.
    """
    trained = list(training)
    if not trained or not tests:
        raise ConfigurationError(f"There are no {'tests' if trained else 'training tasks'}.")
    about = document_words([*trained, *tests])
    seen: dict[Kind, set[_Place]] = {}
    for task in trained:
        for kind, places in _traits(task, about).items():
            known = seen.setdefault(kind, set())
            known |= places
    for needed, offered in _NEEDED_AND_OFFERED:
        seen[needed] = seen[offered] = seen[needed] | seen[offered]
    splits: dict[str, list[Task]] = {}
    for task in tests:
        splits.setdefault(task.split, []).append(task)
    return [
        _compared(split, level or level_of_split(split), tasks, seen, about, also_unseen)
        for split, tasks in splits.items()
    ]


def _compared(
    split: str,
    level: Level,
    tasks: Sequence[Task],
    seen: dict[Kind, set[_Place]],
    about: set[str],
    also_unseen: Sequence[Kind],
) -> Leaks:
    traits = [_traits(task, about) for task in tasks]
    shared: list[Shared] = []
    for kind in get_args(Kind):
        known = seen[kind]
        here = {place for one in traits for place in one[kind]}
        found = sorted(here & known)
        shared.append(
            Shared(
                kind,
                len(found),
                len(here),
                sum(not one[kind].isdisjoint(known) for one in traits),
                kind in _UNSEEN[level] or kind in also_unseen,
                tuple(" / ".join(place) for place in found[:3]),
            )
        )
    return Leaks(split, level, len(tasks), tuple(shared))


def _traits(task: Task, about: set[str]) -> dict[Kind, set[_Place]]:
    """What a task can share with another, by kind."""
    relevant = set(task.relevant or ())
    offered = {
        (standard_category(api.category), standard_tool(api.tool), standard_api(api.name))
        for api in task.apis
    }
    needed = {
        (standard_category(api.category), standard_tool(api.tool), standard_api(api.name))
        for api in task.apis
        if (api.tool, api.name) in relevant
    }
    return {
        "instructions": {(" ".join(task.instruction.casefold().split()),)},
        "sentence patterns": {(sentence_pattern(task.instruction, about),)},
        "names": {(name,) for name in names_in(task.instruction, about)},
        "relevant APIs": set(needed),
        "relevant tools": {place[:2] for place in needed},
        "relevant categories": {place[:1] for place in needed},
        "offered APIs": set(offered),
        "offered tools": {place[:2] for place in offered},
        "offered categories": {place[:1] for place in offered},
    }
