"""Quantities in free text: how numbers are read, in which unit, and when there is no telling."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.answers import decision, verdict
from toolenv.checks.amounts import find_amounts, folded
from toolenv.checks.numerals import readings
from toolenv.checks.units import converted, find_unit, read_as
from toolenv.errors import CheckError
from toolenv.tasks import Check


def amounts(text: str) -> list[str]:
    return [str(amount) for amount in find_amounts(folded(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("6-7", ["6 to 7"]),
        ("6–7 km", ["6 to 7 km"]),
        ("6 - 7", ["6 to 7"]),
        ("between 6 and 7 EUR", ["6 to 7 EUR"]),
        ("$6-$7.50", ["6 to 7.5 USD/CAD/AUD/NZD/HKD/SGD/MXN"]),
        ("6 -7", ["6", "-7"]),
        ("-7 and −8", ["-7", "-8"]),
        ("(-7)", ["-7"]),
        ("10-5", ["10", "5"]),
        ("1,234.5", ["1234.5"]),
        ("1.234,5", ["1234.5"]),
        ("1 234,5 kg", ["1234.5 kg"]),
        ("1\u202f234\u00a0567", ["1234567"]),
        ("1'234.50", ["1234.5"]),
        ("1,00,000", ["100000"]),
        ("1,2,3", ["1", "2", "3"]),
        ("€ 12.000,00", ["12000 EUR"]),
        ("EUR -5 and -$5.50", ["-5 EUR", "-5.5 USD/CAD/AUD/NZD/HKD/SGD/MXN"]),
        (
            "5k EUR, $5m, 1.5 million",
            ["5000 EUR", "5000000 USD/CAD/AUD/NZD/HKD/SGD/MXN", "1500000"],
        ),
        ("5e-3 and 2E6", ["0.005", "2000000"]),
        ("45 %, 45 per cent", ["45 %", "45 %"]),
        ("80 km/h, 5 EUR/night", ["80 km/h", "5 EUR"]),
        ("**２１** ℃", ["21 °C"]),
        ("the 7th", ["7"]),
        ("seven or Twenty-one km", ["7", "21 km"]),
        ("4.5/5, 4 out of 5", ["4.5", "4"]),
        ("$45$", ["45"]),
        ("1. Oslo 5\n2. Bergen 6", ["5", "6"]),
        ("On 3 May 2026 at 18:43 (2026-05-03T18:43:00+02:00) or 6 pm: 21", ["21"]),
        ("H142, BK7001, COVID-19, v1.5, 555-12-34, 3D, 1.2.3", []),
        ("", []),
    ],
)
def test_what_is_found_in_text(text: str, found: list[str]) -> None:
    assert amounts(text) == found


@pytest.mark.parametrize(
    ("value", "options", "answer", "decided"),
    [
        (21, {"unit": "°C"}, "It is 21 °C.", "correct"),
        (21, {"unit": "°C"}, "It is 69.8 °F.", "correct"),
        (21, {"unit": "°C"}, "21 °C (70 °F)", "correct"),
        (21, {"unit": "°C"}, "21", "correct"),
        (21, {"unit": "°C"}, "21 degrees in Lisbon", "correct"),
        (21, {"unit": "°C"}, "21 °F", "incorrect"),
        (21, {"unit": "°C"}, "21 kg", "incorrect"),
        (21, {"unit": "°C"}, "21 °C or 22 °C", "unverifiable"),
        (5, {"unit": "km", "tolerance": 0.05}, "about 3.1 miles", "correct"),
        (90, {"unit": "min"}, "1.5 hours", "correct"),
        (12, {"unit": "lb"}, "12 pounds", "correct"),
        (12, {"unit": "GBP"}, "12 pounds", "correct"),
        (281.5, {"unit": "USD"}, "250 CHF is 281.5 USD", "correct"),
        (281.5, {"unit": "USD"}, "281.5 EUR", "incorrect"),
        (12, {"unit": "CAD"}, "$12", "correct"),
        (120, {"unit": "NOK"}, "kr 120", "correct"),
        (1234, {"unit": "EUR"}, "€1.234,00", "correct"),
        (1234, {"unit": "EUR"}, "€1,234", "correct"),
        (1234, {"unit": "EUR"}, "1.234 €", "unverifiable"),
        (45, {"unit": "%"}, "45 percent", "correct"),
        (45, {"unit": "%"}, "0.45", "unverifiable"),
        (7, {}, "6-7", "incorrect"),
        (7, {}, "rose from 6 to 7", "unverifiable"),
        (8, {}, "from 6 to 7", "incorrect"),
        ([6, 7], {}, "6 to 7", "correct"),
        (6.5, {"tolerance": 0.5}, "6-7", "correct"),
        (21, {}, "In 3 days it will be 21.", "unverifiable"),
        (21, {}, "In 3 days. Final answer: 21", "correct"),
        (21, {}, "The answer is 22. It was 21 before.", "incorrect"),
        (1000, {"relative_tolerance": 0.01}, "1,009.5", "correct"),
        (1000, {"relative_tolerance": 0.01}, "1,011.0", "incorrect"),
        (7, {}, 7, "correct"),
        (7, {}, 7.5, "incorrect"),
        (7, {}, "no idea", "unverifiable"),
        (7, {}, "", "refused"),
        (7, {}, "I'm sorry, I could not find the price.", "refused"),
        (7, {}, "Sorry for the wait: 7.", "correct"),
        (7, {}, "9" * 400, "incorrect"),
        (7, {}, "7 " * 60_000, "unverifiable"),
    ],
)
def test_decisions(value: Any, options: dict[str, Any], answer: Any, decided: str) -> None:
    assert decision("quantity", value, answer, **options) == decided


def test_the_evidence_says_what_was_found_against_what() -> None:
    found = verdict(Check(kind="quantity", value=21, unit="°C", tolerance=0.5), "70 °F, or 25 °C?")
    assert found.decision == "incorrect"
    assert found.expected == "21 ± 0.5 °C"
    assert [tuple(one) for one in found.found] == [("25 °C", "25 °C")]
    ambiguous = verdict(Check(kind="quantity", value=3), "3 or 4")
    assert [one.value for one in ambiguous.found] == ["3", "4"]
    assert "3, 4" in ambiguous.reason


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        ("7", "", "needs a number"),
        (True, "", "needs a number"),
        ([7, 6], "", "needs a number"),
        (None, "", "needs a number"),
        (7, "parsec", "Unknown unit: 'parsec'"),
    ],
)
def test_a_quantity_that_is_none(value: Any, unit: str, words: str) -> None:
    with pytest.raises(CheckError, match=words):
        decision("quantity", value, "7", unit=unit)


_NUMBERS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda number: round(number, 2))


def _swapped(text: str) -> str:
    return text.translate(str.maketrans(",.", ".,"))


@given(_NUMBERS)
def test_the_ways_to_write_a_number_are_read_alike(number: float) -> None:
    english = f"{number:,.2f}"
    for written in (english, _swapped(english), english.replace(",", "\u202f"), f"{number:.2f}"):
        (amount,) = find_amounts(folded(f"It is {written} kg."))
        assert amount.values == (number,), written
        assert decision("quantity", number, f"It is {written} kg.", unit="kg") == "correct"


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_range_is_never_one_of_its_ends(one: int, other: int) -> None:
    low, high = sorted((one, other + 1)) if one != other + 1 else (one, one + 1)
    assert decision("quantity", [low, high], f"{low}-{high}") == "correct"
    for end in (low, high):
        assert decision("quantity", end, f"{low}-{high}") == "incorrect"
        assert decision("quantity", -end, f"{low}-{high}") in ("incorrect",) or end == 0


@given(st.integers(1, 999), st.integers(0, 999))
def test_one_separator_before_three_digits_has_two_readings(whole: int, rest: int) -> None:
    for mark in ",.":
        values = readings(f"{whole}{mark}{rest:03}")
        assert set(values) == {whole * 1000 + rest, float(f"{whole}.{rest:03}")}
        assert values[0] == (whole * 1000 + rest if mark == "," else float(f"{whole}.{rest:03}"))


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_searched(text: str) -> None:
    for amount in find_amounts(folded(text)):
        assert amount.values
        assert not any(map(math.isnan, amount.values))
    assert decision("quantity", 1.5, text, unit="EUR") in (
        "correct",
        "incorrect",
        "unverifiable",
        "refused",
    )


@pytest.mark.parametrize(
    "text",
    [
        "1," * 40_000,
        "1-" * 40_000,
        "1 " * 40_000,
        "$" * 90_000,
        "1e" * 40_000,
        " 100" * 20_000,
        "2026-05-03 " * 9_000,
        "18:30 " * 16_000,
        "1. x\n" * 19_000,
        "between 1 and " * 7_000,
    ],
)
def test_long_hostile_answers_are_searched_in_a_moment(text: str) -> None:
    assert decision("quantity", 7, text) != "correct"


@given(st.sampled_from(["°C", "km", "kg", "min", "l", "m2", "km/h", "hPa", "kJ", "MB"]), _NUMBERS)
def test_conversion_there_and_back(name: str, number: float) -> None:
    unit = find_unit(name)
    assert unit is not None
    for other_name in (
        "°F",
        "K",
        "mi",
        "ft",
        "lb",
        "oz",
        "h",
        "gal",
        "ha",
        "mph",
        "bar",
        "kcal",
        "GiB",
    ):
        other = find_unit(other_name)
        assert other is not None
        if read_as(other, unit) is None:
            assert other.dimension != unit.dimension
            continue
        back = converted(converted(number, unit, other), other, unit)
        assert math.isclose(back, number, rel_tol=1e-6, abs_tol=1e-4)


def test_known_conversions() -> None:
    for value, unit, expected, other in [
        (0, "°C", 32, "°F"),
        (-40, "°F", -40, "°C"),
        (0, "°C", 273.15, "K"),
        (1, "mi", 1.609344, "km"),
        (36, "km/h", 10, "m/s"),
        (1, "lb", 0.45359237, "kg"),
        (1, "kWh", 3600, "kJ"),
        (1, "GiB", 1073.741824, "MB"),
    ]:
        one, two = find_unit(unit), find_unit(other)
        assert one is not None and two is not None
        assert converted(value, one, two) == pytest.approx(expected)
