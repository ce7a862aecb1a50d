"""Places at a server: order, adaptation, and never less than one."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.errors import ConfigurationError
from toolenv.places import Places


def limit_of(places: Places) -> int | None:
    return places.occupancy().limit


async def fill(places: Places, number: int) -> None:
    for _ in range(number):
        await places.enter()


def test_without_a_refusal_there_is_no_limit() -> None:
    places = Places()
    asyncio.run(fill(places, 1000))
    assert limit_of(places) is None
    assert places.occupancy().under_way == 1000


def test_a_refusal_halves_what_is_under_way_once_for_all_that_began_before() -> None:
    places = Places()
    asyncio.run(fill(places, 64))
    began = time.monotonic()
    assert all(places.refused(began, pause=0.001) for _ in range(64))
    assert limit_of(places) == 32
    assert places.occupancy().refusals == 64


def test_as_many_answers_as_there_are_places_add_one_up_to_the_most() -> None:
    places = Places(8)
    asyncio.run(fill(places, 8))
    places.refused(time.monotonic(), pause=0.001)
    assert limit_of(places) == 4
    for _ in range(5):  # 1/4 + 1/4.25 + … reaches one with the fifth
        places.answered()
    assert limit_of(places) == 5
    for _ in range(100):
        places.answered()
    assert limit_of(places) == 8


@given(st.lists(st.sampled_from(["refused", "answered"]), max_size=60), st.integers(1, 9))
def test_there_is_never_less_than_one_place_nor_more_than_the_most(
    told: list[str], most: int
) -> None:
    places = Places(most)
    for one in told:
        if one == "refused":
            places.refused(time.monotonic(), pause=1e-9)
        else:
            places.answered()
        assert 1 <= (limit_of(places) or 0) <= most


def test_a_server_that_only_refuses_is_given_up_in_time() -> None:
    assert not Places().refused(time.monotonic(), pause=3600.0)


def test_who_waits_is_let_in_in_order_as_places_come_free() -> None:
    places, order = Places(2), list[int]()

    async def one(number: int) -> None:
        async with places.place():
            order.append(number)
            assert places.occupancy().under_way <= 2
            await asyncio.sleep(0)

    async def all_at_once() -> None:
        await asyncio.gather(*map(one, range(20)))

    asyncio.run(all_at_once())
    assert order == list(range(20))
    assert places.occupancy().under_way == 0


def test_no_place_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="let nothing pass"):
        Places(0)
