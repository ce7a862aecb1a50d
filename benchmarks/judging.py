"""Judging many attempts at once against a slow judge, and recomputing what is stored.

1,000 judgements (1,000 attempts, one vote each; and 250 attempts, four votes each) against a server
that takes 200 ms, 64 requests in flight, completions recorded to a store; the client has one core,
the server another. Ideal: 16 latencies. Then 10,000 stored verdicts of four votes are read from
their file and recomputed. The server is a process of its own, bare asyncio.

    python -m benchmarks.judging
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.completions_server import (
    keep_to_one_core,
    processor,
    serve_completions,
    three_runs,
)
from benchmarks.measure import table
from toolenv import Task
from toolenv.apis import API, FINISH, Identity
from toolenv.episodes import Call, Episode, FunctionCall, Message, Response, Status, Step
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.pass_judge import PassJudge
from toolenv.judging.verdicts import PassVerdict, PassVote, PathStep, recomputed
from toolenv.judging.win_judge import WinJudge
from toolenv.running.folder import RunFolder
from toolenv.running.judging import judge_run, references_of
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet
from toolenv.snapshots import Store

LATENCY = 0.2
IN_FLIGHT = 64
JUDGEMENTS = 1_000
CASES = (("pass", 1_000, 1), ("pass", 250, 4), ("win", 250, 4))
"""Kind of judge, attempts, and votes on each."""

SAID = {
    "pass": '{"evidence":"21 degrees","reason":"it says so","answer":"solved"}',
    "win": '{"evidence":"21 degrees","reason":"it says so","answer":"first"}',
}
"""What each kind of judge is told, every time."""

_WEATHER = API(category="Weather", tool="weather", name="search", description="A city's weather.")


def attempt(task: Task, answer: str, policy: str) -> Episode:
    """Four calls that answer with a kilobyte each, and an answer."""
    body = '{"error":"","response":"' + "sunny and 21 degrees, " * 45 + '"}'
    steps: list[Step] = []
    for number in range(4):
        call = Call("search_for_weather", {"city": "Paris"}, Identity("search_for_weather"), "{}")
        written = FunctionCall(call.function, "{}", str(number))
        response = Response(body, Status.OK, "snapshot", "live")
        steps.append(
            Step(number - 1, 0, Message("I look it up.", (written,)), (call,), (response,), body)
        )
    arguments = {"return_type": "give_answer", "final_answer": answer}
    final = Call(FINISH, {**arguments}, None, "")
    closed = Response('{"error":"","response":""}', Status.ANSWERED)
    steps.append(Step(3, 0, Message(), (final,), (closed,), closed.text, ended="answer"))
    return Episode(task, tuple(steps), 4, "react", policy, 0, "answer")


def write_run(path: Path, attempts: int, policy: str) -> RunFolder:
    """A run of so many attempts."""
    tasks = [
        Task(id=str(n), instruction=f"How is the weather in city {n}?", apis=(_WEATHER,))
        for n in range(attempts)
    ]
    with RunFolder.create(path, tasks, sync="never") as run:
        for task in tasks:
            run.journal.write(attempt(task, f"21 degrees in {task.id}, says {policy}.", policy))
        run.write_results()
    return RunFolder.open(path)


def one(kind: str, attempts: int, samples: int, address: str) -> None:
    """Judge a run on one core and print wall seconds and processor seconds."""
    keep_to_one_core()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "store")) as store:
        run = write_run(Path(folder, "run"), attempts, "mine")
        references = []
        if kind == "win":
            references = references_of(write_run(Path(folder, "other"), attempts, "theirs"))
        model = JudgeModel(
            "m", base_url=f"http://{address}/v1", recordings=store, in_flight=IN_FLIGHT
        )
        judge = (WinJudge if kind == "win" else PassJudge)(model, samples=samples)
        warm = write_run(Path(folder, "warm"), 1, "mine")  # imports
        judge_run(warm, PassJudge(model, samples=1), "warm", seed=1)
        began, before = time.perf_counter(), processor()
        found = judge_run(run, judge, "one", references=references, concurrency=IN_FLIGHT)
        wall, spent = time.perf_counter() - began, processor() - before
        votes = [vote for verdict in found.read() for vote in verdict.votes]
        assert len(votes) == JUDGEMENTS
        assert not any(vote.problem for vote in votes), votes[0]
        model.close()
        print(wall, spent)


def recompute(count: int = 10_000) -> list[float]:
    """Seconds to read so many stored verdicts and recompute them, five times."""
    path = (
        PathStep(node="finished", answer="yes", evidence="it ended: answer"),
        PathStep(node="answered", answer="yes", evidence="an answer"),
        PathStep(node="answer_solves", answer="unsure", evidence="21 degrees", quoted=True),
        PathStep(node="path_solves", answer="solved", evidence="21 degrees", quoted=True),
    )
    vote = PassVote(path=path, decision="passed", input_tokens=900, output_tokens=40)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        stored = VerdictSet(folder, "one")
        stored.write(
            (
                PassVerdict(
                    task=str(n),
                    agent="react",
                    policy="mine",
                    decision="passed",
                    reason="4 passed",
                    tree="tooleval",
                    votes=(vote,) * 4,
                )
                for n in range(count)
            ),
            VerdictManifest(),
        )
        for _ in range(5):
            began = time.perf_counter()
            wrong = [v for v in stored.read() if recomputed(v) != v.decision]
            found.append(time.perf_counter() - began)
            assert not wrong
    return sorted(found)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address")
    parser.add_argument("--kind", default="pass")
    parser.add_argument("--attempts", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1)
    options = parser.parse_args([] if arguments is None else arguments)
    if options.address:
        one(options.kind, options.attempts, options.samples, options.address)
        return
    ideal = math.ceil(JUDGEMENTS / IN_FLIGHT) * LATENCY
    rows = [("figure", "asked", "measured")]
    for kind, attempts, samples in CASES:
        with serve_completions(LATENCY, {"content": SAID[kind]}) as address:
            given = ["--address", address, "--kind", kind, "--attempts", str(attempts)]
            given += ["--samples", str(samples)]
            found = three_runs("benchmarks.judging", given)
        wall, processor = found[len(found) // 2]
        rows.append(
            (
                f"{kind} judge, {attempts} attempts, votes on each: {samples}",
                "at most 1.2 of the ideal",
                f"{wall / ideal:.2f} of it ({found[0][0] / ideal:.2f}–{found[-1][0] / ideal:.2f}); "
                f"{processor / JUDGEMENTS * 1e3:.2f} ms of processor a judgement",
            )
        )
    times = recompute()
    rows.append(
        (
            "10,000 stored verdicts read and recomputed",
            "at most 1 s",
            f"{times[len(times) // 2]:.2f} s ({times[0]:.2f}–{times[-1]:.2f})",
        )
    )
    table(f"{JUDGEMENTS} judgements, {LATENCY:g} s each, {IN_FLIGHT} in flight, one core", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
