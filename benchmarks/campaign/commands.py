"""Commands carried out one after the other; what is done is not done again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.campaign.random_sides import draw_sides
from benchmarks.campaign.recipe import RANDOM_SIDES, Command
from toolenv.jsontext import parse, render

__all__ = ["carry_out", "each_seed", "seconds_of"]


def carry_out(commands: Sequence[Command], root: Path) -> None:
    """Run commands of ``toolenv`` in this process, each until its folder is complete.

    How each was called and how long it took is kept in ``done/``. One that was cut off goes on
    where it can, and else begins again.

    Raises:
        SystemExit: One of them failed, with its own exit status.
    """
    for command in commands:
        done = root / "done" / f"{command.out.replace('/', '-')}.json"
        if done.exists():
            continue
        arguments = command.arguments(root)
        out = root / command.out
        print("$", *(["toolenv", *arguments, "--out", str(out)]), flush=True)
        began = time.perf_counter()
        if arguments[0] == RANDOM_SIDES:
            shutil.rmtree(out, ignore_errors=True)
            draw_sides(Path(arguments[1]), out, int(arguments[2]))
        else:
            _toolenv([*arguments, "--out", str(out), *_going_on(arguments, out)])
        done.parent.mkdir(parents=True, exist_ok=True)
        row = {"out": command.out, "command": arguments, "seconds": time.perf_counter() - began}
        done.write_bytes(render(row).encode())


def seconds_of(root: Path) -> dict[str, float]:
    """How long each command took that is done, in seconds, by the folder that it wrote."""
    found: dict[str, float] = {}
    for file in sorted((root / "done").glob("*.json"), key=lambda file: file.stat().st_mtime):
        row = parse(file.read_bytes())
        assert isinstance(row, dict) and isinstance(row["seconds"], float)
        found[str(row["out"])] = row["seconds"]
    return found


def each_seed(module: str, seeds: Sequence[int], jobs: int) -> None:
    """Call a module of this package again for every seed, each in a process of its own.

    What this process was called with goes along, with ``--worker --seeds 1 --first-seed SEED``.

    Args:
        module: Its dotted name.
        seeds: The training seeds.
        jobs: Most processes at the same time.

    Raises:
        SystemExit: One of them failed, with its own exit status.
    """
    command = [sys.executable, "-m", module, *sys.argv[1:]]
    waiting, running = [*seeds], list[subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            own = ["--worker", "--seeds", "1", "--first-seed", str(waiting.pop(0))]
            running.append(subprocess.Popen([*command, *own]))
        status = running.pop(0).wait()
        if status:
            for other in running:
                other.terminate()
            raise SystemExit(status)


def _going_on(arguments: Sequence[str], out: Path) -> list[str]:
    """The option that lets a command go on with what it left behind."""
    if arguments[0] == "run":
        return ["--resume"] if (out / "manifest.json").exists() else []
    if arguments[0] == "train" and (out / "training.json").exists():
        return ["--resume"]
    shutil.rmtree(out, ignore_errors=True)
    return []


def _toolenv(arguments: Sequence[str]) -> None:
    from toolenv.cli.main import app

    status = app([*arguments], standalone_mode=False)
    if status:
        raise SystemExit(status)
