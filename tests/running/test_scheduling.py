"""Which episode begins next."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from toolenv.running.scheduling import Schedule


class One(NamedTuple):
    group: str
    seed: int
    task: str


def all_with_all(groups: str, seeds: int, tasks: str) -> list[One]:
    return [One(g, s, t) for t in tasks for g in groups for s in range(seeds)]


def test_a_slow_group_holds_no_more_than_its_share() -> None:
    schedule = Schedule(all_with_all("sf", 1, "abcdefghijklmnopqrst"))
    in_flight = [schedule.next() for _ in range(8)]
    begun = Counter(item.group for item in in_flight if item)
    for _ in range(16):  # the slow ones stay, a fast one ends
        ended = next(item for item in in_flight if item and item.group == "f")
        in_flight.remove(ended)
        schedule.ended(ended)
        following = schedule.next()
        assert following is not None
        begun[following.group] += 1
        in_flight.append(following)
    assert begun == {"s": 4, "f": 20}


def test_where_others_have_no_more_to_do_one_group_may_have_all_places() -> None:
    schedule = Schedule([*all_with_all("a", 1, "xyz"), *all_with_all("b", 1, "x")])
    assert [item.group for item in iter(schedule.next, None)] == ["a", "b", "a", "a"]


def test_every_task_has_its_turn_before_any_has_a_second_seed() -> None:
    schedule = Schedule(all_with_all("a", 2, "xyz"))
    assert [(item.seed, item.task) for item in iter(schedule.next, None)] == [
        (0, "x"), (0, "y"), (0, "z"), (1, "x"), (1, "y"), (1, "z"),
    ]  # fmt: skip


def test_what_came_to_nothing_is_next_in_its_group() -> None:
    schedule = Schedule(all_with_all("a", 1, "xyz"))
    lost = [schedule.next(), schedule.next()]
    schedule.put_back([item for item in lost if item])
    assert [item.task for item in iter(schedule.next, None)] == ["x", "y", "z"]


@given(
    st.lists(st.builds(One, st.sampled_from("abc"), st.integers(0, 3), st.sampled_from("xy"))),
    st.lists(st.integers(0, 2), max_size=60),
)
def test_whatever_ends_or_is_lost_each_is_done_once(items: list[One], moves: list[int]) -> None:
    schedule, in_flight, done = Schedule(items), list[One](), list[One]()
    for move in [*moves, *[0, 1] * (3 * len(items) + len(moves))]:
        if move == 0 and (item := schedule.next()) is not None:
            in_flight.append(item)
        elif move == 1 and in_flight:
            done.append(in_flight.pop(0))
            schedule.ended(done[-1])
        elif move == 2 and in_flight:
            schedule.put_back([in_flight.pop()])
    assert Counter(done) == Counter(items)
    assert len(schedule) == 0 and schedule.next() is None
