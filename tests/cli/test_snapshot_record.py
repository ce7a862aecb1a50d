from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from tests.cli.conftest import Here
from tests.running.processes import start
from toolenv.jsontext import render
from toolenv.simulators import LocalSimulator, LocalTool
from toolenv.snapshots import Store

clock = LocalTool("Time", "Clock", "Tells the hour, slowly.")


@clock.api()
def read(number: int) -> int:
    """Give the hour."""
    time.sleep(float(os.environ.get("CLOCK_SECONDS", "0")))
    return number


@clock.api(changes_state=True)
def wind(state: list[int]) -> str:
    """Wind it up."""
    return "wound"


def slow_clock() -> LocalSimulator:
    return LocalSimulator([clock], make_state=lambda task, seed: [], version="1")


READ, WIND = (api.identity.function for api in clock.apis)
SIMULATOR = f"--simulator local:{__name__}:slow_clock"


def calls(folder: Path, count: int) -> Path:
    path = folder / "calls.jsonl"
    rows = [{"function": READ, "arguments": {"number": number}} for number in range(count)]
    path.write_text("".join(f"{render(row)}\n" for row in [*rows, {"function": WIND}]))
    return path


def test_recording_says_what_it_did(here: Here, tmp_path: Path) -> None:
    calls(tmp_path, 3)
    done = here(f"snapshot record calls.jsonl {SIMULATOR} --store live", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "4 calls: 3 recorded, 0 held before",
        "left out: 1 that may change something; --allow-changes makes them",
        "store: live",
    ]
    assert "calls 3/3" in done.stderr
    done = here(f"snapshot record calls.jsonl {SIMULATOR} --store live --json", tmp_path)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert (found["calls"], found["held"], found["recorded"]) == (4, 3, 0)
    assert found["left_out"] == {"may change": 1}
    done = here(f"snapshot record calls.jsonl {SIMULATOR} --store live --allow-changes", tmp_path)
    assert "4 calls: 1 recorded, 3 held before" in done.stdout


def test_calls_without_an_answer_are_told_by_the_exit_code(here: Here, tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text('{"function":"unheard_of"}\n')
    line = f"snapshot record calls.jsonl {SIMULATOR} --store live"
    done = here(line, tmp_path)
    assert done.returncode == 0
    assert "left out: 1 that nothing documents" in done.stdout
    done = here(f"{line} --allow-changes", tmp_path)
    assert done.returncode == 1
    assert "no simulator answered 1" in done.stdout


def test_a_bad_line_is_one_line_of_error(here: Here, tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text("nonsense\n")
    done = here(f"snapshot record calls.jsonl {SIMULATOR} --store live", tmp_path)
    assert done.returncode == 2
    assert "calls.jsonl:1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_interrupted_it_keeps_what_it_has_and_goes_on_from_there(
    here: Here, tmp_path: Path
) -> None:
    place = tmp_path / "live"
    line = ["snapshot", "record", str(calls(tmp_path, 200)), *SIMULATOR.split()]
    recorder = start(*line, "--store", place, "--concurrency", "2", CLOCK_SECONDS="0.05")
    with Store(place) as store:
        while len(store) < 5:
            assert recorder.poll() is None
    recorder.send_signal(signal.SIGINT)
    _, said = recorder.communicate(timeout=30)
    assert recorder.returncode == 130
    assert "interrupted" in said
    with Store(place) as store:
        kept = len(store)
        assert 5 <= kept < 200
    done = here(f"snapshot record calls.jsonl {SIMULATOR} --store live --json", tmp_path)
    found = json.loads(done.stdout)
    assert (found["held"], found["recorded"]) == (kept, 200 - kept)
