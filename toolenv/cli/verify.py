"""``toolenv verify``: does a run happen again, to the byte?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import CANNOT, DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.verification import Examination, Verification

__all__ = ["verify"]

_LISTED = 20


def verify(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Run only so many episodes again; 0: files and fingerprints."),
    ] = None,
    seed: Annotated[int, typer.Option(help="What the sample is drawn from.")] = 0,
    tasks: Annotated[
        str | None, typer.Option(help="Where the run's tasks are now, if elsewhere.")
    ] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="The run's simulators, if elsewhere now; repeatable.")
    ] = None,
    completions: Annotated[
        Path | None,
        typer.Option(help="The policies' completions, if elsewhere: a store or a snapshot."),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="The run's price table, if elsewhere now.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask servers again; they may answer otherwise.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run again though it would be another run.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Episodes in flight.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a run's files and fingerprints, run it again, and say what differs.

    Nothing is written. Exit code 0: all that was run again is equal to the byte; 1: something
    differs, or a file is damaged; 2: nothing could be run again.

    Examples:

      toolenv verify runs/first

      toolenv verify runs/first --sample 20

      toolenv verify runs/g1 --completions completions.snap --simulator snapshot:moved/stb.snap
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.errors import ConfigurationError
        from toolenv.running.verification import verify_run

        given: dict[str, Any] = {
            "tasks": tasks,
            "simulator": simulator or None,
            "completions": str(completions) if completions else None,
            "prices": str(prices) if prices else None,
        }
        if completions is not None and not completions.exists():
            raise ConfigurationError(
                "There is no such store or snapshot.", where=str(completions), fix="Check the path."
            )
        with counted("episodes run again", quiet=as_json) as report:
            found = verify_run(
                run,
                sample=sample,
                seed=seed,
                changes={name: value for name, value in given.items() if value is not None},
                live=live,
                force=force,
                concurrency=concurrency,
                examined=(lambda _: None) if as_json else _tell_before,
                report=report,
            )
        if as_json:
            print_json({**found.model_dump(mode="json"), "matches": found.matches})
        else:
            _tell(found)
        if not found.matches:
            raise typer.Exit(DIFFERS)
        if not found.replayed and found.examination.not_replayable and sample != 0:
            raise typer.Exit(CANNOT)


def _tell_before(found: Examination) -> None:
    unfinished = f", {found.unfinished} attempts unfinished" if found.unfinished else ""
    _say(f"{found.episodes} finished episodes{unfinished}")
    _say(f"files: {'; '.join(found.files) or 'whole'}")
    if found.versions:
        _say(f"versions: {'; '.join(found.versions)}")
    if found.changed:
        _say(f"changed: {'; '.join(found.changed)}")
    else:
        _say("tasks, environment, agents: unchanged")
    for note in found.notes:
        _say(f"note: {note}")
    for reason, count in found.not_replayable.items():
        _say(f"not run again: {count} episodes: {reason}")
    if found.changed and not found.chosen:
        _say("not run again: it would be another run; --force runs it all the same")


def _tell(found: Verification) -> None:
    for difference in found.differences[:_LISTED]:
        _say(f"  {difference}")
    if len(found.differences) > _LISTED:
        _say(f"  … and {len(found.differences) - _LISTED} more; --json prints all")
    if found.unpriced:
        _say(f"money: not compared in {found.unpriced} episodes; name the table with --prices")
    equal = found.replayed - found.different
    of = found.examination.episodes
    verdict = "matches" if found.matches else "does not match"
    if found.matches and not found.replayed:
        verdict = "nothing was run again"
    _say(f"{verdict}: {equal} of {found.replayed} episodes run again are equal, of {of} in the run")
    _say(f"run: {found.run}")


def _say(line: str) -> None:
    console.print(plain(line), soft_wrap=True)
