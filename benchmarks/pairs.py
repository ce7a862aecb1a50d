"""Exporting preference pairs: rows a second, and memory at a hundred thousand and a million pairs.

``python -m benchmarks.pairs [--pairs 1000000] [--format parquet]``

A run of search trees is written first (60 pairs each, of paths of ten steps). Each export is a
process of its own, whose peak memory the operating system tells.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import table
from toolenv.apis import API
from toolenv.episodes import ROOT, Call, Episode, FunctionCall, Message, Response, Status, Step
from toolenv.running.folder import RunFolder
from toolenv.tasks import Task

STEPS, SIBLINGS = 10, 6
PAIRS = STEPS * SIBLINGS
SEEDS = 17

EXPORT = """
import resource, sys, time
from pathlib import Path
from toolenv.preferences import *
run, out, format = sys.argv[1:]
began = time.perf_counter()
counts, leaks = PairCounts(), LeakCheck()
pairs = collect_pairs(explored_by_task([run]), PairSettings(), counts, leaks)
exported = export_pairs(pairs, out, counts, format=format, leaks=leaks)
took = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(exported.rows["dpo"], took, peak)
"""


def tree(task: Task, seed: int) -> Episode:
    """A path of ten steps, each with six siblings that failed before it."""
    steps: list[Step] = []
    parent = ROOT
    function = next(iter(task.named_apis))
    for depth in range(STEPS):
        for rank in range(SIBLINGS + 1):
            good = rank == SIBLINGS
            text = f'{{"q":"{task.id} {seed} {depth} {rank}"}}'
            call = Call(function, {"q": text}, None, text)
            body = '{"error":"","response":{"found":"' + "something that was found " * 4 + '"}}'
            status = Status.OK if good else Status.NOT_FOUND
            said = Message("", (FunctionCall(function, text),))
            steps.append(Step(parent, rank, said, (call,), (Response(body, status),), body))
        parent = len(steps) - 1
    text = '{"return_type":"give_answer","final_answer":"42"}'
    call = Call("Finish", {"return_type": "give_answer", "final_answer": "42"}, None, text)
    said = Message("", (FunctionCall("Finish", text),))
    answered = Response("", Status.ANSWERED)
    steps.append(Step(parent, 0, said, (call,), (answered,), "", ended="answer"))
    chosen = len(steps) - 1
    return Episode(task, tuple(steps), chosen, "dfsdt", "made", seed, "answer")


def make_run(folder: Path, pairs: int) -> None:
    apis = (API(category="Test", tool="Echo", name="say", description="Says what it hears."),)
    tasks = [
        Task(id=f"{number:06}", instruction=f"Do the thing number {number}.", apis=apis)
        for number in range(-(-pairs // (PAIRS * SEEDS)))
    ]
    with RunFolder.create(folder, tasks, sync="never") as run:
        for task in tasks:
            for seed in range(SEEDS):
                run.journal.write(tree(task, seed))


def export(pairs: int, format: str) -> tuple[int, float, float]:
    """Rows, seconds and MiB of one export."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        make_run(Path(place, "run"), pairs)
        print(f"  a run for {pairs} pairs took {time.perf_counter() - began:.0f} s to write")
        arguments = [str(Path(place, "run")), str(Path(place, "out")), format]
        done = subprocess.run(
            [sys.executable, "-c", EXPORT, *arguments], capture_output=True, text=True, check=True
        )
    rows, seconds, peak = done.stdout.split()
    return int(rows), float(seconds), int(peak) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--format", default="parquet")
    given = parser.parse_args()
    few, few_seconds, few_peak = export(given.pairs // 10, given.format)
    many, seconds, peak = export(given.pairs, given.format)
    table(
        f"Preference pairs exported as {given.format}",
        [
            (f"{few} pairs: rows a second", "", f"{few / few_seconds:,.0f}"),
            (f"{many} pairs: rows a second", "", f"{many / seconds:,.0f}"),
            (f"{few} pairs: peak memory", "", f"{few_peak:.0f} MiB"),
            (f"{many} pairs: peak memory", "constant", f"{peak:.0f} MiB"),
            ("ratio of the peaks", "about 1", f"{peak / few_peak:.2f}"),
        ],
    )


if __name__ == "__main__":
    main()
