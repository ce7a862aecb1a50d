"""Budgets and the meter: what may be spent, and which limit was reached."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 -- what we pickled ourselves

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.episodes import Cost, Usage
from toolenv.limits import Budget, Meter
from toolenv.prices import Price


@pytest.mark.parametrize("budget", [None, Budget()])
def test_without_limits_nothing_is_ever_exhausted(budget: Budget | None) -> None:
    meter = Meter(budget, Price(1e9, 1e9))
    meter.charge_policy(Usage(10**9, 10**9))
    meter.charge_api(10**9)
    assert meter.exhausted() == ""


@pytest.mark.parametrize(
    ("budget", "enough"),
    [
        (Budget(policy_calls=2), 2),
        (Budget(tokens=24), 2),
        (Budget(tokens=25), 3),
        (Budget(api_calls=6), 2),
        (Budget(money=0.5), 2),
        (Budget(policy_calls=0), 0),
        (Budget(seconds=0), 0),
    ],
)
def test_a_limit_is_reached_by_its_name(budget: Budget, enough: int) -> None:
    (name,) = [name for name in Budget.__slots__ if getattr(budget, name) is not None]
    meter = Meter(budget, Price(input=5_000, output=100_000))
    for _ in range(enough):
        assert meter.exhausted() == ""
        meter.charge_policy(Usage(10, 2))
        meter.charge_api(3)
    assert meter.exhausted() == name


def test_of_several_limits_the_first_in_order_is_named() -> None:
    meter = Meter(Budget(policy_calls=1, tokens=1, api_calls=1, money=0.0, seconds=0))
    assert meter.exhausted() == "money"
    meter.charge_api(1)
    assert meter.exhausted() == "api_calls"
    meter.charge_policy(Usage(1, 0))
    assert meter.exhausted() == "policy_calls"


def test_a_day_is_not_over_yet() -> None:
    assert Meter(Budget(seconds=86_400)).exhausted() == ""


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 9))))
def test_costs_add_up(charges: list[tuple[int, int, int]]) -> None:
    meter = Meter(price=Price(input=2e6, output=4e6))
    for read, written, calls in charges:
        meter.charge_policy(Usage(read, written))
        meter.charge_api(calls)
    reads, writes, calls_made = (sum(charge[n] for charge in charges) for n in range(3))
    assert meter.cost() == Cost(len(charges), reads, writes, calls_made, 2 * reads + 4 * writes)


def test_equal_work_costs_the_same_whatever_time_it_took() -> None:
    assert Meter(Budget(seconds=5)).cost() == Meter(Budget(seconds=9)).cost() == Cost()


def test_meters_are_copied_and_pickled() -> None:
    meter = Meter(Budget(policy_calls=1))
    for twin in (copy.copy(meter), copy.deepcopy(meter), pickle.loads(pickle.dumps(meter))):  # noqa: S301
        twin.charge_policy(Usage())
        assert twin.exhausted() == "policy_calls"
    assert meter.exhausted() == ""
