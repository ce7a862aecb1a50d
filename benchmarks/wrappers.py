"""What each wrapper costs on the synchronous path, around the local simulator.

One call through ``toolenv.bridge.run``, at the next place of a path of 1,000 steps, as an
environment would make it; nothing fails and nothing waits. A layer costs the difference to the bare
simulator.

    python -m benchmarks.wrappers
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from benchmarks.measure import Timing, interleaved, table
from benchmarks.step import ACTION, WEATHER
from toolenv import Task, ToolEnv, bridge
from toolenv.episodes import ROOT, Branch
from toolenv.simulators import (
    FaultPlan,
    LocalSimulator,
    Simulator,
    coalesce,
    first_of,
    inject_faults,
    limit,
    record,
    retry,
    truncate,
)
from toolenv.snapshots import Store

STEPS = 1000
PLAN = FaultPlan(rates={"429": 1e-6, "schema": 1e-6})
"""Every call is drawn for, and none is hit."""

TASK = Task(id="1", instruction="How is the weather in Paris?", apis=tuple(WEATHER.apis))


def path() -> Branch:
    """A branch of as many calls as are made."""
    env = ToolEnv([TASK], LocalSimulator([WEATHER]), max_steps=1 << 60)
    env.reset(seed=0)
    for number in range(STEPS):
        arguments = {"city": "Paris", "days": number % 7}
        env.step(json.dumps({**json.loads(ACTION), "arguments": arguments}))
    return env.branch


def asking(simulator: Simulator, branch: Branch) -> Callable[[], object]:
    """What makes one call at the next place of the path."""
    session = simulator.open(TASK, 7)
    places = cycle(
        [
            (step.calls[0], Branch(TASK, branch.steps, number - 1 if number else ROOT))
            for number, step in enumerate(branch.steps)
        ]
    )

    def ask() -> object:
        call, past = next(places)
        return bridge.run(session.call(call, past))

    return ask


def main() -> None:
    """Measure and print."""
    branch = path()
    with tempfile.TemporaryDirectory() as folder:
        world = LocalSimulator([WEATHER])
        layers: dict[str, Callable[[Simulator], Simulator]] = {
            "retry": retry,
            "limit, in flight": lambda inner: limit(inner, in_flight=64),
            "limit, budget": lambda inner: limit(inner, calls=1 << 60),
            "limit, rate": lambda inner: limit(inner, per_second=1e9),
            "truncate": lambda inner: truncate(inner, 8192),
            "inject_faults": lambda inner: inject_faults(inner, PLAN),
            "first_of, second rung": lambda inner: first_of(first_of(), inner),
            "coalesce": coalesce,
        }
        stack: Simulator = world
        for wrap in layers.values():
            stack = wrap(stack)
        simulators = {"bare": world, **{name: wrap(world) for name, wrap in layers.items()}}
        recorder = record(world, Store(Path(folder, "all.store")), clock=False)
        works = {name: asking(one, branch) for name, one in simulators.items()}
        works["all of these"] = asking(stack, branch)
        found = interleaved(works, calls=STEPS, repeats=51)
        written = interleaved({"record": asking(recorder, branch)}, calls=50, repeats=3)["record"]
        recorder.close()
    bare = found.pop("bare")
    rows = [("layer", "asked", "measured")]
    for name, timing in found.items():
        count = len(layers) if name == "all of these" else 1
        rows.append((name, f"at most {2 * count} µs", added(timing, bare)))
    rows.append(("record", "– (it writes)", added(written, bare)))
    table(f"one call; the local simulator alone {bare}", rows)


def added(timing: Timing, bare: Timing) -> str:
    """What a layer adds: by medians, and by the fastest repeats, the least disturbed."""
    fastest = timing.low - bare.low
    return f"{timing.median - bare.median:.2f} µs (fastest repeats: {fastest:.2f})"


if __name__ == "__main__":
    main()
