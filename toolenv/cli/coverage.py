"""``toolenv snapshot coverage`` and ``effect``: how far a snapshot answers, and how well a rung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolenv.apis import API
    from toolenv.jsontext import JsonValue
    from toolenv.running.coverage import Coverage, Covered
    from toolenv.simulators import Simulator
    from toolenv.simulators.masking import Agreement
    from toolenv.snapshots import Recordings
    from toolenv.tasks import Task

__all__ = ["coverage", "effect", "read_apis", "read_task_files"]

_Snapshot = Annotated[Path, typer.Argument(help="A snapshot file.")]
_Tasks = Annotated[
    list[str] | None, typer.Option(help="A task file, or module:function; repeatable.")
]
_Tools = Annotated[list[Path] | None, typer.Option(help="A folder of tools; repeatable.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def coverage(
    snapshot: _Snapshot,
    runs: Annotated[list[Path] | None, typer.Option(help="A run folder; repeatable.")] = None,
    answers: Annotated[
        list[Path] | None, typer.Option(help="Answer trees, or a folder of them; repeatable.")
    ] = None,
    tasks: _Tasks = None,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Let the nearest recorded call answer too.")
    ] = False,
    first: Annotated[int, typer.Option(min=0, help="APIs to record next that are named.")] = 10,
    as_json: _Json = False,
) -> None:
    """How many calls a snapshot answers for policies that did not record it.

    The calls of each policy's episodes are looked up with that policy's own recordings left out:
    those named as the policy or the run, or beginning with that name and a slash ('toolenv run
    --recording NAME'). Of answer trees, each is looked up without its own recording. Splits and
    documents come from the runs, or from --tasks.

    Example:

      toolenv snapshot coverage toolbench.snap --answers data/answer --tasks G1_query.json
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.running import coverage as covering
        from toolenv.running.folder import RunFolder
        from toolenv.simulators import NeighbourSimulator, RecordedSimulator, first_of
        from toolenv.snapshots import Snapshot

        if not runs and not answers:
            raise ConfigurationError(
                "Whose calls are looked up?", fix="Give --runs RUN or --answers PATH."
            )
        with Snapshot(snapshot) as recordings:

            def make(without: Sequence[str]) -> Simulator:
                exact = RecordedSimulator(recordings, order="first", without=without)
                if not neighbours:
                    return exact
                return first_of(exact, NeighbourSimulator(recordings, without=without))

            attempts = list(
                covering.run_attempts([RunFolder.open(run) for run in runs or ()], recordings)
            )
            attempts += covering.answer_attempts(answers) if answers else ()
            found = covering.coverage(recordings, attempts, make=make, tasks=read_task_files(tasks))
        if as_json:
            print_json(_as_json(found))
        else:
            _tell(found, first)


def effect(
    snapshot: _Snapshot,
    rung: Annotated[str, typer.Option(help="canonical or neighbour.")] = "neighbour",
    share: Annotated[float, typer.Option(help="Share of recorded calls that is hidden.")] = 0.2,
    seed: Annotated[int, typer.Option(help="What the choice derives from.")] = 0,
    max_distance: Annotated[float, typer.Option(help="Of a neighbour.")] = 0.5,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask for so many at most.")] = None,
    tasks: _Tasks = None,
    tools: _Tools = None,
    as_json: _Json = False,
) -> None:
    """What a rung answers where the truth is known: hide recorded calls, and compare.

    Example:

      toolenv snapshot effect toolbench.snap --rung neighbour --share 0.2 --seed 1
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.simulators import NeighbourSimulator, RecordedSimulator
        from toolenv.simulators.masking import measure_rung
        from toolenv.snapshots import Snapshot

        def make(recordings: Recordings) -> Simulator:
            match rung:
                case "canonical":
                    return RecordedSimulator(recordings, order="first", rungs=["canonical"])
                case "neighbour":
                    return NeighbourSimulator(recordings, max_distance=max_distance)
                case _:
                    raise ConfigurationError(
                        f"Unknown rung: {rung!r}.", fix="Use canonical or neighbour."
                    )

        with Snapshot(snapshot) as recordings:
            found = measure_rung(
                recordings,
                make,
                share=share,
                seed=seed,
                limit=limit,
                apis=read_apis(tasks, tools),
            )
        if as_json:
            print_json({"rung": rung, "share": share, "seed": seed, **found._asdict()})
        else:
            _tell_effect(rung, found)


def read_task_files(tasks: list[str] | None) -> list[Task]:
    """The tasks that options name.

    Raises:
        ToolenvError: They cannot be read.
    """
    from toolenv.env_settings import load_tasks

    return [task for place in tasks or () for task in load_tasks(place, None)]


def read_apis(tasks: list[str] | None, tools: list[Path] | None) -> list[API]:
    """The APIs that options document.

    Raises:
        ToolenvError: They cannot be read.
    """
    from toolenv.formats import read_tools

    apis = [api for task in read_task_files(tasks) for api in task.apis]
    return apis + [api for folder in tools or () for api in read_tools(folder, skip_bad=True)]


def _tell(found: Coverage, first: int) -> None:
    from rich.table import Table

    splits = sorted({split for _, split in found.rows})
    table = Table(box=None, caption=_COLUMNS, caption_justify="left")
    table.add_column("policy", overflow="fold")
    if len(splits) > 1:
        table.add_column("split", overflow="fold")
    for name in ("calls", "answered", "share", "errors", "equal"):
        table.add_column(name, justify="right", no_wrap=True)

    def add(policy: str, split: str, row: Covered) -> None:
        names = [plain(policy), plain(split or "–")] if len(splits) > 1 else [plain(policy)]
        table.add_row(*names, *_row(row))

    for (policy, split), row in found.rows.items():
        add(policy, split, row)
    table.add_section()
    if len(splits) > 1:
        for split in splits:
            add("all", split, found.total(split))
    add("all", "all", found.total())
    console.print(table)
    for split in [*(splits if len(splits) > 1 else ()), None]:
        _tell_answers("in all" if split is None else split or "no split", found.total(split))
    none = [policy for policy, names in found.left_out.items() if not names]
    if none:
        console.print(
            plain(f"no recording is named as made by {', '.join(none)}: all of them answer"),
            soft_wrap=True,
        )
    if found.missing:
        missed = sum(one.calls for one in found.missing)
        console.print(f"\n{missed} calls are missed. Record next, for the largest gain:")
        for one in found.missing[:first]:
            tasks = f"{one.tasks} task{'' if one.tasks == 1 else 's'}"
            console.print(plain(f"  {one.calls:>6}  {tasks:>9}  {_name(one.api)}"), soft_wrap=True)
        if len(found.missing) > first:
            console.print(f"  and {len(found.missing) - first} more APIs")


_COLUMNS = (
    "calls: those that reach an API, looked up without the policy's own recordings. share: with "
    "Wilson's 95 % interval. errors: answers that are errors. equal: answers with the text that "
    "was observed when the call was made."
)


def _row(row: Covered) -> tuple[str, ...]:
    low, high = row.interval
    rate = "–" if row.share is None else f"{row.share:.1%}  {low * 100:.1f}–{high * 100:.1f}"
    errors = row.success["error"]
    return str(row.asked), str(row.answered), rate, str(errors), str(row.equal)


def _tell_answers(where: str, row: Covered) -> None:
    parts = [
        f"by {name}: {', '.join(f'{key} {counts[key]}' for key in sorted(counts))}"
        for name, counts in (
            ("source", row.sources),
            ("origin", row.origins),
            ("success", row.success),
        )
    ]
    if row.answered:
        console.print(plain(f"answers {where}, {'; '.join(parts)}"), soft_wrap=True)


def _name(api: tuple[str, ...]) -> str:
    function, category, tool, _ = api
    about = " / ".join(part for part in (category, tool) if part)
    return f"{function} ({about})" if about else function


def _as_json(found: Coverage) -> dict[str, Any]:
    return {
        "rows": [
            {"policy": policy, "split": split, **_counts(row)}
            for (policy, split), row in found.rows.items()
        ],
        "splits": {
            split: _counts(found.total(split)) for split in sorted({s for _, s in found.rows})
        },
        "total": _counts(found.total()),
        "left_out": {policy: list(names) for policy, names in found.left_out.items()},
        "record_next": [
            {**one.api._asdict(), "calls": one.calls, "tasks": one.tasks} for one in found.missing
        ],
    }


def _counts(row: Covered) -> dict[str, JsonValue]:
    return {
        "calls": row.asked,
        "answered": row.answered,
        "share": row.share,
        "interval": list(row.interval),
        "equal": row.equal,
        "sources": dict(sorted(row.sources.items())),
        "origins": dict(sorted(row.origins.items())),
        "success": dict(sorted(row.success.items())),
    }


def _tell_effect(rung: str, found: Agreement) -> None:
    console.print(
        plain(f"{rung}: {_of(found.answered, found.hidden)} of the hidden calls answered"),
        soft_wrap=True,
    )
    console.print(f"  equal to the hidden response: {_of(found.equal, found.answered)}")
    console.print(f"  error or success, as it was:  {_of(found.same_success, found.answered)}")
    console.print(f"  keys in common, of {found.objects} pairs of objects: {found.key_overlap:.1%}")
    if found.left_out:
        console.print(f"  not asked for, because made after a change: {found.left_out}")


def _of(part: int, whole: int) -> str:
    from toolenv.judging.intervals import wilson

    if not whole:
        return "0 of 0"
    low, high = wilson(part, whole)
    return f"{part} of {whole}, {part / whole:.1%} ({low * 100:.1f}–{high * 100:.1f})"
