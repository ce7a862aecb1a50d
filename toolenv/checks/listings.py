"""The checks of several things: these and no others, in any order or in this one."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from toolenv.checks.amounts import find_amounts, folded
from toolenv.checks.given import Given, text_of
from toolenv.checks.json_paths import embedded_json
from toolenv.checks.proper_names import name_words
from toolenv.checks.searching import LONGEST
from toolenv.checks.verdicts import Found, Verdict
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["Listing", "items", "listing", "read_items"]


class Listing(NamedTuple):
    """Expected items: how the check writes each, and its words or its number."""

    written: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    numbers: tuple[float | None, ...]


def read_items(check: Check) -> Listing:
    """The items to compare with."""
    value = check.value
    if not isinstance(value, list) or not value or any(isinstance(v, list | dict) for v in value):
        raise CheckError(
            f"A check of kind {check.kind!r} needs a list of texts or numbers.",
            where="check.value",
        )
    written = tuple(map(text_of, value))
    words = tuple(tuple(name_words(text)) for text in written)
    if len(set(words)) < len(words) and check.kind == "items":
        raise CheckError("An item is there twice.", where="check.value")
    if not all(words):
        raise CheckError("An item has neither letter nor digit.", where="check.value")
    numbers = tuple(
        float(one) if isinstance(one, int | float) and not isinstance(one, bool) else None
        for one in value
    )
    return Listing(written, words, numbers)


def items(expected: Listing, given: Given) -> Verdict:
    """The answer lists these items and no others, in any order."""
    return _compared(expected, given, ordered=False)


def listing(expected: Listing, given: Given) -> Verdict:
    """The answer lists these items and no others, in this order."""
    return _compared(expected, given, ordered=True)


def _compared(expected: Listing, given: Given, *, ordered: bool) -> Verdict:
    wanted = ", ".join(expected.written)
    if len(given.text) > LONGEST:
        reason = f"the answer has {len(given.text):,} characters, and {LONGEST:,} are searched"
        return Verdict("unverifiable", reason, wanted)
    parts, certain = _parts(given)
    found = tuple(Found(part, part) for part in parts)
    places: list[int] = []
    extra: list[str] = []
    for part in parts:
        here = _matches(part, expected)
        places += here
        if not here:
            extra.append(part)
    missing = [one for number, one in enumerate(expected.written) if number not in places]
    said = ", ".join(parts[:20])
    if missing:
        return Verdict("incorrect", f"does not list {', '.join(missing)}: {said}", wanted, found)
    if ordered and list(dict.fromkeys(places)) != list(range(len(expected.written))):
        return Verdict("incorrect", f"lists them in another order: {said}", wanted, found)
    if extra and certain:
        return Verdict("incorrect", f"also lists {', '.join(extra)}", wanted, found)
    if extra:
        reason = f"also says what may be an item: {', '.join(extra)}"
        return Verdict("unverifiable", reason, wanted, found)
    return Verdict("correct", f"lists all {len(expected.written)} and no others", wanted, found)


_LINE: Final = re.compile(r"^[ \t]*(?:[-*•–+]|\d{1,3}[.)])[ \t]+(?P<item>\S[^\n]*)$", re.MULTILINE)
_BETWEEN: Final = re.compile(
    r"\s*(?:[;\n]|,(?!\d)|,?\s(?:and|or|then)\s|\s&\s|\s?(?:→|->|>)\s?)\s*"
)
_LEAD: Final = re.compile(r"^[^\n:]{0,200}(?<!\d):(?!//)\s*")


def _parts(given: Given) -> tuple[list[str], bool]:
    """What an answer lists, and whether it is certain that each part is an item.

    A JSON list, or the lines of a list, are; the parts of a sentence may be something else.
    """
    value = given.value if isinstance(given.value, list) else None
    if value is None:
        lists = [one for one in embedded_json(given.text) if isinstance(one, list)]
        value = lists[0] if len(lists) == 1 else None
    if value is not None:
        return [text_of(one) for one in value], True
    lines = [match["item"].strip() for match in _LINE.finditer(given.text)]
    if len(lines) > 1:
        return lines, True
    text = _LEAD.sub("", given.text.strip(), count=1)
    return [part.strip(" .!\t\r") for part in _BETWEEN.split(text) if part.strip(" .!\t\r")], False


def _matches(part: str, expected: Listing) -> list[int]:
    """Which expected items a part names, in the order of its words; the longest first."""
    joined = f" {' '.join(name_words(part))} "
    found: list[tuple[int, int]] = []
    for number in sorted(
        range(len(expected.words)), key=lambda one: -sum(map(len, expected.words[one]))
    ):
        value = expected.numbers[number]
        if value is not None:
            amounts = find_amounts(folded(part))
            places = [at for at, one in enumerate(amounts) if one.values[0] == value]
            found += [(place, number) for place in places[:1]]
            continue
        wanted = f" {' '.join(expected.words[number])} "
        at = joined.find(wanted)
        if at >= 0:
            found.append((at, number))
            joined = joined[: at + 1] + "\0" * (len(wanted) - 2) + joined[at + len(wanted) - 1 :]
    return [number for _, number in sorted(found)]
