"""Progress of long work: a bar in a terminal, plain lines elsewhere."""

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

__all__ = ["counted", "progress"]

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


@contextmanager
def counted(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Show how many of something are done, on standard error.

    Args:
        what: What is counted, such as ``calls``.
        quiet: Show nothing.

    Yields:
        To be told how many are done, and of how many; None where that is unknown.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda done, total: None
    elif console.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Bar(what, *columns, console=console) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        last = time.monotonic()

        def report(done: int, total: int | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _EVERY_SECONDS or done == total:
                last = now
                of = "" if total is None else f"/{total}"
                console.print(f"{what} {done}{of}", highlight=False)

        yield report


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
