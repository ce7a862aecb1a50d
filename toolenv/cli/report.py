"""``toolenv report``: runs as one self-contained HTML page, as figures and as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain

__all__ = ["report"]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="The page's heading. Default: the runs' names.")] = "",
    labels: Annotated[
        Path | None, typer.Option(help="What people say: JSON Lines, or CSV with a header.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="A folder for each figure as SVG and PNG.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="A folder for each table as Markdown and CSV.")
    ] = None,
) -> None:
    """Write runs to one HTML page that needs no network and holds every step.

    Examples:

      toolenv report runs/react runs/dfsdt --out report.html

      toolenv report runs/first --figures paper/figures --tables paper/tables
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.judging.agreement import read_labels
        from toolenv.report.page import write_report

        said = read_labels(labels) if labels is not None else ()
        with counted("episodes") as tell:
            found = write_report(runs, out, title=title, labels=said, report=tell)
        if figures is not None:
            from toolenv.report.figures import write_figures

            drawn = write_figures(found, figures)
            console.print(plain(f"figures: {len(drawn)} files in {figures}"), soft_wrap=True)
        if tables is not None:
            from toolenv.report.overview_tables import tables_of
            from toolenv.report.tables import write_tables

            written = write_tables(tables_of(found), tables)
            console.print(plain(f"tables: {len(written)} files in {tables}"), soft_wrap=True)
        console.print(plain(f"report: {out}"), soft_wrap=True)
