"""The check of a name: of a person, a place, a product, however accented, cased and titled."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from toolenv.checks.given import Given
from toolenv.checks.verdicts import Found, Verdict
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["ProperName", "mentions_name", "name", "name_words", "read_name"]

_TITLES: Final = frozenset(
    {"dr", "prof", "professor", "mr", "mrs", "ms", "miss", "mx", "sir", "dame", "lord", "lady"}
    | {"rev", "herr", "frau", "mme", "mlle", "sr", "sra", "jr", "phd", "md", "mba", "the"}
)
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
)
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_NORDIC: Final = str.maketrans({"ø": "oe", "å": "aa"})
_WORD: Final = re.compile(r"[\w+#&@]+(?:['’.][\w+#]+)*")


class ProperName(NamedTuple):
    """An expected name: each way to write it as words, and how the check writes it."""

    ways: tuple[tuple[str, ...], ...]
    written: str


def name_words(text: str) -> list[str]:
    """The words of a text, in one case and without diacritics.

    Example:
        >>> name_words("Dr. Søren Müller-Łuczak")
        ['dr', 'soren', 'muller', 'luczak']
    """
    folded_text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    if not folded_text.isascii():
        decomposed = unicodedata.normalize("NFD", folded_text)
        folded_text = "".join(c for c in decomposed if not unicodedata.combining(c))
    return [word.removesuffix("'s") for word in _WORD.findall(folded_text)]


def _ways(text: str) -> list[tuple[str, ...]]:
    """A name as words: as written, family name last, and with umlauts and ø written out."""
    texts = [text]
    family, comma, given = text.partition(",")
    if comma and given.strip():
        texts.append(f"{given} {family}")
    composed = unicodedata.normalize("NFC", text).casefold()
    texts += [composed.translate(_GERMAN), composed.translate(_NORDIC)]
    ways: list[tuple[str, ...]] = []
    for one in texts:
        words = name_words(one)
        untitled = [word for word in words if word not in _TITLES]
        ways.append(tuple(untitled or words))
    return list(dict.fromkeys(way for way in ways if way))


def read_name(check: Check) -> tuple[ProperName, ...]:
    """The names to look for, any of which will do."""
    given = check.value if isinstance(check.value, list) else [check.value]
    names = [ProperName(tuple(_ways(one)), one) for one in given if isinstance(one, str)]
    if not names or len(names) != len(given) or not all(one.ways for one in names):
        raise CheckError(
            "A check of kind 'name' needs a name, or a list of names of the same thing.",
            where="check.value",
        )
    return tuple(names)


def mentions_name(text: str, expected: ProperName) -> bool:
    """Whether a text has a name in it, as whole words that follow each other."""
    return _place(_without_titles(name_words(text)), expected) >= 0


def _without_titles(words: list[str]) -> list[str]:
    return [word for word in words if word not in _TITLES] or words


def _place(words: list[str], expected: ProperName) -> int:
    joined = f" {' '.join(words)} "
    for way in expected.ways:
        at = joined.find(f" {' '.join(way)} ")
        if at >= 0:
            return at
        if len(way) > 1:  # family name first, as lists and records have it
            at = joined.find(f" {way[-1]} {' '.join(way[:-1])} ")
            if at >= 0:
                return at
    return -1


def name(expected: tuple[ProperName, ...], given: Given) -> Verdict:
    """The answer mentions the name, under any of its spellings."""
    words = _without_titles(name_words(given.text))
    written = " or ".join(one.written for one in expected)
    for one in expected:
        if _place(words, one) >= 0:
            return Verdict(
                "correct",
                f"names {one.written}",
                written,
                (Found(one.written, " ".join(one.ways[0])),),
            )
    there = set(words)
    for one in expected:
        for way in one.ways:
            if len(way) > 1 and way[-1] in there:
                found = (Found(way[-1], way[-1]),)
                reason = f"names a part of {one.written}: {way[-1]}"
                return Verdict("unverifiable", reason, written, found)
    return Verdict("incorrect", f"does not name {written}", written)
