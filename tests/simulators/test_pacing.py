"""Turns at a steady rate, budgets and pauses."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv import bridge
from toolenv.errors import ConfigurationError
from toolenv.simulators.pacing import Budget, Pace, backoff


async def take(pace: Pace, turns: int) -> list[float]:
    times = []
    for _ in range(turns):
        await pace.turn()
        times.append(time.monotonic())
    return times


class TestPace:
    def test_turns_come_no_faster_than_asked(self) -> None:
        began = time.monotonic()
        times = asyncio.run(take(Pace(50), 6))
        for number, moment in enumerate(times):
            assert moment - began >= number / 50 - 0.005

    def test_synchronous_callers_wait_as_well(self) -> None:
        began = time.monotonic()
        bridge.run(take(Pace(50), 4))
        assert time.monotonic() - began >= 3 / 50 - 0.005

    def test_a_burst_goes_at_once_and_the_rest_at_the_rate(self) -> None:
        pace = Pace(20, burst=3)
        began = time.monotonic()
        times = asyncio.run(take(pace, 5))
        assert times[4] - began >= 2 / 20 - 0.005

    def test_threads_and_loops_share_one_rate(self) -> None:
        pace = Pace(100)
        began = time.monotonic()
        threads = [threading.Thread(target=lambda: asyncio.run(_turns(pace, 5))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began >= 19 / 100 - 0.005

    def test_no_rate_never_waits(self) -> None:
        bridge.run(take(Pace(None), 1000))  # driven inline: waiting would need a loop

    @pytest.mark.parametrize("rate", [0, -1, float("nan")])
    def test_what_is_no_rate_is_refused(self, rate: float) -> None:
        with pytest.raises(ConfigurationError):
            Pace(rate)

    def test_a_burst_below_one_is_refused(self) -> None:
        with pytest.raises(ConfigurationError):
            Pace(1, burst=0)


async def _turns(pace: Pace, turns: int) -> None:
    await asyncio.gather(*(pace.turn() for _ in range(turns)))


class TestBudget:
    def test_it_gives_as_many_as_it_has_over_all_threads(self) -> None:
        budget = Budget(1000)
        given: list[bool] = []
        threads = [
            threading.Thread(target=lambda: given.extend(budget.take() for _ in range(300)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(given) == budget.used == 1000

    def test_without_a_limit_it_counts(self) -> None:
        budget = Budget(None)
        assert all(budget.take() for _ in range(10))
        assert budget.used == 10

    def test_a_negative_budget_is_refused(self) -> None:
        with pytest.raises(ConfigurationError):
            Budget(-1)


class TestBackoff:
    @given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
    def test_it_stays_within_a_bound_that_doubles(self, attempt: int, draw: float) -> None:
        pause = backoff(attempt, first=0.5, longest=30, draw=draw)
        assert 0 <= pause <= min(30, 0.5 * 2 ** min(attempt - 1, 30))

    def test_the_draw_decides(self) -> None:
        assert backoff(3, first=1, draw=0.25) == 1.0
