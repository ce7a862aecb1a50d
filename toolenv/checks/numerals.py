"""Numerals as people write them: which numbers the digits and separators can mean.

``1,234.5``, ``1.234,5``, ``1 234,5`` and ``1'234.5`` are one number. A single separator before
exactly three digits is a thousands separator or a decimal one: the usual English reading comes
first, the other one second.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["NUMERAL", "number_of_words", "readings"]

NUMERAL: Final = (
    r"(?:\d{1,3}(?:(?:['’]\d{3})+| \d{3}(?: \d{3})*)(?!\d)(?:[.,]\d+)?"
    r"|\d+(?:[.,]\d+)*|(?<![\d.,])\.\d+)(?:[eE][-+−]?\d+)?"
)
"""The pattern of a numeral without its sign, in text folded by NFKC."""

_GROUPED: Final = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_INDIAN: Final = re.compile(r"[1-9]\d?(?:,\d\d)+,\d{3}")


def readings(numeral: str) -> tuple[float, ...]:
    """The numbers that a numeral can mean, the usual reading first; none where it is none.

    Args:
        numeral: What ``NUMERAL`` matches.

    Example:
        >>> readings("1.234,50"), readings("12,5"), readings("0,125"), readings("1,234,567")
        ((1234.5,), (12.5,), (0.125,), (1234567.0,))
        >>> readings("1,234"), readings("1.234"), readings("1.2.3")
        ((1234.0, 1.234), (1.234, 1234.0), ())
    """
    mantissa, _, exponent = numeral.lower().replace("−", "-").partition("e")
    plain = mantissa.translate(_SPACERS)
    grouped = plain != mantissa
    values = _readings(plain, grouped)
    if not exponent:
        return tuple(map(float, values))
    return tuple(float(f"{value}e{exponent}") for value in values)


_SPACERS: Final = {ord(spacer): None for spacer in " '’"}


def _readings(text: str, grouped: bool) -> tuple[str, ...]:
    commas, dots = text.count(","), text.count(".")
    if not commas:
        if dots < 2:
            if dots and not grouped and _GROUPED.fullmatch(text):
                return text, text.replace(".", "")
            return (text,)
        return (text.replace(".", ""),) if _GROUPED.fullmatch(text) else ()
    if not dots:
        if commas > 1:
            whole = _GROUPED.fullmatch(text) or _INDIAN.fullmatch(text)
            return (text.replace(",", ""),) if whole else ()
        decimal = text.replace(",", ".")
        if not grouped and _GROUPED.fullmatch(text):
            return text.replace(",", ""), decimal
        return (decimal,)
    decimal, group = (".", ",") if text.rindex(".") > text.rindex(",") else (",", ".")
    before, _, fraction = text.rpartition(decimal)
    fits = _GROUPED.fullmatch(before) or _INDIAN.fullmatch(before)
    if decimal in before or grouped or not fits:
        return ()
    return (f"{before.replace(group, '')}.{fraction}",)


_WORDS: Final = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}


def number_of_words(words: str) -> int | None:
    """The number from 0 to 99 that English words say; None where they say none.

    Example:
        >>> number_of_words("Twenty-one"), number_of_words("seven"), number_of_words("dozen")
        (21, 7, None)
    """
    first, _, last = words.lower().replace("-", " ").partition(" ")
    value = _WORDS.get(first)
    if value is None or not last:
        return value
    ones = _WORDS.get(last)
    return value + ones if value >= 20 and ones is not None and 0 < ones < 10 else None
