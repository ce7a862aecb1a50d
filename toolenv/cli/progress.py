"""Progress of long work: a bar or a table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from toolenv.cli.run_figures import figures, line, seconds, stopping
from toolenv.report.visible import visible
from toolenv.running.tally import Progress, Tally

__all__ = ["counted", "progress"]

_EVERY_SECONDS = 5.0
_DRAWN_PER_SECOND = 4


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[Progress], None]]:
    """Show how far a run is, on standard error: a table in a terminal, lines elsewhere.

    Args:
        quiet: Show nothing.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda _: None
        return
    with (_LiveTable if console.is_terminal else _Lines)(console) as shown:
        yield shown


class _LiveTable:
    """A table that is drawn anew a few times a second, and stays when the run is over."""

    def __init__(self, console: Console) -> None:
        self._tally: Tally | None = None
        self._live = Live(
            console=console,
            get_renderable=self._table,
            refresh_per_second=_DRAWN_PER_SECOND,
            redirect_stdout=False,
        )

    def __call__(self, progress: Progress) -> None:
        self._tally = progress.tally

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _table(self) -> RenderableType:
        tally = self._tally
        if tally is None:
            return Text("episodes …")
        head = Table.grid(padding=(0, 1), expand=False)
        left = tally.seconds_left()
        head.add_row(
            ProgressBar(total=max(tally.total, 1), completed=tally.done, width=40),
            f"{tally.done:,}/{tally.total:,} episodes",
            Text(seconds(tally.seconds), style="yellow"),
            Text("" if left is None or tally.stopping else f"left {seconds(left)}", style="cyan"),
        )
        rows = Table.grid(padding=(0, 1))
        for name, text in figures(tally):
            rows.add_row(Text(visible(name), style="dim"), Text(visible(text)))
        return Group(head, rows)


class _Lines:
    """A line every few seconds, and one when the run begins to stop or is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally: Tally | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="toolenv-progress", daemon=True)

    def __call__(self, progress: Progress) -> None:
        tally = progress.tally
        self._tally = tally
        if progress.result is None and tally.stopping:
            self._print(f"stopping: {stopping(tally)}")
        elif tally.done == tally.total:
            self._print(line(tally))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._tally is not None and self._tally.done < self._tally.total:
            self._print(line(self._tally))

    def _tell_on(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            if self._tally is not None and self._tally.done < self._tally.total:
                self._print(line(self._tally))

    def _print(self, text: str) -> None:
        self._console.print(visible(text), highlight=False, markup=False, soft_wrap=True)


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
