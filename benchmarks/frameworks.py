"""What an episode costs by itself, beside frameworks that run the same trivial work.

Ten calls of an in-memory ``get_weather`` and a final answer, policy and tool instantaneous, one
process: tasks, simulator and policy of a run configuration, seeds as episodes, through
``toolenv.running.runner.run`` with its journal. Longer episodes of fifty calls say whether a turn's
cost grows with the conversation.

    python -m benchmarks.frameworks [--peers FOLDER --scripts FOLDER]

``--peers`` holds an environment of Python for each peer (``verifiers/bin/python`` and
``inspect/bin/python``), ``--scripts`` what they run (``c_verifiers.py``, ``d_inspect.py``; told
turns and episodes; one line of JSON with ``median_per_s`` and ``max_per_s``). Theirs and ours take
turns, so that a drifting machine drifts for all. Without the two, only ours is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.measure import table
from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.jsontext import JsonValue
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.simulators import LocalSimulator, LocalTool
from toolenv.tasks import Check, Task

__all__ = ["main"]

TOOL = LocalTool("Weather", "Weather", "Weather of cities.")
REPORT: dict[str, JsonValue] = {"city": "Paris", "temp_c": 21, "sky": "clear"}


@TOOL.api()
def get_weather(city: str) -> dict[str, JsonValue]:
    """Current weather of a city.

    Args:
        city: Name of the city.
    """
    return {"Paris": REPORT}[city]


def simulator() -> LocalSimulator:
    """What answers."""
    return LocalSimulator([TOOL])


def tasks() -> list[Task]:
    """One task; every episode has a seed of its own."""
    check = Check(kind="contains", value="21C")
    apis = tuple(TOOL.apis)
    return [Task(id="1", instruction="weather in Paris?", apis=apis, check=check)]


class Scripted:
    """So many calls, then the answer; says the same at once, whatever it is shown."""

    name = "scripted"

    def __init__(self, turns: int) -> None:
        self.fingerprint = f"scripted-{turns}"
        call = FunctionCall("get_weather_for_weather", '{"city": "Paris"}', "c")
        self._call = Message(calls=(call,))
        answer = '{"return_type": "give_answer", "final_answer": "21C, clear"}'
        self._answer = Message(calls=(FunctionCall(FINISH, answer, "f"),))
        self._length = 2 + 2 * turns  # of the conversation when all calls are made

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        return self._answer if len(messages) >= self._length else self._call


def ours(turns: int, episodes: int, processor: list[float]) -> float:
    """Episodes a second of one run; the microseconds of processor of each are noted."""
    configuration = RunConfiguration(
        tasks=f"{__name__}:tasks" if __name__ != "__main__" else "benchmarks.frameworks:tasks",
        simulator=("local:benchmarks.frameworks:simulator",),
        policies=(f"local:benchmarks.frameworks:Scripted?turns={turns}",),
        seeds=tuple(range(episodes)),
        max_steps=turns + 5,
    )
    with tempfile.TemporaryDirectory() as folder:
        began, computed = time.perf_counter(), time.process_time()
        folder_of_run = run(configuration, Path(folder, "run"))
        spent = time.perf_counter() - began
        processor.append((time.process_time() - computed) / episodes * 1e6)
        results = folder_of_run.results()
        assert len(results) == episodes
        assert all(row.outcome == "passed" and row.steps == turns + 1 for row in results)
    return episodes / spent


def peer(python: Path, script: Path, turns: int, episodes: int) -> tuple[float, float]:
    """A peer's median and best episodes a second, from the line of JSON that its script prints."""
    quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        [python, script, str(turns), str(episodes)],
        env={**os.environ, **quiet, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            return float(found["median_per_s"]), float(found["max_per_s"])
    print(done.stderr[-2_000:], file=sys.stderr)
    raise SystemExit(f"{script} printed no result")


def measure(
    repeats: int, works: dict[str, Callable[[], tuple[float, float]]]
) -> dict[str, list[tuple[float, float]]]:
    """Each work's median and best of every repeat, in turn; the first does not count."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            if repeat or name.startswith("ours"):  # a peer's script warms up by itself
                measured = work()
                if repeat:
                    found[name].append(measured)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--peers", type=Path, help="A folder of the peers' environments.")
    parser.add_argument("--scripts", type=Path, help="A folder of the scripts that they run.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=4_000, help="Episodes of one run.")
    given = parser.parse_args()
    episodes: int = given.episodes
    processor: dict[int, list[float]] = {10: [], 50: []}
    works: dict[str, Callable[[], tuple[float, float]]] = {
        "ours, 10 calls": lambda: (ours(10, episodes, processor[10]),) * 2,
        "ours, 50 calls": lambda: (ours(50, episodes, processor[50]),) * 2,
    }
    if given.peers and given.scripts:
        for name, script in (("verifiers", "c_verifiers.py"), ("inspect", "d_inspect.py")):
            python = given.peers / name / "bin" / "python"
            works[name] = lambda python=python, script=given.scripts / script: peer(  # type: ignore[misc]
                python, script, 10, 100
            )
    found = measure(given.repeats, works)
    medians = {name: statistics.median(one for one, _ in rates) for name, rates in found.items()}
    rows = [("figure", "asked", "measured")]
    for name, rates in found.items():
        low, high = min(one for one, _ in rates), max(best for _, best in rates)
        told = f"{medians[name]:,.0f} ({low:,.0f}–{high:,.0f})"
        rows.append((f"{name}, episodes a second", "", told))
    short, long = medians["ours, 10 calls"], medians["ours, 50 calls"]
    turns = (1e6 / short / 11, 1e6 / long / 51)
    rows.append(("a turn, of 10 and 50 calls", "", f"{turns[0]:.1f} µs, {turns[1]:.1f} µs"))
    rows.append(("flat", "at most 1.1 times", f"{turns[1] / turns[0]:.2f} times"))
    of_10, of_50 = (statistics.median(times[1:]) for times in processor.values())
    turn = (of_50 - of_10) / 40
    told = f"{of_10:.0f} µs; a turn {turn:.1f} µs, all else {of_10 - 11 * turn:.0f} µs"
    rows.append(("an episode of 10 calls, processor time of ours", "", told))
    for name, asked in (("verifiers", "12 (goal 20)"), ("inspect", "250 (goal 400)")):
        if name in found:
            pairs = zip(found["ours, 10 calls"], found[name], strict=True)
            ratios = sorted(mine / best for (mine, _), (_, best) in pairs)
            middle = statistics.median(ratios)
            told = f"{middle:.1f} times ({ratios[0]:.1f}–{ratios[-1]:.1f})"
            rows.append((f"against {name}, its best repeat of the same round", asked, told))
    table("frameworks: episodes of 10 calls and an answer, journal on, one process", rows)


if __name__ == "__main__":
    main()
