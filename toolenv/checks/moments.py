"""Dates and times of day as people write them, found in text.

Months are read in English. ``3.5.2026`` is day first, as everywhere that writes dots; ``3/5/2026``
can be either, so both readings are kept.
"""

from __future__ import annotations

import re
from datetime import date, time
from typing import Final, NamedTuple

__all__ = ["Day", "FoundDate", "FoundTime", "find_dates", "find_times"]


class Day(NamedTuple):
    """A day; the year is 0 where it was not said."""

    year: int
    month: int
    day: int

    def __str__(self) -> str:
        year = f"{self.year:04}" if self.year else "-"
        return f"{year}-{self.month:02}-{self.day:02}"


class FoundDate(NamedTuple):
    """A date in a text: its words, where they begin and end, and the days they can mean.

    ``ranged``: it is one end of a range of dates.
    """

    text: str
    start: int
    end: int
    days: tuple[Day, ...]
    ranged: bool = False


class FoundTime(NamedTuple):
    """A time of day in a text, and what it can mean, the usual reading first.

    ``ranged``: it is one end of a range of times.
    """

    text: str
    start: int
    end: int
    times: tuple[time, ...]
    ranged: bool = False


_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "January Jan",
            "February Feb",
            "March Mar",
            "April Apr",
            "May",
            "June Jun",
            "July Jul",
            "August Aug",
            "September Sept Sep",
            "October Oct",
            "November Nov",
            "December Dec",
        ),
        start=1,
    )
    for name in names.lower().split()
}
_MONTH: Final = r"(?!may\b)(?P<month>(?i:" + "|".join(sorted(_MONTHS, reverse=True)) + r"))\b\.?"
_NTH: Final = r"(?:st|nd|rd|th|\.)?"
_TO: Final = r"\s?(?:[-–—]|to|and|until)\s?"
_DATES: Final = re.compile(
    r"(?<![\w.,/-])(?=\d|[JFMASONDjfasond][aepuco][nbrylgptvc])(?:"
    r"(?P<iso>\d{4})(?P<mark>[-/.])(?P<iso_month>\d{1,2})(?P=mark)(?P<iso_day>\d{1,2})(?![\d])"
    rf"|(?:(?P<from_day>\d{{1,2}}){_NTH}{_TO})?(?P<day>\d{{1,2}}){_NTH}(?: of)?[ -]{_MONTH}"
    r"(?:,?[ -](?P<year>\d{4})(?!\d))?"
    rf"|{_MONTH.replace('month', 'month_first')} (?P<us_day>\d{{1,2}})(?:st|nd|rd|th)?"
    rf"(?:{_TO}(?P<to_day>\d{{1,2}})(?:st|nd|rd|th)?)?(?![\d:])(?:,? (?P<us_year>\d{{4}})(?!\d))?"
    r"|(?P<one>\d{1,2})(?P<between>[./-])(?P<two>\d{1,2})(?P=between)(?P<three>\d{4}|\d{2})(?!\d)"
    r")"
)
_TIMES: Final = re.compile(
    r"(?=\d|[nN]oon|[mM]id)(?:(?<![\w.,:/+])|(?<=\dT))(?:"
    r"(?P<hour>[01]?\d|2[0-4])(?P<mark>[:hH.])(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)"
    r"(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"(?:\s?(?P<half>[aApP])\.?[mM]\b\.?)?"
    r"|(?P<bare>1[0-2]|0?[1-9])\s?(?P<bare_half>[aApP])\.?[mM]\b\.?"
    r"|(?P<word>[nN]oon|[mM]idday|[mM]idnight)\b"
    r")(?!:?\d)"
)


def find_dates(text: str) -> list[FoundDate]:
    """The dates in a text folded by NFKC, in their order.

    Example:
        >>> [str(day) for found in find_dates("from 3 May 2026 or May 4th") for day in found.days]
        ['2026-05-03', '--05-04']
        >>> [str(day) for day in find_dates("on 03/05/2026")[0].days]
        ['2026-03-05', '2026-05-03']
    """
    return [found for match in _DATES.finditer(text) if (found := _date(match)) is not None]


def _date(match: re.Match[str]) -> FoundDate | None:
    part = match.groupdict()
    ranged = False
    if part["iso"]:
        days = _days((part["iso"], part["iso_month"], part["iso_day"]))
    elif part["month"]:
        month = str(_MONTHS[part["month"].lower()])
        ranged = part["from_day"] is not None
        firsts = [part["from_day"]] if ranged else []
        days = _days(*((part["year"] or "0", month, day) for day in (*firsts, part["day"])))
    elif part["month_first"]:
        month = str(_MONTHS[part["month_first"].lower()])
        ranged = part["to_day"] is not None
        lasts = [part["to_day"]] if ranged else []
        days = _days(*((part["us_year"] or "0", month, day) for day in (part["us_day"], *lasts)))
    else:
        year = part["three"] if len(part["three"]) == 4 else f"20{part['three']}"
        day_first, month_first = (year, part["two"], part["one"]), (year, part["one"], part["two"])
        days = _days(day_first) if part["between"] == "." else _days(month_first, day_first)
    return FoundDate(match[0], match.start(), match.end(), days, ranged) if days else None


def _days(*written: tuple[str, str, str]) -> tuple[Day, ...]:
    """Those that the calendar has, each once; without a year, 29 February is one."""
    days: list[Day] = []
    for texts in written:
        day = Day(*map(int, texts))
        try:
            date(day.year or 2000, day.month, day.day)
        except ValueError:
            continue
        days.append(day)
    return tuple(dict.fromkeys(days))


_NAMED: Final = {"noon": (time(12),), "midday": (time(12),), "midnight": (time(0),)}


def find_times(text: str) -> list[FoundTime]:
    """The times of day in a text folded by NFKC, in their order.

    A time of twelve hours or less that says neither half of the day nor a leading zero may be of
    either half.

    Example:
        >>> [[str(one) for one in found.times] for found in find_times("at 18:43, 6 pm or 7:05")]
        [['18:43:00'], ['18:00:00'], ['07:05:00', '19:05:00']]
    """
    return [
        found._replace(ranged=_is_ranged(text, found))
        for match in _TIMES.finditer(text)
        if (found := _time(match)) is not None
    ]


_RANGE_BEFORE: Final = re.compile(r"\d\s?(?:[ap]\.?m\.?)?\s?(?:[-–—]|to|until)\s?$", re.IGNORECASE)
_RANGE_AFTER: Final = re.compile(r"\s?(?:[-–—]|to|until)\s?\d", re.IGNORECASE)


def _is_ranged(text: str, found: FoundTime) -> bool:
    before = text[max(0, found.start - 14) : found.start]
    return bool(_RANGE_BEFORE.search(before) or _RANGE_AFTER.match(text, found.end))


def _time(match: re.Match[str]) -> FoundTime | None:
    if match["word"]:
        times: tuple[time, ...] = _NAMED[match["word"].lower()]
        return FoundTime(match[0], match.start(), match.end(), times)
    hour = int(match["hour"] or match["bare"])
    half = (match["half"] or match["bare_half"] or "").lower()
    minute, second = int(match["minute"] or 0), int(match["second"] or 0)
    if match["mark"] == "." and not half:
        return None  # 6.30 is a number
    if half:
        if not 1 <= hour <= 12:
            return None
        hours: tuple[int, ...] = (hour % 12 + (12 if half == "p" else 0),)
    elif 1 <= hour <= 12 and match["hour"][0] != "0":
        hours = (hour, (hour + 12) % 24 if hour < 12 else 0)
    else:
        hours = (hour % 24,)
    times = tuple(time(one, minute, second) for one in hours)
    return FoundTime(match[0], match.start(), match.end(), times)
