from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulators import lookups_by_hand
from tests.simulators.worlds import ADD, READ, SHOW, TASK, as_call, ask, body, opened, text, world
from toolenv import bridge
from toolenv.episodes import ROOT, Branch, Call, Response, Status
from toolenv.errors import SimulatorError
from toolenv.simulators import NOT_ANSWERS, Session, SimulatorBase, coalesce, first_of, record
from toolenv.snapshots import Store
from toolenv.tasks import Task

ROOT_FOLDER = Path(__file__).resolve().parents[2]
PAST = Branch(TASK, [], ROOT)


class Gated(SimulatorBase):
    """Answers when a gate opens, and counts who got as far as asking."""

    def __init__(self, *answers: Response | SimulatorError | None) -> None:
        self.answers = list(answers)
        self.gate = threading.Event()
        self.asked = 0
        self.arrived = threading.Semaphore(0)
        self.fingerprint = "gated"

    def open(self, task: Task, seed: int) -> Session:
        return _GatedSession(self)


class _GatedSession:
    def __init__(self, owner: Gated) -> None:
        self._owner = owner

    async def call(self, call: Call, past: Branch) -> Response | None:
        owner = self._owner
        number = owner.asked
        owner.asked += 1
        owner.arrived.release()
        if not owner.gate.is_set():
            await bridge.wait(lambda: asyncio.to_thread(owner.gate.wait, 30))
        answer = owner.answers[min(number, len(owner.answers) - 1)]
        if isinstance(answer, SimulatorError):
            raise answer
        return answer

    def fork(self) -> Session:
        return self


ANSWER = Response('{"error":"","response":"yes"}', Status.OK, "live", "live")


def in_threads(works: list[Callable[[], object]]) -> Callable[[], list[object]]:
    """Start them all; returns what waits for their results, errors included."""
    results: list[object] = [None] * len(works)

    def run(number: int) -> None:
        try:
            results[number] = works[number]()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(works))]
    for thread in threads:
        thread.start()

    def join() -> list[object]:
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "waits for ever"
        return results

    return join


# --- within a process ---------------------------------------------------------------------------


def test_equal_calls_of_threads_are_made_once() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)
    join = in_threads([lambda: ask(opened(simulator), READ)] * 16)
    assert inner.arrived.acquire(timeout=30)
    inner.gate.set()
    assert join() == [ANSWER] * 16
    assert 1 <= inner.asked <= 16


def test_equal_calls_of_tasks_are_made_once() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)

    async def together() -> list[Response | None]:
        calls = [opened(simulator).call(as_call(READ), PAST) for _ in range(50)]
        waiting = asyncio.gather(*calls)
        await asyncio.to_thread(inner.arrived.acquire)
        inner.gate.set()
        return await waiting

    assert asyncio.run(together()) == [ANSWER] * 50
    assert inner.asked == 1


def test_equal_calls_of_several_loops_and_threads_are_made_once() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)
    first = in_threads([lambda: ask(opened(simulator), READ)])
    assert inner.arrived.acquire(timeout=30)
    entered = threading.Barrier(5)

    async def several() -> list[Response | None]:
        calls = [opened(simulator).call(as_call(READ), PAST) for _ in range(10)]
        waiting = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)  # each of them is now under way
        await asyncio.to_thread(entered.wait, 30)
        return list(await asyncio.gather(*waiting))

    loops = in_threads([lambda: asyncio.run(several())] * 4)
    entered.wait(30)
    inner.gate.set()
    assert first() == [ANSWER]
    assert loops() == [[ANSWER] * 10] * 4
    assert inner.asked == 1


def test_synchronous_code_on_the_loop_that_the_call_waits_on_does_not_wait_for_itself() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)

    def open_when_asked_again() -> None:
        inner.arrived.acquire()
        inner.gate.set()

    async def main() -> list[Response | None]:
        under_way = asyncio.ensure_future(opened(simulator).call(as_call(READ), PAST))
        await asyncio.to_thread(inner.arrived.acquire)
        threading.Thread(target=open_when_asked_again).start()
        nested = ask(opened(simulator), READ)  # blocks this loop
        return [nested, await under_way]

    join = in_threads([lambda: asyncio.run(main())])
    assert join() == [[ANSWER, ANSWER]]
    assert inner.asked == 2


def test_a_call_made_for_an_equal_call_does_not_wait_for_itself() -> None:
    class Asking(Gated):
        def open(self, task: Task, seed: int) -> Session:
            return _Asking(self)

    class _Asking(_GatedSession):
        async def call(self, call: Call, past: Branch) -> Response | None:
            if self._owner.asked == 0:
                self._owner.asked += 1
                return await opened(simulator).call(call, past)
            return await super().call(call, past)

    inner = Asking(ANSWER)
    inner.gate.set()
    simulator = coalesce(inner)
    assert in_threads([lambda: ask(opened(simulator), READ)])() == [ANSWER]
    assert inner.asked == 2


def test_calls_one_after_the_other_are_all_made() -> None:
    inner = Gated(ANSWER)
    inner.gate.set()
    session = opened(coalesce(inner))
    for _ in range(3):
        assert ask(session, READ) == ANSWER
    assert inner.asked == 3


@pytest.mark.parametrize(
    "one, other",
    [
        ((SHOW, "{}"), (READ, "{}")),
        ((SHOW, "{}"), (SHOW, '{"a":1}')),
        ((SHOW, '{"a":1}'), (SHOW, '{"a":"1"}')),
    ],
)
def test_different_calls_are_both_made(one: tuple[str, str], other: tuple[str, str]) -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)
    join = in_threads(
        [lambda: ask(opened(simulator), *one), lambda: ask(opened(simulator), *other)]
    )
    for _ in range(2):
        assert inner.arrived.acquire(timeout=30), "the one waits for the other"
    inner.gate.set()
    assert join() == [ANSWER] * 2


def test_calls_that_may_change_something_are_all_made() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)
    join = in_threads([lambda: ask(opened(simulator), ADD, {"item": "tea"})] * 5)
    for _ in range(5):
        assert inner.arrived.acquire(timeout=30), "one waits for another"
    inner.gate.set()
    assert join() == [ANSWER] * 5
    assert inner.asked == 5


def test_calls_after_different_changes_are_both_made() -> None:
    inner = Gated(ANSWER)
    inner.gate.set()
    simulator = coalesce(inner)
    changed, fresh = opened(simulator), opened(simulator)
    ask(changed, ADD, {"item": "tea"})
    inner.gate.clear()
    inner.arrived = threading.Semaphore(0)
    join = in_threads([lambda: ask(changed, SHOW), lambda: ask(fresh, SHOW)])
    for _ in range(2):
        assert inner.arrived.acquire(timeout=30), "the one waits for the other"
    inner.gate.set()
    join()


FAILURES = [None, *(ANSWER._replace(status=status) for status in sorted(NOT_ANSWERS))]


@pytest.mark.parametrize("failure", [*FAILURES, SimulatorError("gone")])
def test_a_failure_is_handed_to_nobody_and_the_next_tries(
    failure: Response | SimulatorError | None,
) -> None:
    inner = Gated(failure, ANSWER)
    simulator = coalesce(inner)

    async def together() -> list[Response | BaseException | None]:
        calls = [opened(simulator).call(as_call(READ), PAST) for _ in range(9)]
        waiting = asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(inner.arrived.acquire)
        inner.gate.set()
        return await waiting

    results = asyncio.run(together())
    assert results[0] is failure
    assert results[1:] == [ANSWER] * 8
    assert inner.asked == 2


def test_whoever_is_cancelled_leaves_the_call_to_the_next() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)

    async def together() -> list[Response | BaseException | None]:
        calls = [
            asyncio.ensure_future(opened(simulator).call(as_call(READ), PAST)) for _ in range(5)
        ]
        await asyncio.to_thread(inner.arrived.acquire)
        calls[0].cancel()
        calls[1].cancel()
        await asyncio.to_thread(inner.arrived.acquire)
        inner.gate.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(together())
    assert [type(result) for result in results[:2]] == [asyncio.CancelledError] * 2
    assert results[2:] == [ANSWER] * 3
    assert inner.asked == 2


def test_sessions_and_forks_keep_their_own_state() -> None:
    simulator = coalesce(world())
    session = opened(simulator)
    ask(session, ADD, {"item": "tea"})
    twin = session.fork()
    ask(session, ADD, {"item": "milk"})
    assert body(ask(twin, SHOW)) == {"tea": 1}
    assert body(ask(session, SHOW)) == {"milk": 1, "tea": 1}


def test_coalescing_changes_neither_answers_nor_the_fingerprint(tmp_path: Path) -> None:
    assert coalesce(world()).fingerprint == world().fingerprint
    assert ask(opened(coalesce(world())), READ) == ask(opened(world()), READ)
    with closing(coalesce(world(), Store(tmp_path))) as simulator:
        assert simulator.fingerprint == world().fingerprint
        assert ask(opened(simulator), READ) == ask(opened(world()), READ)


def test_a_fork_of_the_process_does_not_wait_for_its_parents_calls() -> None:
    inner = Gated(ANSWER)
    simulator = coalesce(inner)
    join = in_threads([lambda: ask(opened(simulator), READ)])
    assert inner.arrived.acquire(timeout=30)
    child = os.fork()
    if not child:
        inner.gate.set()
        signal.alarm(30)
        os._exit(0 if ask(opened(simulator), READ) == ANSWER else 1)
    _, status = os.waitpid(child, 0)
    inner.gate.set()
    join()
    assert status == 0


# --- over processes -----------------------------------------------------------------------------


def start_asker(
    place: Path, *, calls: int = 1, seconds: float = 0.0, ladder: bool = False
) -> subprocess.Popen[str]:
    options = [str(place), str(calls), str(seconds), "ladder" if ladder else "plain"]
    command = [sys.executable, "-m", lookups_by_hand.__name__, *options]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT_FOLDER
    )


def heard(asker: subprocess.Popen[str]) -> str:
    assert asker.stdout is not None
    return asker.stdout.readline().strip()


def begin(asker: subprocess.Popen[str]) -> None:
    assert asker.stdin is not None
    asker.stdin.write("go\n")
    asker.stdin.flush()


def made(place: Path) -> list[str]:
    """The calls that reached the server, with the process that made each."""
    file = place / "made.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_each_call_of_eight_processes_is_made_once(tmp_path: Path) -> None:
    askers = [start_asker(tmp_path, calls=20, ladder=True) for _ in range(8)]
    for asker in askers:
        assert heard(asker) == "ready"
    for asker in askers:
        begin(asker)
    for asker in askers:
        said, _ = asker.communicate(timeout=60)
        assert asker.returncode == 0
        assert said.split() == [f"answer-{number}" for number in range(20)]
    numbers = sorted(int(line.split()[0]) for line in made(tmp_path))
    assert numbers == list(range(20))
    with Store(tmp_path / "store") as store:
        assert len(store) == 20


def test_who_waits_for_another_process_gets_its_answer_from_the_store(tmp_path: Path) -> None:
    first, second = (start_asker(tmp_path, seconds=1.0) for _ in range(2))
    for asker in (first, second):
        assert heard(asker) == "ready"
        begin(asker)
    for asker in (first, second):
        assert asker.communicate(timeout=60)[0].split() == ["answer-0"]
    assert len(made(tmp_path)) == 1, "both were in flight at once"


def test_a_killed_holder_loses_its_lease_at_once(tmp_path: Path) -> None:
    holder = start_asker(tmp_path, seconds=600)
    assert heard(holder) == "ready"
    begin(holder)
    assert heard(holder) == "calling 0"
    other = start_asker(tmp_path)
    assert heard(other) == "ready"
    begin(other)
    holder.kill()
    began = time.monotonic()
    assert other.communicate(timeout=60)[0].split()[-1] == "answer-0"
    assert time.monotonic() - began < 10, "far below the 30 seconds that a lease lives"
    assert len(made(tmp_path)) == 2
    holder.communicate()


def test_a_process_that_fails_leaves_the_call_to_the_next(tmp_path: Path) -> None:
    inner = Gated(SimulatorError("gone"), ANSWER)
    inner.gate.set()
    with closing(coalesce(record(inner, Store(tmp_path)), Store(tmp_path))) as simulator:
        with pytest.raises(SimulatorError):
            ask(opened(simulator), READ)
        assert ask(opened(simulator), READ) == ANSWER


def test_repeated_calls_are_made_again_and_both_answers_recorded(tmp_path: Path) -> None:
    inner = Gated(ANSWER, ANSWER._replace(text="later"))
    inner.gate.set()
    with closing(coalesce(record(inner, Store(tmp_path)), Store(tmp_path))) as simulator:
        session = opened(simulator)
        assert [text(ask(session, READ)) for _ in range(2)] == [ANSWER.text, "later"]
    with Store(tmp_path) as store:
        assert len(store) == 2


def test_two_wrappers_over_one_store_share_their_calls(tmp_path: Path) -> None:
    inner = Gated(ANSWER)
    one, other = (
        coalesce(first_of(record(inner, Store(tmp_path))), Store(tmp_path)) for _ in range(2)
    )
    with closing(one), closing(other):
        first = in_threads([lambda: ask(opened(one), READ)])
        assert inner.arrived.acquire(timeout=30)

        async def second() -> Response | None:
            waiting = asyncio.ensure_future(opened(other).call(as_call(READ), PAST))
            await asyncio.sleep(0)
            inner.gate.set()
            return await waiting

        assert text(asyncio.run(second())) == ANSWER.text
        assert text(first()[0]) == ANSWER.text  # type: ignore[arg-type]
    assert inner.asked == 1
