"""The live store: acknowledged responses a second, and what recording adds to a call.

Bodies are log-uniform between 0.2 and 20 KB, all of one API. ``acknowledged`` is when ``add`` has
returned; afterwards every response is looked up again. Medians of five repeats.

    python -m benchmarks.store
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measure import interleaved, table
from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Response, Status
from toolenv.jsontext import render
from toolenv.simulators import LocalSimulator, LocalTool, coalesce, record
from toolenv.snapshots import Recorded, Store
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.records import documented
from toolenv.tasks import Task

REPEATS = 5
COUNT = 8_000

SEARCH = LocalTool("Weather", "City Weather", "Weather of cities.")


@SEARCH.api()
def search(city: str, days: int = 1) -> str:
    """Search the weather report of a city."""
    return city


TASK = Task(id="1", instruction="How is the weather?", apis=SEARCH.apis)
(FUNCTION,) = TASK.named_apis


def records(count: int, worker: int) -> list[Recorded]:
    """Different calls of one API, with the canonical keys that recording gives them."""
    identity = TASK.apis[0].identity
    documents = Documentation(TASK.apis)
    draw = random.Random(worker)
    text = render({"error": "", "response": ["Paris", 21.5, "light rain in the evening"] * 600})
    return [
        documented(
            Recorded(
                identity,
                render({"city": f"{worker}-{number}", "days": number % 9}),
                Response(
                    text[: int(math.exp(draw.uniform(math.log(200), math.log(20_000))))],
                    Status.OK,
                    "live",
                    "live",
                    "truncated",
                    "1",
                ),
                "2026-01-01T00:00:00.000+00:00",
            ),
            documents,
        )
        for number in range(count)
    ]


def checked(store: Store, added: Sequence[Recorded]) -> None:
    """Every acknowledged response is there."""
    for one in added:
        assert len(store.lookup(one.identity, one.key)) == 1, "an acknowledged response is lost"


def rate_of(
    work: Callable[[Store, Sequence[Recorded]], None], count: int, *, safe: bool, folder: Path
) -> float:
    """Responses a second of one process."""
    added = records(count, 0)
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        Store(place, power_loss_safe=safe) as store,
    ):
        began = time.perf_counter()
        work(store, added)
        seconds = time.perf_counter() - began
        checked(store, added)
    return count / seconds


def one_by_one(store: Store, added: Sequence[Recorded]) -> None:
    """Add in one thread."""
    for one in added:
        store.add(one)


def by_threads(store: Store, added: Sequence[Recorded], threads: int = 32) -> None:
    """Add in many threads."""
    at_work = [
        threading.Thread(target=one_by_one, args=(store, added[first::threads]))
        for first in range(threads)
    ]
    for thread in at_work:
        thread.start()
    for thread in at_work:
        thread.join()


def by_tasks(store: Store, added: Sequence[Recorded], tasks: int = 64) -> None:
    """Add in many tasks of one event loop, each waiting for its response before the next."""

    async def work(first: int) -> None:
        for one in added[first::tasks]:
            await store.aadd(one)

    async def together() -> None:
        await asyncio.gather(*map(work, range(tasks)))

    asyncio.run(together())


def rate_of_processes(workers: int, count: int, folder: Path) -> tuple[float, float]:
    """Responses a second of several processes in all, and the longest that one waited, in ms."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = [
            sys.executable,
            "-m",
            "benchmarks.store",
            "--count",
            str(count),
            "--place",
            place,
        ]
        at_work = [
            subprocess.Popen(
                [*command, "--worker", str(worker)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for worker in range(workers)
        ]
        for process in at_work:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        began = time.perf_counter()
        for process in at_work:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        longest = [float(process.stdout.readline()) for process in at_work if process.stdout]
        seconds = time.perf_counter() - began
        for process in at_work:
            process.communicate()
        with Store(place) as store:
            for worker in range(workers):
                checked(store, records(count, worker))
    return workers * count / seconds, max(longest) * 1e3


def work(worker: int, count: int, place: Path) -> None:
    """One of the processes: add when told to, and say how long the slowest took."""
    added = records(count, worker)
    longest = 0.0
    with Store(place) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        for one in added:
            began = time.perf_counter()
            store.add(one)
            longest = max(longest, time.perf_counter() - began)
        print(longest, flush=True)


def overheads(folder: Path) -> dict[str, float]:
    """Microseconds of a call of local Python: plain, recorded, coalesced; and of ``add`` alone."""
    simulator = LocalSimulator([SEARCH])
    resolver = Resolver(TASK.named_apis)
    past = Branch(TASK, [], ROOT)
    numbers = iter(range(10**9))

    def calls() -> Call:
        arguments = render({"city": f"{next(numbers)}", "days": 1})
        return resolver.resolve(FunctionCall(FUNCTION, arguments))

    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        Store(Path(place, "add")) as store,
        record(simulator, Store(Path(place, "record"))) as recording,  # type: ignore[attr-defined]
        coalesce(simulator, Store(Path(place, "lease"))) as leased,  # type: ignore[attr-defined]
    ):
        sessions = {
            "plain": simulator.open(TASK, 0),
            "recorded": recording.open(TASK, 0),
            "coalesced": coalesce(simulator).open(TASK, 0),
            "leased": leased.open(TASK, 0),
        }
        answer = bridge.run(sessions["plain"].call(calls(), past))
        identity = TASK.apis[0].identity
        documents = Documentation(TASK.apis)
        assert answer is not None

        def add() -> None:
            one = Recorded(identity, calls().text, answer, "2026-01-01T00:00:00.000+00:00")
            store.add(documented(one, documents))

        works: dict[str, Callable[[], object]] = {
            name: lambda session=session: bridge.run(session.call(calls(), past))  # type: ignore[misc]
            for name, session in sessions.items()
        }
        works["add"] = add
        found = interleaved(works, calls=300, repeats=REPEATS)
    return {name: timing.median for name, timing in found.items()}


def report(folder: Path) -> None:
    """Measure and print."""
    figures: dict[str, list[float]] = {}
    longest: list[float] = []
    for _ in range(REPEATS):
        for name, way, count, safe in (
            ("one", one_by_one, COUNT, False),
            ("threads", by_threads, COUNT, False),
            ("safe one", one_by_one, COUNT // 8, True),
            ("safe threads", by_threads, COUNT // 2, True),
            ("safe tasks", by_tasks, COUNT // 2, True),
        ):
            figures.setdefault(name, []).append(rate_of(way, count, safe=safe, folder=folder))
        rate, slowest = rate_of_processes(8, COUNT // 8, folder)
        figures.setdefault("processes", []).append(rate)
        longest.append(slowest)

    def rate_row(what: str, asked: str, name: str) -> tuple[str, str, str]:
        found = figures[name]
        low, high = min(found), max(found)
        return what, asked, f"{statistics.median(found):,.0f}/s ({low:,.0f}-{high:,.0f})"

    took = overheads(folder)
    recording = took["recorded"] - took["plain"]
    table(
        "the live store, acknowledged responses a second",
        [
            ("figure", "asked", "measured"),
            rate_row("one process, one thread", "at least 5,000/s", "one"),
            rate_row("one process, 32 threads", "-", "threads"),
            rate_row("8 processes, one API, in all", "at least 4,000/s", "processes"),
            ("longest of them all", "-", f"{statistics.median(longest):,.0f} ms"),
            rate_row("power-loss safe, 32 threads", "at least 2,000/s", "safe threads"),
            rate_row("power-loss safe, 64 tasks", "at least 2,000/s", "safe tasks"),
            rate_row("power-loss safe, one thread", "-", "safe one"),
            ("lost", "none", "none"),
            ("add", "-", f"{took['add']:.0f} µs"),
            ("record adds to a call", "at most what add takes", f"{recording:.0f} µs"),
            ("coalesce adds to a call", "-", f"{took['coalesced'] - took['plain']:.0f} µs"),
            ("the same with a store", "-", f"{took['leased'] - took['plain']:.0f} µs"),
        ],
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worker", type=int)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--place", type=Path, default=Path.cwd(), help="The disk to measure.")
    options = parser.parse_args([] if arguments is None else arguments)
    if options.worker is not None:
        work(options.worker, options.count, options.place)
    else:
        report(options.place)


if __name__ == "__main__":
    main(sys.argv[1:])
