"""Dates and times of day in free text."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.answers import decision
from toolenv.checks.moments import find_dates, find_times
from toolenv.errors import CheckError


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        ("2026-05-03", "correct"),
        ("It is on 2026-05-03T10:00:00Z.", "correct"),
        ("Sunday, 3 May 2026 at 18:00", "correct"),
        ("May 3rd, 2026", "correct"),
        ("the 3rd of May", "correct"),
        ("3.5.2026", "correct"),
        ("05/03/26 or 2026/05/03", "unverifiable"),
        ("05/13/2026", "incorrect"),
        ("03/05/2026", "unverifiable"),
        ("3-5 May 2026", "unverifiable"),
        ("from 3 May 2026 to 5 May 2026", "unverifiable"),
        ("4 May 2026", "incorrect"),
        ("3 May 2025", "incorrect"),
        ("29 Feb", "incorrect"),
        ("31.2.2026", "unverifiable"),
        ("you may 3 times", "unverifiable"),
        ("tomorrow", "unverifiable"),
        ("I do not know", "refused"),
    ],
)
def test_dates(answer: str, decided: str) -> None:
    assert decision("date", "2026-05-03", answer) == decided


def test_dates_within_days() -> None:
    assert decision("date", "2026-05-03", "4 May 2026", tolerance=1) == "correct"
    assert decision("date", "2026-05-03", "5 May 2026", tolerance=1) == "incorrect"
    assert decision("date", "2026-05-03", "3-4 May 2026", tolerance=1) == "correct"


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        ("18:30", "correct"),
        ("at 6:30 pm", "correct"),
        ("6.30 p.m.", "correct"),
        ("18h30", "correct"),
        ("18:30:59", "correct"),
        ("2026-05-03T18:30:00Z", "correct"),
        ("6:30", "unverifiable"),
        ("06:30", "incorrect"),
        ("6:30 am", "incorrect"),
        ("18:30-19:00", "unverifiable"),
        ("19:00", "incorrect"),
        ("noon", "incorrect"),
        ("half past six", "unverifiable"),
    ],
)
def test_times(answer: str, decided: str) -> None:
    assert decision("time", "18:30", answer) == decided


def test_times_within_minutes_and_across_midnight() -> None:
    assert decision("time", "23:59", "00:01", tolerance=2) == "correct"
    assert decision("time", "18:30:15", "18:30:16") == "incorrect"
    assert decision("time", "12:00", "noon") == decision("time", "00:00", "midnight") == "correct"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date", "3 May"), ("date", "2026-02-30"), ("time", "25:00"), ("time", 7), ("date", None)],
)
def test_values_that_are_none(kind: str, value: Any) -> None:
    with pytest.raises(CheckError, match=f"A check of kind '{kind}' needs"):
        decision(kind, value, "x")


@given(st.dates(date(1, 1, 1)))
def test_the_ways_to_write_a_date_are_read_alike(day: date) -> None:
    month = f"{day:%B}"
    year = f"{day.year:04}"
    for written in (
        day.isoformat(),
        f"{day.day} {month} {year}",
        f"{month} {day.day}, {year}",
        f"{month[:3]} {day.day} {year}",
        f"{day.day:02}.{day.month:02}.{year}",
    ):
        (found,) = find_dates(f"on {written}.")
        assert found.days == ((day.year, day.month, day.day),), written
    for written in (f"{day.month}/{day.day}/{year}", f"{day.day}/{day.month}/{year}"):
        assert (day.year, day.month, day.day) in find_dates(written)[0].days


@given(st.times().map(lambda at: at.replace(second=0, microsecond=0)))
def test_the_ways_to_write_a_time_are_read_alike(at: time) -> None:
    half = f"{at.hour % 12 or 12}:{at.minute:02} {'pm' if at.hour >= 12 else 'am'}"
    for written in (f"{at:%H:%M}", half, half.replace(" ", "").upper()):
        (found,) = find_times(f"at {written},")
        assert at in found.times, written
        assert (found.times == (at,)) or (written[0] == "1" and "m" not in written.lower())


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_searched(text: str) -> None:
    for day in find_dates(text):
        assert text[day.start : day.end] == day.text
    for at in find_times(text):
        assert text[at.start : at.end] == at.text
