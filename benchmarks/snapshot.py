"""Snapshots of StableToolBench's size and ten times that: look-up, opening, memory, size, freezing.

A synthetic store: 165,000 entries over 7,000 APIs, bodies log-uniform between 0.2 and 20 KB.

    python -m benchmarks.snapshot            165,000 entries
    python -m benchmarks.snapshot --large    1,650,000 entries too (about 10 GB of room, 15 minutes)
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import table
from toolenv.apis import Identity
from toolenv.episodes import Response, Status
from toolenv.snapshots import Recorded, Snapshot, exact_key, freeze

ENTRIES = 165_000
APIS = 7_000
_POOL = 8_000


def bodies(seed: int = 1) -> list[str]:
    """Distinct JSON bodies, sizes log-uniform between 0.2 and 20 KB, of many shapes."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(4000)]
    fields = [rng.choices(words, k=rng.randint(4, 9)) for _ in range(300)]
    made = []
    for _ in range(_POOL):
        wanted = math.exp(rng.uniform(math.log(200), math.log(20_000)))
        names, items, size = rng.choice(fields), [], 0
        while size < wanted:
            item = {
                name: rng.choice(
                    (
                        rng.randint(1, 10**7),
                        round(rng.random() * 1000, 2),
                        " ".join(rng.choices(words, k=4)),
                        rng.random() < 0.5,
                    )
                )
                for name in names
            }
            items.append(item)
            size += len(json.dumps(item)) + 2
        made.append(json.dumps(items))
    return made


def call_of(number: int) -> tuple[Identity, dict[str, int | str]]:
    """The call of an entry."""
    api = number % APIS
    name = f"api_{api}_for_tool_{api // 5}"
    identity = Identity(name, f"Category{api % 49}", f"tool_{api // 5}", f"api_{api}")
    return identity, {"query": f"q{number}", "limit": number % 50}


def records(entries: int) -> Iterator[Recorded]:
    """The store: every body is distinct by a number in front."""
    pool = bodies()
    for number in range(entries):
        identity, arguments = call_of(number)
        text = f'{{"error": "", "response": {{"n": {number}, "r": {pool[number % _POOL]}}}}}'
        response = Response(text, Status.OK, "snapshot", "simulated", "whole", f"r{number % 765}")
        yield Recorded(identity, json.dumps(arguments), response, "2026-01-01T00:00:00+00:00")


def make(entries: int, path: Path) -> dict[str, float]:
    """Freeze the store; how long it took, its JSON size, and the peak of memory."""
    size = 0

    def counted() -> Iterator[Recorded]:
        nonlocal size
        for record in records(entries):
            size += len(record.response.text) + len(record.arguments)
            yield record

    began = time.perf_counter()
    freeze(counted(), path)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "json": size, "peak": peak}


def use(entries: int, path: Path) -> dict[str, float]:
    """Open, look up, miss; anonymous memory added."""
    rng = random.Random(2)
    keyed = [
        (identity, exact_key(identity.function, dict(arguments)))
        for identity, arguments in (call_of(rng.randrange(entries)) for _ in range(30_000))
    ]
    identity, _ = keyed[0]
    absent = [(identity, exact_key(identity.function, {"absent": n})) for n in range(2_000)]
    timed(lambda *_: None, keyed)  # the lists of times are not the snapshot's memory
    opening = []
    for _ in range(9):
        began = time.perf_counter()
        Snapshot(path).close()
        opening.append(time.perf_counter() - began)
    before = anonymous()
    snapshot = Snapshot(path)
    gc.disable()
    timed(snapshot.lookup, keyed)  # brings the pages into the page cache
    hits = timed(snapshot.lookup, keyed)
    misses = timed(snapshot.lookup, absent)
    return {
        "open": sorted(opening)[4] * 1e3,
        "median": hits[len(hits) // 2],
        "p99": hits[int(len(hits) * 0.99)],
        "miss": misses[len(misses) // 2],
        "anonymous": (anonymous() - before) / 1024,
    }


def timed(
    look_up: Callable[[Identity, bytes], object], keyed: list[tuple[Identity, bytes]]
) -> list[float]:
    """Sorted microseconds of each look-up."""
    times = []
    for identity, key in keyed:
        began = time.perf_counter()
        look_up(identity, key)
        times.append((time.perf_counter() - began) * 1e6)
    return sorted(times)


def verify(path: Path) -> dict[str, float]:
    """Verify; how long it took and the peak of memory."""
    began = time.perf_counter()
    with Snapshot(path) as snapshot:
        snapshot.verify()
    anonymous_peak = anonymous() / 1024
    return {"seconds": time.perf_counter() - began, "anonymous": anonymous_peak}


def anonymous() -> int:
    """KiB of this process's anonymous memory."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    return 0


def apart(task: str, entries: int, path: Path) -> dict[str, float]:
    """Run one of the tasks in a process of its own, so that memory is its own."""
    command = [sys.executable, "-m", "benchmarks.snapshot", "--task", task]
    command += ["--entries", str(entries), "--path", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


def report(entries: int, folder: Path) -> None:
    """Measure one size and print."""
    path = folder / f"{entries}.snap"
    made = apart("make", entries, path)
    used = [apart("use", entries, path) for _ in range(3)]
    checked = apart("verify", entries, path)

    def median(name: str) -> float:
        return sorted(one[name] for one in used)[1]

    size = path.stat().st_size
    table(
        f"snapshot of {entries:,} responses of {APIS:,} APIs, {made['json'] / 1e6:,.0f} MB of JSON",
        [
            ("figure", "asked", "measured"),
            ("look-up, median", "at most 8 µs", f"{median('median'):.1f} µs"),
            ("look-up, 99th percentile", "at most 30 µs", f"{median('p99'):.1f} µs"),
            ("proven miss, median", "–", f"{median('miss'):.1f} µs"),
            ("opening", "at most 20 ms", f"{median('open'):.1f} ms"),
            ("anonymous memory added", "at most 16 MiB", f"{median('anonymous'):.1f} MiB"),
            ("size", "at most half of the JSON", f"{size / made['json']:.2f} of it"),
            (
                "freezing",
                "memory does not grow",
                f"{made['seconds']:.0f} s, peak {made['peak']:.0f} MiB",
            ),
            (
                "verifying",
                "memory does not grow",
                f"{checked['seconds']:.0f} s, {checked['anonymous']:.0f} MiB anonymous at its end",
            ),
        ],
    )
    path.unlink()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--task", choices=["make", "use", "verify"])
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--path", type=Path)
    options = parser.parse_args([] if arguments is None else arguments)
    if options.task == "make":
        print(json.dumps(make(options.entries, options.path)))
    elif options.task == "use":
        print(json.dumps(use(options.entries, options.path)))
    elif options.task == "verify":
        print(json.dumps(verify(options.path)))
    else:
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=Path.cwd()) as folder:
            report(options.entries, Path(folder))
            if options.large:
                report(10 * options.entries, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
