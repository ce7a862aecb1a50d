"""``toolenv demo``: the main job on the embedded world."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, INTERRUPTED, console, friendly_errors, plain, tell

if TYPE_CHECKING:
    from toolenv.running.demonstration import Demonstration
    from toolenv.running.folder import RunFolder

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("demo"),
    tasks_per_split: Annotated[
        int,
        typer.Option(
            min=0,
            max=200,
            help="Tasks of each of MiniToolBench-v1's six test splits that the trained policies "
            "attempt; 0 leaves them out.",
        ),
    ] = 10,
) -> None:
    """Run the main job on the embedded world: offline, without a key.

    Two agents over three policies (scripted, random, one that knows the solutions) attempt the
    embedded tasks, while what the APIs answer is recorded; the recording is frozen to a snapshot;
    everything is run again from the snapshot alone and compared. Then two small models, which come
    with the package and need torch, attempt tasks of the generated benchmark. Tables and a report
    page are left behind.

    Examples:

      toolenv demo

      toolenv demo --out shown --tasks-per-split 200
    """
    with friendly_errors():
        try:
            different = _demonstrate(out, tasks_per_split)
        except KeyboardInterrupt:
            tell(f"interrupted: what had finished is in {out}; the same command begins again")
            raise typer.Exit(INTERRUPTED) from None
        if different:
            raise typer.Exit(DIFFERS)


def _demonstrate(out: Path, tasks_per_split: int) -> bool:
    """Run everything, show it and say where the page is; whether the replay differed."""
    from toolenv.cli.progress import progress
    from toolenv.report.page import write_report
    from toolenv.running.demonstration import demonstrate

    with progress() as report:
        found = demonstrate(out, report=report)
    _show(found)
    runs = [found.live, found.replayed, *_trained(out / "trained", tasks_per_split)]
    page = out / "report.html"
    write_report(runs, page, title="MiniToolBench")
    _say(f"report: {page}")
    return bool(found.different)


def _show(found: Demonstration) -> None:
    from toolenv.report.terminal import results_table

    console.print(results_table(found.live.results()))
    _say(
        f"snapshot: {found.manifest.responses} responses to {found.manifest.calls} calls of "
        f"{found.manifest.apis} APIs, digest {found.manifest.digest}"
    )
    total = len(found.live.results())
    same = total - len(found.different)
    _say(
        f"run again from the snapshot alone: {same} of {total} episodes equal, "
        "observation for observation"
    )
    for difference in found.different[:5]:
        _say(str(difference))


def _trained(out: Path, tasks_per_split: int) -> list[RunFolder]:
    """The run of the trained policies, shown; none where it is left out, which is said."""
    from toolenv.cli.progress import progress
    from toolenv.cli.training_output import quiet_libraries
    from toolenv.errors import ConfigurationError
    from toolenv.mini.benchmark.trained import STAGES, trained_policy
    from toolenv.report.terminal import results_table
    from toolenv.running.demonstration import demonstrate_trained

    if not tasks_per_split:
        return []
    try:
        for stage in STAGES:
            trained_policy(stage)
    except ConfigurationError as error:
        _say(f"left out, the trained policies: {error}")
        return []
    with quiet_libraries(), progress() as report:
        run = demonstrate_trained(out, tasks_per_split, report=report)
    number = "1 task" if tasks_per_split == 1 else f"{tasks_per_split} tasks"
    _say(f"trained policies on MiniToolBench-v1, {number} of each of six test splits:")
    console.print(results_table(run.results()))
    return [run]


def _say(text: str) -> None:
    console.print(plain(text), highlight=False, soft_wrap=True)
