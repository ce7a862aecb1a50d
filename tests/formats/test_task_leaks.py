"""Leaks: what tests share with training, planted one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from toolenv.apis import API, Parameter
from toolenv.errors import ConfigurationError
from toolenv.formats.task_leaks import Kind, Leaks, Level, find_leaks, level_of_split
from toolenv.tasks import Task


def api(place: str) -> API:
    category, tool, name = place.split("/")
    unit = Parameter(name="unit", json_schema={"type": "string", "enum": ["EUR", "USD"]})
    return API(
        category=category,
        tool=tool,
        name=name,
        description=f"The {name} of a {category.lower()}.",
        parameters=(unit,),
    )


def task(instruction: str, needed: str, *offered: str, split: str = "I1-cat") -> Task:
    apis = tuple(map(api, (needed, *offered)))
    return Task(
        id=instruction,
        instruction=instruction,
        apis=apis,
        relevant=((apis[0].tool, apis[0].name),),
        split=split,
    )


TRAINING = [
    task("What is the price of the hotel Movam?", "Hotel/Stay/price", "Hotel/Rooms/rating"),
    task("Tell me the rating of the museum Bolir in EUR.", "Museum/Art/rating"),
]


def leaking(
    tests: Sequence[Task], level: Level | None = None, also: Sequence[Kind] = ()
) -> list[Kind]:
    (found,) = find_leaks(TRAINING, tests, level=level, also_unseen=also)
    return found.leaking


def row(found: Leaks, kind: Kind) -> tuple[int, int, int]:
    return next((one.seen, one.total, one.tasks) for one in found.shared if one.kind == kind)


def test_what_is_new_in_every_way_leaks_nothing() -> None:
    tests = [task("Any idea of the depth of the harbour Tikuk?", "Harbour/Sea/depth")]
    assert leaking(tests, "cat", ["names", "offered categories"]) == []


@pytest.mark.parametrize(
    ("instruction", "needed", "kinds"),
    [
        ("what is the PRICE of the  hotel movam?", "Harbour/Sea/depth", ["instructions"]),
        ("What is the depth of the harbour Tikuk?", "Harbour/Sea/depth", ["sentence patterns"]),
        ("Any idea of the depth of Bolir in EUR?", "Harbour/Sea/depth", ["names"]),
        ("Any idea of the depth of Tikuk?", "Museum/Sea/depth", ["relevant categories"]),
        (
            "Any idea of the depth of Tikuk?",
            "Museum/Art/depth",
            ["relevant tools", "relevant categories"],
        ),
        (
            "Any idea of the depth of Tikuk?",
            "Hotel/Rooms/rating",  # which training offers alone
            ["relevant APIs", "relevant tools", "relevant categories"],
        ),
    ],
)
def test_a_planted_leak_is_found(instruction: str, needed: str, kinds: list[Kind]) -> None:
    tests = [task(instruction, needed), task("Is there a depth of Fobel?", "Harbour/Sea/depth")]
    found = leaking(tests, "cat", ["names"])
    assert set(kinds) <= set(found)
    assert set(found) - set(kinds) <= {"sentence patterns"}


def test_levels_differ_in_what_may_be_seen() -> None:
    tests = [task("Any idea of the price of Tikuk?", "Hotel/Stay/price")]
    assert leaking(tests, "inst") == []
    assert leaking(tests, "tool") == ["relevant APIs", "relevant tools"]
    assert leaking(tests, "cat") == ["relevant APIs", "relevant tools", "relevant categories"]


def test_what_is_merely_offered_is_counted_and_no_leak() -> None:
    tests = [
        task("Any idea of the depth of Tikuk?", "Harbour/Sea/depth", "Hotel/Stay/price"),
        task("Is there a depth of Fobel?", "Harbour/Sea/depth"),
    ]
    (found,) = find_leaks(TRAINING, tests, level="cat")
    assert found.leaking == []
    assert row(found, "offered tools") == (1, 2, 1)
    assert row(found, "relevant tools") == (0, 1, 0)


def test_each_split_has_the_level_of_its_name() -> None:
    tests = [
        task("Any idea of the price of Tikuk?", "Hotel/Stay/price", split="I1-inst"),
        task("Is there a price of Fobel?", "Hotel/Stay/price", split="G2_category"),
    ]
    first, second = find_leaks(TRAINING, tests)
    assert (first.split, first.level, first.leaking) == ("I1-inst", "inst", [])
    assert (second.split, second.level) == ("G2_category", "cat")
    assert "relevant categories" in second.leaking


def test_a_name_without_a_level_and_nothing_to_compare_are_refused() -> None:
    assert level_of_split("G1_instruction") == "inst"
    with pytest.raises(ConfigurationError, match="level"):
        find_leaks(TRAINING, [TRAINING[0].model_copy(update={"split": "all"})])
    with pytest.raises(ConfigurationError, match="no tests"):
        find_leaks(TRAINING, [])
    with pytest.raises(ConfigurationError, match="no training"):
        find_leaks([], TRAINING)
