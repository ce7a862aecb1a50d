from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from toolenv.agents.policies.batching import Batcher


class Doubling:
    """Doubles numbers, remembers its batches, and fails where it is asked to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.may_go.wait(10)
        self.batches.append(numbers)
        if 13 in numbers:
            raise RuntimeError("thirteen")
        return [2 * number for number in numbers]


def test_requests_of_many_coroutines_form_batches() -> None:
    work = Doubling()
    batcher = Batcher(work, size=4, wait=0.5)

    async def together() -> list[int]:
        asked = (asyncio.wrap_future(batcher.submit(number)) for number in range(10))
        return list(await asyncio.gather(*asked))

    assert asyncio.run(together()) == [2 * number for number in range(10)]
    assert [len(batch) for batch in work.batches[:2]] == [4, 4]
    assert [number for batch in work.batches for number in batch] == list(range(10))


def test_requests_of_many_threads_are_answered() -> None:
    work = Doubling()
    batcher = Batcher(work, size=8, wait=0.01)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: batcher.submit(number).result(10), range(200, 400)))
    assert answers == [2 * number for number in range(200, 400)]


def test_where_more_wait_than_fit_the_oldest_is_joined_by_its_like() -> None:
    work = Doubling()
    work.may_go.clear()
    batcher = Batcher(work, size=2, wait=0.0, measure=lambda number: (number,))
    first = batcher.submit(1)
    while batcher.waiting:  # until the first is worked on, and the others have to wait
        pass
    others = [batcher.submit(number) for number in (100, 7, 101, 8)]
    work.may_go.set()
    assert [one.result(10) for one in (first, *others)] == [2, 200, 14, 202, 16]
    assert work.batches == [[1], [100, 101], [7, 8]]


def test_one_that_fails_fails_alone() -> None:
    work = Doubling()
    batcher = Batcher(work, size=8, wait=0.5)
    futures = [batcher.submit(number) for number in range(10, 18)]
    with pytest.raises(RuntimeError, match="thirteen"):
        futures[3].result(10)
    others = [future.result(10) for at, future in enumerate(futures) if at != 3]
    assert others == [20, 22, 24, 28, 30, 32, 34]
    assert len(work.batches[0]) == 8


def test_what_was_cancelled_is_not_worked_on() -> None:
    work = Doubling()
    work.may_go.clear()
    batcher = Batcher(work, size=1, wait=0.0)
    first, second, third = (batcher.submit(number) for number in (1, 2, 3))
    assert second.cancel()
    work.may_go.set()
    assert (first.result(10), third.result(10)) == (2, 6)
    assert work.batches == [[1], [3]]


def test_the_thread_ends_with_the_work_and_another_begins_with_more() -> None:
    batcher = Batcher(Doubling(), size=4, wait=0.0)
    for number in range(3):
        assert batcher.submit(number).result(10) == 2 * number
        for thread in threading.enumerate():
            if thread.name == "toolenv-batches":
                thread.join(10)
                assert not thread.is_alive()
