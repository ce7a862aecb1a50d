"""Runs that are killed, wherever they are, and resumed: nothing is lost, and nothing done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.running import policies_by_hand
from tests.running.journal_records import attempts_of
from tests.running.processes import size, start, toolenv, wait_until
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.journal import Durability
from toolenv.running.records import EpisodeKey
from toolenv.running.runner import run
from toolenv.running.tally import Progress

WAITING = f"local:{policies_by_hand.__name__}:Waiting"
KILLS = 25
"""Of each kind of journal: 50 runs."""


# --- any moment ---------------------------------------------------------------------------------

SMALL = RunConfiguration(
    agents=("react", "dfsdt"),
    policies=("random", WAITING),
    policy_calls=8,
    first=6,
    concurrency=8,
)


class Work(NamedTuple):
    """A run in a process of its own.

    Args:
        out: Its folder.
        durability: How it keeps its journal.
        deadly: Before which of its function calls it is killed, from 1 on; 0 for none.
    """

    out: Path
    durability: Durability
    deadly: int

    @property
    def told(self) -> Path:
        """A line for each episode that was reported as finished."""
        return self.out.with_suffix(".told")

    @property
    def calls(self) -> Path:
        """How many function calls it made until the first, until the last report, and in all."""
        return self.out.with_suffix(".calls")


def work(given: Work) -> None:
    told = os.open(given.told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    calls, moments = 0, []

    def report(progress: Progress) -> None:
        moments.append(calls)
        if progress.result is not None:
            os.write(told, f"{json.dumps(progress.result.key)}\n".encode())

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1
            if calls == given.deadly:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    run(SMALL, given.out, resume=True, durability=given.durability, report=report)
    sys.setprofile(None)
    given.calls.write_text(json.dumps([moments[0], moments[-1], calls]))


def exit_statuses(given: Sequence[Work]) -> set[int | None]:
    """Does work in processes that have loaded everything beforehand, two at a time."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "toolenv.mini"])
    found = set()
    for first in range(0, len(given), 2):
        processes = [context.Process(target=work, args=(one,)) for one in given[first : first + 2]]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            found.add(process.exitcode)
    return found


def reported_by(given: Work) -> list[EpisodeKey]:
    return [EpisodeKey(*json.loads(line)) for line in given.told.read_text().splitlines()]


@pytest.mark.parametrize("durability", ["episode", "step"])
def test_fifty_runs_killed_at_any_moment_and_resumed_end_as_if_they_had_not_been(
    tmp_path: Path, durability: Durability
) -> None:
    """Each is killed before a function call that is drawn from all that such a run makes: three of
    four while episodes run, the others anywhere from beginning to end.
    """
    whole = Work(tmp_path / "whole", durability, 0)
    assert exit_statuses([whole]) == {0}
    first, last, made = json.loads(whole.calls.read_text())
    draw = random.Random(durability)
    killed = [
        Work(
            tmp_path / f"{number}",
            durability,
            draw.randrange(first, last) if number % 4 else draw.randrange(1, made * 19 // 20),
        )
        for number in range(KILLS)
    ]
    assert exit_statuses(killed) == {-signal.SIGKILL}
    reported = [set(reported_by(one)) for one in killed]
    assert len({*map(len, reported)}) > KILLS // 3, "they were killed at different places"
    for one, before in zip(killed, reported, strict=True):
        if before:
            assert before <= RunFolder.open(one.out).finished(), "nothing is lost"
    assert exit_statuses([one._replace(deadly=0) for one in killed]) == {0}
    wanted = (whole.out / "results.jsonl").read_bytes()
    for one in killed:
        assert (one.out / "results.jsonl").read_bytes() == wanted
        assert len(reported_by(one)) == len({*reported_by(one)}), "nothing is reported twice"
        assert set(attempts_of(one.out).values()) == {1}, "nothing is done twice"


# --- the command, again and again ---------------------------------------------------------------

LONG = [
    *("run", "--agent", "react", "--agent", "dfsdt?breadth=3", "--policy", "random"),
    *("--policy", WAITING, "--policy-calls", "24"),
    *(part for seed in range(4) for part in ("--seed", str(seed))),
]


def test_a_run_that_is_killed_ten_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = toolenv(*LONG, "--out", tmp_path / "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    journal = tmp_path / "killed" / "journal.jsonl.zst"
    full = size(tmp_path / "whole" / "journal.jsonl.zst")
    draw = random.Random(2026)
    kills = 0
    for kill in range(10):
        process = start(*LONG, "--out", tmp_path / "killed", "--resume", "--concurrency", "8")
        target = size(journal) + (draw.randrange(1, full // 14) if kill else 1)
        wait_until(lambda target=target: size(journal) >= target, process)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills == 10, "each was killed while it ran"
    resumed = toolenv(*LONG, "--out", tmp_path / "killed", "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "killed" / "results.jsonl").read_bytes() == (
        tmp_path / "whole" / "results.jsonl"
    ).read_bytes()
    assert json.loads(resumed.stdout)["results"] == json.loads(whole.stdout)["results"]
    assert set(attempts_of(tmp_path / "killed").values()) == {1}, "nothing is done twice"
