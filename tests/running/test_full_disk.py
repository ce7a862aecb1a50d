"""A disk that fills up while a run is written: it stops in order, and goes on to the same bytes."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

from tests.running.processes import COMMAND, environment, size, toolenv

RUN = (
    *("run", "--agent", "react", "--policy", "random", "--first", "2"),
    *(part for seed in range(60) for part in ("--seed", str(seed))),
)
ROUNDS = 5


def test_a_run_on_a_disk_that_fills_up_ends_as_if_it_had_not(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk; it grows from one try to the next."""
    whole = toolenv(*RUN, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    journal = tmp_path / "filled" / "journal.jsonl.zst"
    full, tasks = size(tmp_path / "whole" / journal.name), size(tmp_path / "whole" / "tasks.jsonl")
    assert tasks < full / ROUNDS, "it is the journal that fills the disk"
    held = 0
    for number in range(1, ROUNDS):
        tried = limited(full * number // ROUNDS, tmp_path / "filled")
        assert tried.returncode != 0
        assert "Traceback" not in tried.stderr
        assert "File too large" in tried.stderr and "Make room" in tried.stderr
        assert held < size(journal) <= full * number // ROUNDS, "what there was room for is there"
        held = size(journal)
    resumed = toolenv(*RUN, "--out", tmp_path / "filled", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "filled" / "results.jsonl").read_bytes() == (
        tmp_path / "whole" / "results.jsonl"
    ).read_bytes()


def limited(room: int, out: Path) -> subprocess.CompletedProcess[str]:
    """Run where no file can grow beyond so many bytes."""
    return subprocess.run(
        [COMMAND, *RUN, "--out", out, "--resume"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
