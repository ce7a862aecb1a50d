"""Amounts found in free text: numbers with their signs, units, currencies, and ranges of them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from toolenv.checks.moments import find_dates, find_times
from toolenv.checks.numerals import NUMERAL, number_of_words, readings
from toolenv.checks.units import Unit, find_unit

__all__ = ["Amount", "find_amounts", "folded"]


class Amount(NamedTuple):
    """A number in a text, or a range of numbers.

    Args:
        text: The words it was found in.
        values: What the numeral can mean, the usual reading first.
        unit: The unit or currency beside it; None where there is none.
        highs: Of a range, what its upper end can mean; else empty.
        worded: Whether the range is in words, which may mean something else ("from 5 to 7").
    """

    text: str
    values: tuple[float, ...]
    unit: Unit | None = None
    highs: tuple[float, ...] = ()
    worded: bool = False

    def __str__(self) -> str:
        shown = f"{self.values[0]:.15g}" + (f" to {self.highs[0]:.15g}" if self.highs else "")
        return f"{shown} {self.unit.name}" if self.unit is not None else shown


class _Piece(NamedTuple):
    start: int
    end: int
    values: tuple[float, ...]
    unit: Unit | None


_SIGNS: Final = "$€£¥₹₩₽₺₪฿₫₱₦₴₿"
_BEFORE: Final = (
    rf"(?:(?P<before>(?:US|CA|AU|NZ|HK|NT|MX|[CASR])?[{_SIGNS}]|kr"
    r"|[A-Z]{3}(?=\s?[-−]?[\d.]))\s?)?"
)
_PIECE: Final = re.compile(
    rf"(?=[-+−.\dA-Zk{_SIGNS}])(?<![^\W_])(?<![^\W_][.,'’])(?P<minus>(?<![\w)\]%°])[-+−])?{_BEFORE}(?P<minus_inside>[-−])?"
    rf"(?P<numeral>{NUMERAL})"
)
_DIGIT: Final = re.compile(r"\d")
_UNIT: Final = re.compile(
    rf"\s{{0,3}}(?P<unit>°\s?[CcFf]\b|[%°{_SIGNS}]|(?:US|CA|AU|NZ|HK|NT|MX|[CASR])\$"
    r"|[^\W\d_]+[23]?(?:/[^\W\d_]+)?(?: [^\W\d_]+){0,2})"
)
_MAGNITUDE: Final = re.compile(
    r"(?:\s?(?P<word>thousand|million|billion|trillion|mln|mn|bn)|(?P<letter>[kKmMbB]))(?![^\W_])"
)
_MAGNITUDES: Final = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "mln": 1e6, "mn": 1e6, "m": 1e6,
    "billion": 1e9, "bn": 1e9, "b": 1e9, "trillion": 1e12,
}  # fmt: skip
_ORDINAL: Final = re.compile(r"(?:st|nd|rd|th)\b")
_OUT_OF: Final = re.compile(rf"\s?(?:/|out of)\s?(?P<whole>{NUMERAL})(?![\w/])")
_DASH: Final = re.compile(r"\s?[-–—−]\s?|\s?\.{2,3}\s?")
_WORDED: Final = re.compile(r"\s(?:to|until|through|up to)\s", re.IGNORECASE)
_AND: Final = re.compile(r"\sand\s", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"\bbetween\s[^\w\s]{0,3}$", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"^[ \t]*(\d{1,3})[.)](?=[ \t]+\S)", re.MULTILINE)
_LIST: Final = re.compile(r"(?!\d{1,3}(?:,\d{2,3})+$)\d+(?:,\d+){2,}")
_IN_WORDS: Final = re.compile(
    r"\b(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|four"
    r"|five|six|seven|eight|nine))?|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)\b",
    re.IGNORECASE,
)


def folded(text: str) -> str:
    """Text with widths, spaces and signs folded by NFKC, and without Markdown's emphasis.

    Example:
        >>> folded("**５\u00a0℃**")
        '  5 °C  '
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    for mark in _EMPHASIS:  # many times quicker than str.translate
        text = text.replace(mark, " ")
    return text


_EMPHASIS: Final = "*`\\{}"


def find_amounts(text: str) -> list[Amount]:
    """The amounts in a text that ``folded`` returned, in their order.

    Not amounts: dates, times of day, numbers inside identifiers (``BK7001``, ``555-12-34``), and
    the numbering of lines. Words (``seven``) count where there are no digits.

    Example:
        >>> [str(amount) for amount in find_amounts("H142 costs $1,200.50, or 6-7 EUR a night")]
        ['1200.5 USD/CAD/AUD/NZD/HKD/SGD/MXN', '6 to 7 EUR']
    """
    pieces = _pieces(text)
    if not pieces:
        return [
            Amount(match[0], (float(value),), _unit_after(text, match.end())[0])
            for match in _IN_WORDS.finditer(text)
            if (value := number_of_words(match[0])) is not None
        ]
    amounts: list[Amount] = []
    place = 0
    while place < len(pieces):
        after = place + 1
        while after < len(pieces) and _DASH.fullmatch(
            text, pieces[after - 1].end, pieces[after].start
        ):
            after += 1
        chain = pieces[place:after]
        if len(chain) == 1 and after < len(pieces):
            how = _words_between(text, chain[0], pieces[after])
            if how:
                chain.append(pieces[after])
                after += 1
                amounts.append(_range(text, chain[0], chain[1], worded=how == "from … to"))
                chain = []
        if len(chain) == 2 and chain[0].values[0] < chain[1].values[0]:
            amounts.append(_range(text, chain[0], chain[1]))
        elif len(chain) <= 2:  # three and more joined by dashes are an identifier
            amounts += [Amount(text[one.start : one.end], one.values, one.unit) for one in chain]
        place = after
    return amounts


def _pieces(text: str) -> list[_Piece]:
    text = _without_moments(text)
    pieces: list[_Piece] = []
    at = 0
    while (digit := _DIGIT.search(text, at)) is not None:
        # what stands before a numeral is short: the rest needs no search
        match = _PIECE.search(text, max(at, digit.start() - 8))
        if match is None:
            break
        at = match.end()
        numeral = match["numeral"]
        if "," in numeral and _LIST.fullmatch(numeral):  # 1,2,3
            first = match.start("numeral")
            pieces += [
                _Piece(first + one.start(), first + one.end(), readings(one[0]), None)
                for one in re.finditer(r"\d+", numeral)
            ]
            continue
        piece = _piece(text, match)
        if piece is not None:
            pieces.append(piece)
            at = piece.end
    return pieces


def _without_moments(text: str) -> str:
    """Text whose dates, times and line numbers are blotted out, so that no number is in them."""
    spans = [(found.start, found.end) for found in find_dates(text)]
    spans += [(found.start, found.end) for found in find_times(text)]
    if "\n" in text:
        spans += _numbering(text)
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end > at:
            parts += (text[at:start], "\0" * (end - max(start, at)))
            at = end
    return "".join((*parts, text[at:]))


def _piece(text: str, match: re.Match[str]) -> _Piece | None:
    start, end = match.span()
    before = match["before"]
    if start and text[start] not in "-+−" and text[start - 1] in "-_" and _letter(text, start - 2):
        return None  # COVID-19
    if before is not None and before.isalpha() and find_unit(before) is None:
        start, before = match.start("numeral"), None
        if text[start - 1].isalpha():
            return None
    unit = find_unit(before) if before is not None else None
    values = readings(match["numeral"])
    if match["minus"] in ("-", "−") or match["minus_inside"]:
        values = tuple(-value for value in values)
    if before == "$" and text.startswith("$", end):  # mathematics: $45$
        return _Piece(start, end, values, None) if values else None
    magnitude = _MAGNITUDE.match(text, end)
    after, after_end = _unit_after(text, magnitude.end()) if magnitude else (None, end)
    beside = unit or after
    money = beside is not None and beside.dimension == "money"
    if magnitude and (magnitude["word"] or money or magnitude["letter"] == "k"):
        scale = _MAGNITUDES[(magnitude["word"] or magnitude["letter"]).lower()]
        values = tuple(value * scale for value in values)
        end = after_end if after is not None and unit is None else magnitude.end()
        unit = unit or after
    elif unit is None:
        unit, end = _unit_after(text, end)
    if unit is None and _letter(text, end) and not _ORDINAL.match(text, end):
        return None  # 3D
    whole = _OUT_OF.match(text, end)
    if whole is not None and unit is None and values:
        parts = readings(whole["whole"])
        end = whole.end()
        if parts and parts[0]:
            values = (*values, values[0] / parts[0])
    return _Piece(start, end, values, unit) if values else None


def _letter(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isalpha()


def _unit_after(text: str, end: int) -> tuple[Unit | None, int]:
    """The unit that follows, of up to three words, and where it ends."""
    match = _UNIT.match(text, end)
    if match is None:
        return None, end
    words = match["unit"]
    while words:
        unit = find_unit(words)
        if unit is not None and not _letter(text, match.start("unit") + len(words)):
            return unit, match.start("unit") + len(words)
        words = words.rpartition(" " if " " in words else "/")[0]
    return None, end


def _numbering(text: str) -> list[tuple[int, int]]:
    """Where the numbers of lines stand: 1, 2, 3 and so on."""
    matches = list(_NUMBERED.finditer(text))
    counted = all(int(match[1]) == place for place, match in enumerate(matches, start=1))
    return [match.span() for match in matches] if counted and len(matches) > 1 else []


def _words_between(text: str, one: _Piece, two: _Piece) -> str:
    """Which words make a range of two numbers; empty where none do."""
    if one.values[0] >= two.values[0]:
        return ""
    if _AND.fullmatch(text, one.end, two.start) and _BETWEEN.search(
        text, max(0, one.start - 12), one.start
    ):
        return "between"
    return "from … to" if _WORDED.fullmatch(text, one.end, two.start) else ""


def _range(text: str, one: _Piece, two: _Piece, *, worded: bool = False) -> Amount:
    unit = two.unit or one.unit
    return Amount(text[one.start : two.end], one.values, unit, two.values, worded)
