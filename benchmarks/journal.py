"""The journal: what writing costs, what it takes, and one episode of a million.

python -m benchmarks.journal [--episodes 1000000]
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import table
from toolenv.apis import FINISH, Identity
from toolenv.episodes import Call, Cost, Episode, FunctionCall, Message, Response, Step, Usage
from toolenv.jsontext import render
from toolenv.running.attempts import EncodedAttempt, Summary, encode_attempt, episode_line
from toolenv.running.folder import RunFolder
from toolenv.running.framing import compress, decompress
from toolenv.running.journal import Journal
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import Result
from toolenv.tasks import Task

TURNS = 11
REPEATS = 7
ROUNDS = 5
DIFFERENT = 300
TASKS = 1000
NAMES = ("Hotel", "Museum", "Station", "Harbour", "Market", "Garden", "Bridge", "Library")
CITIES = ("Paris", "Zürich", "Lisbon", "Kyoto", "Nairobi", "Lima", "Oslo", "Hanoi")
HEADER = ("figure", "asked", "measured")
FINGERPRINTS = {"environment": "environment-0123456789abcdef", "agent": "agent-0123456789abcdef"}


def body(chance: random.Random, size: int) -> str:
    """A response such as APIs give: objects of the same keys with other values."""
    rows: list[dict[str, object]] = []
    length = 0
    while length < size:
        rows.append(
            {
                "id": chance.randrange(10**6),
                "name": f"{chance.choice(NAMES)} {chance.choice(CITIES)}",
                "rating": chance.randrange(50) / 10,
                "price": chance.randrange(20, 400),
                "open": chance.random() < 0.5,
            }
        )
        length += len(render(rows[-1]))
    return render({"error": "", "response": rows})[: max(size, 60)]


def episode(task: Task, seed: int, size: int) -> Episode:
    """Ten tool calls and a final answer; responses of about so many bytes."""
    chance = random.Random(seed)
    steps: list[Step] = []
    identity = Identity("search_for_places", "Travel", "places", "search")
    for number in range(TURNS - 1):
        city = chance.choice(CITIES)
        call = FunctionCall("search_for_places", f'{{"city":"{city}"}}', f"call_{number}")
        text = body(chance, size)
        said = Message("Let me look that up.", (call,), usage=Usage(1000 + 300 * number, 30))
        calls = (Call(call.name, {"city": city}, identity, call.arguments, "", call.id),)
        answers = (Response(text, source="snapshot", origin="live"),)
        steps.append(Step(number - 1, 0, said, calls, answers, text))
    final = {"return_type": "give_answer", "final_answer": f"It is the {chance.choice(NAMES)}."}
    finish = FunctionCall(FINISH, render(final), "call_last")
    closed = Response('{"error":"","response":"successfully giving the final answer."}')
    steps.append(
        Step(
            TURNS - 2,
            0,
            Message("", (finish,), usage=Usage(5000, 20)),
            (Call(FINISH, dict(final), None, finish.arguments, "", finish.id),),
            (closed,),
            closed.text,
            1.0,
            "answer",
        )
    )
    return Episode(
        task,
        tuple(steps),
        TURNS - 1,
        "react",
        "policy",
        seed,
        "answer",
        "passed",
        1.0,
        Cost(TURNS, 30_000, 320, TURNS - 1, 0.01),
        FINGERPRINTS,
    )


def processor(work: Callable[[], object]) -> float:
    """Seconds of processor that some work takes, in all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f}–{max(values):.2f})"


def writing(size: int) -> list[tuple[str, str, str]]:
    """Processor time a turn against taking note of nothing, and bytes an episode."""
    task = Task(id="1", instruction="?")
    episodes = [episode(task, seed, size) for seed in range(DIFFERENT)]
    gc.collect()
    gc.freeze()  # the episodes are the benchmark's, not the journal's
    costs: dict[str, list[float]] = {"episode": [], "step": []}
    bytes_, lines = 0, 0
    for repeat in range(REPEATS + 1):
        for durability, found in costs.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                Journal(Path(folder, "journal.jsonl.zst"), durability=durability) as journal,  # type: ignore[arg-type]
            ):

                def unwritten() -> None:
                    for one in episodes * ROUNDS:
                        for step in one.steps:
                            ignored(step)

                def written(journal: Journal = journal) -> None:
                    for one in episodes * ROUNDS:
                        attempt = journal.begin(EpisodeKey.of(one))
                        for step in one.steps:
                            attempt.step(step)
                        attempt.end(one)
                    journal.flush()

                spent = processor(written) - processor(unwritten)
                if repeat:
                    found.append(spent / ROUNDS / DIFFERENT / TURNS * 1e6)
                bytes_ = journal.path.stat().st_size // ROUNDS // DIFFERENT
    for one in episodes:
        frame = encode_attempt(Attempt(0, EpisodeKey.of(one)), one).frame
        lines += len(decompress(frame) or b"")
    what = f"responses of {size} bytes"
    return [
        (f"a turn, {what}", "at most 5 µs", spread(costs["episode"], "µs of processor")),
        (f"the same, durable by the step, {what}", "–", spread(costs["step"], "µs of processor")),
        (
            f"an episode of {TURNS} turns, {what}",
            "–",
            f"{bytes_} bytes, {bytes_ * DIFFERENT / lines:.2f} of its JSON Lines",
        ),
    ]


def ignored(step: Step) -> None:
    """An observer that takes note of nothing."""


def write_many(folder: Path, episodes: int) -> None:
    """A run of so many episodes, a few hundred of them different, all under names of their own."""
    tasks = [Task(id=f"task {number}", instruction="?" * 2000) for number in range(TASKS)]
    texts: list[tuple[bytes, Result]] = []
    for seed in range(DIFFERENT):
        one = episode(tasks[0], seed, 200)
        frame, summary = encode_attempt(Attempt(0, EpisodeKey.of(one)), one)
        text = decompress(frame) or b""
        texts.append((text[text.index(b"\n") + 1 :], summary.result))
    with RunFolder.create(folder, tasks, sync="never") as run:
        for number in range(episodes):
            task, seed = tasks[number % TASKS].id, number // TASKS
            attempt = run.journal.allot(EpisodeKey(task, "react", "policy", seed))
            text, result = texts[number % DIFFERENT]
            summary = Summary(attempt.number, 1, replace(result, task=task, seed=seed))
            frame = compress(episode_line(attempt) + text)
            run.journal.append(EncodedAttempt(frame, summary))


def reading(folder: Path, episodes: int) -> list[tuple[str, str, str]]:
    """One episode of many, and all of them scanned."""
    journal, index = folder / "journal.jsonl.zst", folder / "journal.index"
    chance = random.Random(1)
    opened: list[float] = []
    for _ in range(200):
        number = chance.randrange(episodes)
        began = time.perf_counter()
        run = RunFolder.open(folder)
        found = run.episode(f"task {number % TASKS}", "react", "policy", number // TASKS)
        opened.append((time.perf_counter() - began) * 1e3)
        assert found is not None and len(found.steps) == TURNS
        run.close()
    begun = time.perf_counter()
    with Journal(journal, sync="never") as resumed:
        assert len(resumed.finished()) == episodes
    resuming = time.perf_counter() - begun
    begun = time.perf_counter()
    with RunFolder.open(folder) as run:
        assert sum(outcome == "passed" for outcome in run.outcomes().values()) == episodes
    outcomes = time.perf_counter() - begun
    sizes = journal.stat().st_size / episodes, index.stat().st_size / episodes
    index.unlink()
    begun = time.perf_counter()
    with Journal(journal, sync="never"):
        anew = time.perf_counter() - begun
    high = sorted(opened)[len(opened) * 99 // 100]
    return [
        (
            f"opening a run of {episodes} episodes and one of them",
            "under 20 ms",
            f"{statistics.median(opened):.1f} ms, 99th percentile {high:.1f} ms",
        ),
        ("resuming it: what is finished", "–", f"{resuming:.1f} s"),
        ("all outcomes", "–", f"{outcomes:.1f} s"),
        ("making its index anew", "–", f"{anew:.0f} s"),
        ("an episode", "–", f"{sizes[0]:.0f} bytes in the journal, {sizes[1]:.0f} in the index"),
    ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--episodes", type=int, default=1_000_000)
    episodes: int = options.parse_args().episodes
    table("writing the journal", [HEADER, *writing(50), *writing(1000)])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        began = time.perf_counter()
        write_many(run, episodes)
        print(f"\n{episodes} episodes written in {time.perf_counter() - began:.0f} s")
        table("reading the journal", [HEADER, *reading(run, episodes)])


if __name__ == "__main__":
    main()
