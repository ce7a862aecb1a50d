"""The journal: what writing costs, what it takes, and one episode of a million.

python -m benchmarks.journal [--episodes 1000000]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import zstandard

from benchmarks.measure import table
from benchmarks.step import WEATHER
from toolenv import Task, ToolEnv
from toolenv.agents import ReACT
from toolenv.apis import FINISH
from toolenv.episodes import Branch, Call, FunctionCall, Message, Response, Usage
from toolenv.jsontext import JsonValue, render
from toolenv.running.attempts import EncodedAttempt, Summary, encode_attempt, episode_line
from toolenv.running.folder import RunFolder
from toolenv.running.framing import compress, decompress
from toolenv.running.journal import Durability, Journal
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import Result
from toolenv.simulators import Session, SimulatorBase

TURNS = 11
REPEATS = 9
EPISODES = 1000
DIFFERENT = 300
TASKS = 1000
NAMES = ("Hotel", "Museum", "Station", "Harbour", "Market", "Garden", "Bridge", "Library")
CITIES = ("Paris", "Zürich", "Lisbon", "Kyoto", "Nairobi", "Lima", "Oslo", "Hanoi")
HEADER = ("figure", "asked", "measured")


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


class Instantaneous:
    """Calls at once, ten times, in another city each time, and then answers."""

    name = fingerprint = "policy"

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        turn = len(messages) // 2 - 1
        city = CITIES[(seed + turn) % len(CITIES)]
        if turn < TURNS - 1:
            name, arguments = "search_for_city_weather", f'{{"city":"{city}","days":3}}'
            said = f"Let me look at {city}."
        else:
            name, said = FINISH, ""
            arguments = f'{{"return_type":"give_answer","final_answer":"{city} it is."}}'
        return Message(
            said, (FunctionCall(name, arguments, f"call_{turn}"),), usage=Usage(900 + turn, 30)
        )


class Answering(SimulatorBase):
    """Answers at once, with one of a few hundred different bodies of about so many bytes."""

    fingerprint = "answering"

    def __init__(self, size: int) -> None:
        chance = random.Random(size)
        self._bodies = cycle(
            [
                Response(body(chance, size), source="snapshot", origin="live")
                for _ in range(DIFFERENT)
            ]
        )

    def open(self, task: Task, seed: int) -> Session:
        return self

    async def call(self, call: Call, past: Branch) -> Response | None:
        return next(self._bodies)

    def fork(self) -> Session:
        return self


def environment(size: int) -> ToolEnv:
    task = Task(id="1", instruction="Where is it warm?", apis=tuple(WEATHER.apis))
    return ToolEnv([task], Answering(size))


def run_episodes(env: ToolEnv, journal: Journal | None = None) -> float:
    """Run episodes one after the other, and write down each as soon as it is there.

    Returns:
        The seconds of processor that writing them took, in all threads.
    """
    agent = ReACT(Instantaneous())
    spent = 0.0
    for seed in range(EPISODES):
        episode = agent.run(env, "1", seed=seed)
        began = time.process_time()
        if journal is not None:
            attempt = journal.begin(EpisodeKey.of(episode))
            for step in episode.steps:
                attempt.step(step)
            attempt.end(episode)
        spent += time.process_time() - began
    began = time.process_time()
    if journal is not None:
        journal.flush()
    return spent + time.process_time() - began


def spread(values: list[float]) -> str:
    return f"{median(values):.2f} µs of processor ({min(values):.2f}–{max(values):.2f})"


def writing(size: int) -> list[tuple[str, str, str]]:
    """Processor time a turn, of all threads, beyond that of writing nothing; bytes an episode."""
    env = environment(size)
    durabilities: tuple[Durability, ...] = ("episode", "step")
    costs: dict[Durability, list[float]] = {durability: [] for durability in durabilities}
    bytes_, text = 0, 0
    for repeat in range(REPEATS + 1):
        for durability in durabilities:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "journal.jsonl.zst")
                with Journal(path, durability=durability) as journal:
                    spent = run_episodes(env, journal) - run_episodes(env)
                if repeat:
                    costs[durability].append(spent / EPISODES / TURNS * 1e6)
                bytes_ = path.stat().st_size
                with zstandard.open(path, "rb") as file:
                    text = len(file.read())
    what = f"responses of {size} bytes"
    return [
        (f"a turn, {what}", "at most 5 µs", spread(costs["episode"])),
        (f"the same, durable by the step, {what}", "–", spread(costs["step"])),
        (
            f"an episode of {TURNS} turns, {what}",
            "–",
            f"{bytes_ // EPISODES} bytes, {bytes_ / text:.2f} of its JSON Lines",
        ),
    ]


def key_of(number: int) -> EpisodeKey:
    """The name of one episode of many."""
    return EpisodeKey(f"task {number % TASKS}", "ReACT", Instantaneous.name, number // TASKS)


def write_many(folder: Path, episodes: int) -> None:
    """A run of so many episodes, a few hundred of them different, all under names of their own."""
    tasks = [Task(id=f"task {number}", instruction="?" * 2000) for number in range(TASKS)]
    texts: list[tuple[bytes, Result]] = []
    env, agent = environment(200), ReACT(Instantaneous())
    for seed in range(DIFFERENT):
        one = agent.run(env, "1", seed=seed)
        frame, summary = encode_attempt(Attempt(0, EpisodeKey.of(one)), one)
        text = decompress(frame) or b""
        texts.append((text[text.index(b"\n") + 1 :], summary.result))
    with RunFolder.create(folder, tasks, sync="never") as run:
        for number in range(episodes):
            attempt = run.journal.allot(key_of(number))
            text, result = texts[number % DIFFERENT]
            renamed = result._replace(task=attempt.key.task, seed=attempt.key.seed)
            summary = Summary(attempt.number, 1, renamed)
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
        found = run.episode(*key_of(number))
        opened.append((time.perf_counter() - began) * 1e3)
        assert found is not None and len(found.steps) == TURNS
        run.close()
    begun = time.perf_counter()
    with Journal(journal, sync="never") as resumed:
        assert len(resumed.finished()) == episodes
    resuming = time.perf_counter() - begun
    begun = time.perf_counter()
    with RunFolder.open(folder) as run:
        assert len(run.outcomes()) == episodes
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
            f"{median(opened):.1f} ms, 99th percentile {high:.1f} ms",
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
