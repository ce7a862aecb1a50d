"""Progress of a run: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from toolenv.running.runner import Progress

__all__ = ["progress"]

_EVERY_SECONDS = 5.0


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Show how far a run is, on standard error.

    Args:
        quiet: Show nothing.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        with _bar(console) as report:
            yield report
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[Progress], None]]:
    columns = (
        TextColumn("episodes"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[passed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tally = _Tally()
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("episodes", total=None, passed="")

        def report(progress: Progress) -> None:
            tally.add(progress)
            bar.update(task, completed=progress.done, total=progress.total, passed=str(tally))

        yield report


def _lines(console: Console) -> Callable[[Progress], None]:
    tally = _Tally()
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        tally.add(progress)
        now = time.monotonic()
        if now - last >= _EVERY_SECONDS or progress.done == progress.total:
            last = now
            console.print(f"episodes {progress.done}/{progress.total} {tally}", highlight=False)

    return report


class _Tally:
    """How the episodes that finished in this session went."""

    def __init__(self) -> None:
        self._passed = self._decided = self._broken = 0

    def add(self, progress: Progress) -> None:
        if progress.episode is None:  # a run begins
            self._passed = self._decided = self._broken = 0
            return
        match progress.episode.outcome:
            case "passed":
                self._passed += 1
                self._decided += 1
            case "failed":
                self._decided += 1
            case "infrastructure_error":
                self._broken += 1

    def __str__(self) -> str:
        text = f"passed {self._passed}/{self._decided}" if self._decided else ""
        return f"{text} broken {self._broken}".strip() if self._broken else text
