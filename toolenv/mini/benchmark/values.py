"""What is true in the world: which things exist, their codes, and the values of attributes.

Nothing is stored. A thing exists if a digest of its code says so, which one in four does: names
and codes that were made up are mostly not found. All providers of a need agree.
"""

from __future__ import annotations

from typing import Final

from toolenv.mini.benchmark.draws import SEED, Draw, capitalised, invented
from toolenv.mini.benchmark.lexicon import COLOURS, CONDITIONS, HEADS, Part
from toolenv.seeds import derive

__all__ = [
    "booking_code",
    "code_exists",
    "code_of",
    "part_of_name",
    "refund_of",
    "some_name",
    "value_of",
]

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def _code(*parts: int | str) -> str:
    number = derive(SEED, "code", *parts)
    number, first = divmod(number, len(_LETTERS))
    number, second = divmod(number, len(_LETTERS))
    return f"{_LETTERS[first]}{_LETTERS[second]}{100 + number % 900}"


def code_of(noun: str, name: str) -> str:
    """The code of a thing, the same at every provider.

    Args:
        noun: What kind of thing it is.
        name: Its name.
    """
    return _code(noun, name)


def code_exists(noun: str, code: str) -> bool:
    """Whether there is a thing of that kind with that code."""
    return derive(SEED, "exists", noun, code) % 4 == 0


def part_of_name(name: str) -> Part:
    """Which tasks speak of things of that name: no word of a name occurs in those of two parts."""
    drawn = derive(SEED, "part", name.partition(" ")[0]) % 8
    return "test" if drawn == 0 else "validation" if drawn == 1 else "train"


def some_name(draw: Draw, noun: str, part: Part) -> str:
    """The name of a thing that exists, of the names of a part."""
    while True:
        name = _word(draw, part)
        if draw.chance(0.25):
            name = f"{name} {_word(draw, part)}"
        if code_exists(noun, code_of(noun, name)):
            return name


def _word(draw: Draw, part: Part) -> str:
    while True:
        word = capitalised(invented("thing", draw.below(21_600)))
        if part_of_name(word) == part:
            return word


def value_of(
    head: int, attribute: str, noun: str, code: str, qualifier: int | str
) -> int | float | str:
    """An attribute's value.

    Args:
        head: The number of the attribute's head word.
        attribute: The attribute, in full.
        noun: What kind of thing it is asked of.
        code: The code of the thing.
        qualifier: The value of the need's second parameter; empty where it has none.
    """
    draw = Draw("value", attribute, noun, code, qualifier)
    known = HEADS[head]
    match known.kind:
        case "number":
            return draw.between(known.least, known.most)
        case "decimal":
            return draw.between(11, 98) / 10
        case "time":
            return f"{draw.between(6, 22):02}:{draw.between(0, 11) * 5:02}"
        case "name":
            return capitalised(invented("value", draw.below(21_600)))
        case "colour":
            return draw.one(COLOURS)
        case "condition":
            return draw.one(CONDITIONS)


def booking_code(noun: str, name: str, count: int) -> str:
    """The code of a booking."""
    return _code("booking", noun, name, count)


def refund_of(booking: str) -> int:
    """What is paid back when a booking is cancelled."""
    return Draw("refund", booking).between(11, 480)
