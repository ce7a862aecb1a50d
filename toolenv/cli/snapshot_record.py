"""``toolenv snapshot record``: record the answers to a list of calls."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, print_json

if TYPE_CHECKING:
    from toolenv.running.recording import RecordedCalls

__all__ = ["record"]


def record(
    calls: Annotated[
        list[Path], typer.Argument(help="Run folders, or JSON Lines of function and arguments.")
    ],
    simulator: Annotated[
        list[str], typer.Option(help="What is asked: local:module:name, …; several: in turn.")
    ],
    store: Annotated[Path, typer.Option(help="The folder of the live store; made where absent.")],
    recording: Annotated[str, typer.Option(help="The recording's name.")] = "calls",
    tools: Annotated[
        list[Path] | None, typer.Option(help="Tool folders that document the APIs; repeatable.")
    ] = None,
    tasks: Annotated[
        list[Path] | None, typer.Option(help="Task files that document the APIs; repeatable.")
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Record time-outs and rate limits too.")
    ] = False,
    allow_changes: Annotated[
        bool,
        typer.Option("--allow-changes", help="Make also calls that may change something there."),
    ] = False,
    power_loss_safe: Annotated[
        bool, typer.Option("--power-loss-safe", help="Wait for the disk at each answer.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a simulator for the answers that a store does not hold yet, and record them.

    Interrupted, it keeps what it has; called again, it goes on. Calls that may change something
    are left out unless --allow-changes is given; those that nothing documents count as such.

    Example:

      toolenv snapshot record runs/g1 --simulator local:my_tools:simulator --store live.store
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.formats import read_tasks, read_tools
        from toolenv.running.recording import apis_of, read_calls, record_calls
        from toolenv.simulators import open_simulator
        from toolenv.snapshots import Store

        with (
            closing(open_simulator(simulator)) as asked,
            Store(store, power_loss_safe=power_loss_safe) as opened,
            counted("calls", quiet=as_json) as report,
        ):
            apis = apis_of(asked)
            for folder in tools or ():
                apis.extend(read_tools(folder, skip_bad=True))
            for file in tasks or ():
                apis.extend(api for task in read_tasks(file, skip_bad=True) for api in task.apis)
            tally = record_calls(
                (call for path in calls for call in read_calls(path, apis)),
                asked,
                opened,
                recording=recording,
                failures=failures,
                allow_changes=allow_changes,
                concurrency=concurrency,
                report=report,
            )
        _tell(tally, store, as_json)
        if not tally.complete:
            raise typer.Exit(DIFFERS)


def _tell(tally: RecordedCalls, store: Path, as_json: bool) -> None:
    if as_json:
        print_json({"store": str(store), **tally.as_json()})
        return
    lines = [f"{tally.calls} calls: {tally.recorded} recorded, {tally.held} held before"]
    if tally.unanswered:
        lines.append(f"no simulator answered {tally.unanswered}")
    lines += [f"failed: {count} with {status}" for status, count in sorted(tally.failed.items())]
    lines += [f"  {count}x {error}" for error, count in tally.errors.most_common(3)]
    lines += [f"left out: {count} {_REASONS[why]}" for why, count in sorted(tally.left_out.items())]
    for line in (*lines, f"store: {store}"):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


_REASONS = {
    "may change": "that may change something; --allow-changes makes them",
    "undocumented": "that nothing documents, and so may change something; see --tools and --tasks",
    "after changes": "made after a change in their episode; 'toolenv run --record' records them",
}
