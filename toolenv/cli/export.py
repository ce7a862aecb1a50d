"""``toolenv export``: runs as tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.options import Replace, choices, require_empty
from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    pass

__all__ = ["export"]


def export(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    format: Annotated[
        str, typer.Option(help="parquet, jsonl, or datasets for load_from_disk.")
    ] = "parquet",
    verdicts: Annotated[
        str, typer.Option(help="The verdict set beside each run that fills the column verdict.")
    ] = "",
    replace: Replace = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write runs as two tables, episodes and steps, with a README that datasets reads.

    Each row names its run, task, agent, policy, seed and fingerprints.

    Examples:

      toolenv export runs/g1 --out exported

      toolenv export runs/before runs/after --out exported --format datasets --verdicts pass
    """
    with friendly_errors():
        from typing import get_args

        from toolenv.cli.progress import counted
        from toolenv.formats.row_files import RowFormat
        from toolenv.running.run_export import export_runs

        (chosen,) = choices([format], get_args(RowFormat), "--format")
        require_empty(out, replace=replace)
        with counted("episodes", quiet=as_json) as report:
            found = export_runs(runs, out, format=chosen, verdicts=verdicts, report=report)
        if as_json:
            print_json({**found._asdict(), "folder": str(found.folder)})
            return
        for name, count in found.left_out.items():
            console.print(plain(f"{name}: {count} unfinished attempts are left out"))
        told = f"{found.episodes} episodes, {found.steps} steps: {found.folder}"
        console.print(plain(told), soft_wrap=True)
