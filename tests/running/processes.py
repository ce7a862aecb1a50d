"""``toolenv`` as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("toolenv")

_PATIENCE = 60.0


def environment(**more: str) -> dict[str, str]:
    """Without what a terminal or a key would change; the tests' own modules can be named."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "FORCE_COLOR"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1", **more}


def heed_interrupts() -> None:
    """What a terminal's programs do; a shell's background jobs are started ignoring them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(
    *arguments: str | Path, cwd: Path | None = None, **variables: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
        cwd=cwd,
        preexec_fn=heed_interrupts,
    )


def toolenv(
    *arguments: str | Path, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        env=environment(**variables),
        cwd=cwd,
        timeout=_PATIENCE,
        check=False,
    )


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> bool:
    """Wait for something, or for the process to end first; whether it happened."""
    end = time.monotonic() + _PATIENCE
    while not happened():
        if process is not None and process.poll() is not None:
            return happened()
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)
    return True


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def has_ended(pid: int) -> bool:
    """Whether a process has ended, whoever was to wait for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
