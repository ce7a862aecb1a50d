"""``toolenv report``: runs as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain

__all__ = ["report"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write runs to one HTML page that needs no network.

    Example:

      toolenv report runs/react runs/dfsdt --out report.html
    """
    with friendly_errors():
        from toolenv.report.page import write_report
        from toolenv.running.folder import RunFolder

        write_report([RunFolder.open(run) for run in runs], out)
        console.print(plain(f"report: {out}"), soft_wrap=True)
