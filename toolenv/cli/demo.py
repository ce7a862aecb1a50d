"""``toolenv demo``: the main job on the embedded world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("demo"),
) -> None:
    """Run the main job on the embedded world: offline, without a key.

    Two agents over three policies (scripted, random, one that knows the solutions) attempt the
    embedded tasks, while what the APIs answer is recorded; the recording is frozen to a snapshot;
    everything is run again from the snapshot alone and compared; a table and a report page are
    left behind.
    """
    with friendly_errors():
        from toolenv.cli.progress import progress
        from toolenv.report.page import write_report
        from toolenv.report.terminal import results_table
        from toolenv.running.demonstration import demonstrate

        with progress() as report:
            found = demonstrate(out, report=report)
        console.print(results_table(found.live.results()))
        console.print(
            f"snapshot: {found.manifest.responses} responses to {found.manifest.calls} calls of "
            f"{found.manifest.apis} APIs, digest {found.manifest.digest}",
            highlight=False,
            soft_wrap=True,
        )
        total = len(found.live.results())
        same = total - len(found.different)
        console.print(
            f"run again from the snapshot alone: {same} of {total} episodes equal, "
            "observation for observation",
            highlight=False,
            soft_wrap=True,
        )
        for difference in found.different[:5]:
            console.print(plain(str(difference)), soft_wrap=True)
        page = out / "report.html"
        write_report([found.live, found.replayed], page, title="MiniToolBench, live and replayed")
        console.print(plain(f"report: {page}"), soft_wrap=True)
        if found.different:
            raise typer.Exit(DIFFERS)
