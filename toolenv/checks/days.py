"""The checks of a date and of a time of day."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from toolenv.checks.given import Given
from toolenv.checks.moments import Day, FoundTime, find_dates, find_times
from toolenv.checks.searching import searched
from toolenv.checks.verdicts import Candidate, Fit, Found, Verdict, decide_among
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["day", "moment", "read_day", "read_moment"]


class _Moment(NamedTuple):
    """An expected day or time of day, with its tolerance in days or minutes."""

    at: date | time
    tolerance: float


def read_day(check: Check) -> _Moment:
    """The date to compare with."""
    try:
        return _Moment(date.fromisoformat(str(check.value)), check.tolerance)
    except ValueError:
        raise CheckError(
            "A check of kind 'date' needs a date of the calendar, as '2026-05-03'.",
            where="check.value",
        ) from None


def day(expected: _Moment, given: Given) -> Verdict:
    """The answer states the date; one without a year is taken to be in the expected year."""
    wanted = expected.at
    assert isinstance(wanted, date)

    def near(found: Day) -> bool:
        try:
            read = date(found.year or wanted.year, found.month, found.day)
        except ValueError:  # 29 February of another year
            return False
        return abs((read - wanted).days) <= expected.tolerance

    def fit(days: tuple[Day, ...], ranged: bool) -> Fit:
        fits = [near(found) for found in days]
        if all(fits) and (expected.tolerance or not ranged):
            return "fits"
        return "may fit" if any(fits) else "differs"

    return searched(
        given.text,
        find_dates,
        str(wanted),
        lambda found: decide_among(
            str(wanted),
            [
                Candidate(
                    Found(one.text, " or ".join(map(str, one.days))), fit(one.days, one.ranged)
                )
                for one in found
            ],
            nothing="no date was found",
        ),
    )


def read_moment(check: Check) -> _Moment:
    """The time of day to compare with."""
    try:
        if not isinstance(check.value, str):
            raise ValueError
        return _Moment(_parsed_time(check.value), check.tolerance)
    except ValueError:
        raise CheckError(
            "A check of kind 'time' needs a time of day, as '18:30'.", where="check.value"
        ) from None


@lru_cache(maxsize=1024)
def _parsed_time(text: str) -> time:
    return datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M").time()


def moment(expected: _Moment, given: Given) -> Verdict:
    """The answer states the time of day; seconds count where the check states them."""
    wanted = expected.at
    assert isinstance(wanted, time)

    def near(found: time) -> bool:
        second = found.second if wanted.second else 0
        apart = abs(_seconds(found.replace(second=second)) - _seconds(wanted))
        return min(apart, 86_400 - apart) <= 60 * expected.tolerance

    def fit(found: FoundTime) -> Fit:
        if near(found.times[0]) and not found.ranged:
            return "fits"
        return "may fit" if any(map(near, found.times)) else "differs"

    return searched(
        given.text,
        find_times,
        str(wanted),
        lambda found: decide_among(
            str(wanted),
            [
                Candidate(Found(one.text, " or ".join(map(str, one.times))), fit(one))
                for one in found
            ],
            nothing="no time of day was found",
        ),
    )


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
