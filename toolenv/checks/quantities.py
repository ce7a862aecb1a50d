"""The check of a number with its unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from toolenv.checks.amounts import Amount, find_amounts
from toolenv.checks.given import Given
from toolenv.checks.searching import searched
from toolenv.checks.units import Unit, converted, find_unit, read_as
from toolenv.checks.verdicts import Candidate, Fit, Found, Verdict, decide_among
from toolenv.errors import CheckError
from toolenv.tasks import Check

__all__ = ["Quantity", "quantity", "read_quantity"]


class Quantity(NamedTuple):
    """An expected number, or range of numbers, in a unit."""

    low: float
    high: float
    unit: Unit | None
    tolerance: float
    relative: float

    def __str__(self) -> str:
        shown = f"{self.low:.15g}" + (f" to {self.high:.15g}" if self.is_range else "")
        if self.tolerance:
            shown += f" ± {self.tolerance:.15g}"
        if self.relative:
            shown += f" ± {self.relative:.15g} of it"
        return f"{shown} {self.unit.name}" if self.unit is not None else shown

    @property
    def is_range(self) -> bool:
        """Whether a range is expected."""
        return self.high != self.low

    def near(self, value: float, expected: float) -> bool:
        """Whether a value in this unit is close enough to one of its ends."""
        slack = max(self.tolerance, self.relative * abs(expected)) + 1e-9 * abs(expected)
        return abs(value - expected) <= slack


def read_quantity(check: Check) -> Quantity:
    """The number and unit to compare with."""
    value = check.value
    ends = value if isinstance(value, list) and len(value) == 2 else [value, value]
    numbers = [float(end) for end in ends if type(end) in (int, float)]  # type: ignore[arg-type]
    if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[1]:
        raise CheckError(
            "A check of kind 'quantity' needs a number, or a range as [low, high].",
            where="check.value",
        )
    return Quantity(
        numbers[0], numbers[1], _unit(check.unit), check.tolerance, check.relative_tolerance
    )


def _unit(text: str) -> Unit | None:
    unit = find_unit(text) if text else None
    if unit is None and text:
        raise CheckError(
            f"Unknown unit: {text!r}.",
            where="check.unit",
            fix="docs/checks.md lists the units; leave it out to compare the number alone.",
        )
    return unit


def quantity(expected: Quantity, given: Given) -> Verdict:
    """The answer states the number: no other of the same kind, in a unit that agrees."""
    value = given.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        amounts = [Amount(given.text, (float(value),))]
        return _judged(expected, amounts)
    return searched(given.text, find_amounts, str(expected), lambda found: _judged(expected, found))


def _judged(expected: Quantity, amounts: Sequence[Amount]) -> Verdict:
    relevant = _relevant(expected.unit, amounts)
    candidates = [
        Candidate(Found(amount.text, str(amount)), _fit(expected, amount, unit))
        for amount, unit in relevant
    ]
    return decide_among(str(expected), candidates, nothing="no number was found")


def _relevant(wanted: Unit | None, amounts: Sequence[Amount]) -> list[tuple[Amount, Unit | None]]:
    """The amounts that may be meant, each with the unit to read it in.

    Those in the wanted unit; without any, those that convert; without any, those without a unit;
    without any, all, which then differ.
    """
    if wanted is None:
        return [(amount, None) for amount in amounts]
    read: list[tuple[Amount, Unit | None]] = [
        (one, read_as(one.unit, wanted) if one.unit is not None else None) for one in amounts
    ]
    same = [one for one in read if one[1] == wanted]
    convertible = [one for one in read if one[1] is not None]
    bare: list[tuple[Amount, Unit | None]] = [(one, wanted) for one in amounts if one.unit is None]
    return same or convertible or bare or read


def _fit(expected: Quantity, amount: Amount, unit: Unit | None) -> Fit:
    wanted = expected.unit
    if wanted is not None and unit is None:
        return "differs"  # of another kind

    def read(values: tuple[float, ...]) -> list[float]:
        if wanted is None or unit is None:
            return list(values)
        return [converted(value, unit, wanted) for value in values]

    lows, highs = read(amount.values), read(amount.highs or amount.values)
    if wanted is not None and wanted.dimension == "share" and amount.unit is None:
        lows, highs = [*lows, *(100 * low for low in lows)], [*highs, *(100 * h for h in highs)]
    fits = [
        expected.near(low, expected.low) and expected.near(high, expected.high)
        for low, high in zip(lows, highs, strict=False)
    ]
    if fits[0]:
        return "fits"
    if any(fits):
        return "may fit"
    ends = (lows[0], highs[0])
    if (
        amount.worded
        and not expected.is_range
        and any(expected.near(e, expected.low) for e in ends)
    ):
        return "may fit"
    return "differs"
