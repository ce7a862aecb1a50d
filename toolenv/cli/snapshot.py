"""``toolenv snapshot``: make, look into and check snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from toolenv.cli.coverage import coverage, effect
from toolenv.cli.drift import drift, probe
from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json
from toolenv.cli.snapshot_record import record

if TYPE_CHECKING:
    from toolenv.episodes import Origin
    from toolenv.formats import ReadReport
    from toolenv.jsontext import JsonValue
    from toolenv.snapshots import CallDifference, Comparison, Documentation, Manifest

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Recorded responses: freeze, import, look, verify, merge, compare, export.",
)

app.command("record")(record)
app.command("coverage")(coverage)
app.command("effect")(effect)
app.command("probe")(probe)
app.command("drift")(drift)

_Out = Annotated[Path, typer.Option(help="The snapshot file to write.")]
_Notes = Annotated[str, typer.Option(help="Whatever should be known of it.")]
_Licence = Annotated[str, typer.Option(help="The licence of the responses.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Tools = Annotated[
    list[Path] | None,
    typer.Option(help="Tool folders that document the APIs, for canonical keys; repeatable."),
]
_Tasks = Annotated[
    list[Path] | None, typer.Option(help="Task files that document the APIs; repeatable.")
]


@app.command("freeze")
def freeze_store(
    store: Annotated[Path, typer.Argument(help="The folder of a live store.")],
    out: _Out,
    notes: _Notes = "",
    licence: _Licence = "",
    tools: _Tools = None,
    tasks: _Tasks = None,
    as_json: _Json = False,
) -> None:
    """Freeze a live store to an immutable file.

    Responses keep the canonical keys that they were recorded with; --tools and --tasks add those
    that were recorded without documentation.

    Example:

      toolenv snapshot freeze live.store --out stb.snap --licence Apache-2.0
    """
    with friendly_errors():
        from toolenv.errors import StoreError
        from toolenv.snapshots import Store, documented, freeze

        if not store.is_dir():
            raise StoreError("There is no such folder.", where=str(store), fix="Check the path.")
        known = _documents(tools, tasks)
        with Store(store) as opened:
            records = opened.records()
            if known is not None:
                records = (one if one.canonical else documented(one, known) for one in records)
            digest = known.digest if known is not None else ""
            manifest = freeze(records, out, notes=notes, licence=licence, documents=digest)
            _tell(manifest, out, as_json)


@app.command("import")
def import_files(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders of recorded responses.")],
    out: _Out,
    origin: Annotated[
        str, typer.Option(help="What made responses that do not say: live, simulated, local.")
    ] = "unknown",
    tools: _Tools = None,
    tasks: _Tasks = None,
    sketches: Annotated[
        bool, typer.Option("--sketches", help="Keep the sketches of response_examples too.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what is malformed, and count it.")
    ] = False,
    notes: _Notes = "",
    licence: _Licence = "",
    as_json: _Json = False,
) -> None:
    """Make a snapshot from what others have recorded.

    Reads ToolBench's and StableToolBench's answer trees, a tool_response_cache, and JSON Lines,
    and recognises each by what it holds.

    Example:

      toolenv snapshot import data/answer --origin live --out toolbench.snap

      toolenv snapshot import tool_response_cache --tools tools --out stb.snap
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats import ReadReport
        from toolenv.snapshots import freeze, import_records

        if origin not in ("live", "simulated", "local", "unknown"):
            raise ConfigurationError(
                f"Unknown origin: {origin!r}.", fix="Use live, simulated, local or unknown."
            )
        report = ReadReport()
        known = _documents(tools, tasks)
        records = import_records(
            paths,
            origin=cast("Origin", origin),
            documents=known,
            sketches=sketches,
            skip_bad=skip_bad,
            report=report,
        )
        digest = known.digest if known is not None else ""
        manifest = freeze(records, out, notes=notes, licence=licence, documents=digest)
        if not as_json:
            console.print(plain(str(report)), soft_wrap=True)
        _tell(manifest, out, as_json, read=_as_json(report))


@app.command("merge")
def merge_snapshots(
    inputs: Annotated[list[Path], typer.Argument(help="Snapshots, and folders of stores.")],
    out: _Out,
    notes: _Notes = "",
    licence: _Licence = "",
    as_json: _Json = False,
) -> None:
    """Make one snapshot of several; every answer is kept, and the order makes no difference.

    Example:

      toolenv snapshot merge a.snap b.snap --out both.snap
    """
    with friendly_errors():
        from toolenv.snapshots import merge

        _tell(merge(inputs, out, notes=notes, licence=licence), out, as_json)


@app.command("diff")
def diff_snapshots(
    a: Annotated[Path, typer.Argument(help="A snapshot file.")],
    b: Annotated[Path, typer.Argument(help="Another.")],
    limit: Annotated[int, typer.Option(min=0, help="Print so many differences at most.")] = 20,
    as_json: _Json = False,
) -> None:
    """Compare two snapshots call by call; exit code 1 where they differ.

    Example:

      toolenv snapshot diff spring.snap autumn.snap --limit 5
    """
    with friendly_errors():
        from toolenv.snapshots import Comparison, Snapshot, diff

        found = Comparison()
        shown: list[CallDifference] = []
        with Snapshot(a) as one, Snapshot(b) as other:
            for difference in diff(one, other, found):
                if len(shown) < limit:
                    shown.append(difference)
        if as_json:
            print_json(
                {
                    "equal": found.equal,
                    **{str(kind): count for kind, count in found.counts.items()},
                    "apis": dict(sorted(found.apis.items())),
                    "apis_only_a": [list(one) for one in found.only_a],
                    "apis_only_b": [list(one) for one in found.only_b],
                    "differences": [
                        {**one._asdict(), "identity": list(one.identity)} for one in shown
                    ],
                }
            )
        else:
            _tell_differences(found, shown)
        if found.different:
            raise typer.Exit(DIFFERS)


@app.command("export")
def export(
    snapshot: Annotated[Path, typer.Argument(help="A snapshot file.")],
    out: Annotated[Path, typer.Option(help="The file to write; a folder for stabletoolbench.")],
    form: Annotated[
        str, typer.Option("--format", help="jsonl, parquet or stabletoolbench.")
    ] = "jsonl",
    tools: _Tools = None,
    tasks: _Tasks = None,
) -> None:
    """Write a snapshot's records in another format.

    JSON Lines is imported again to the same digest. StableToolBench's layout holds what has a
    category, a tool and an API, which --tools and --tasks add; what it cannot hold is counted.

    Example:

      toolenv snapshot export stb.snap --format stabletoolbench --out tool_response_cache
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats import ReadReport
        from toolenv.snapshots import (
            Snapshot,
            export_lines,
            export_parquet,
            export_stabletoolbench,
        )

        report = ReadReport()
        with Snapshot(snapshot) as opened:
            records = opened.records()
            match form:
                case "jsonl":
                    count = export_lines(records, out)
                case "parquet":
                    count = export_parquet(records, out)
                case "stabletoolbench":
                    known = _documents(tools, tasks)
                    count = export_stabletoolbench(records, out, documents=known, report=report)
                case _:
                    raise ConfigurationError(
                        f"Unknown format: {form!r}.", fix="Use jsonl, parquet or stabletoolbench."
                    )
        for kind, number in sorted(report.found.items()):
            console.print(plain(f"{kind}: {number} (first: {report.first[kind]})"), soft_wrap=True)
        console.print(plain(f"{count} responses: {out}"), soft_wrap=True)


@app.command("info")
def info(
    snapshot: Annotated[Path, typer.Argument(help="A snapshot file.")], as_json: _Json = False
) -> None:
    """Print a snapshot's manifest."""
    with friendly_errors():
        from toolenv.snapshots import Snapshot

        with Snapshot(snapshot) as opened:
            _tell(opened.manifest, snapshot, as_json)


@app.command("verify")
def verify(snapshot: Annotated[Path, typer.Argument(help="A snapshot file.")]) -> None:
    """Recompute a snapshot's digest; exit code 1 where it was damaged or altered."""
    with friendly_errors():
        from toolenv.errors import SnapshotError
        from toolenv.snapshots import Snapshot

        with Snapshot(snapshot) as opened:
            try:
                opened.verify()
            except SnapshotError as error:
                console.print(plain(f"damaged: {error}"), soft_wrap=True)
                raise typer.Exit(DIFFERS) from None
            console.print(
                f"whole: {opened.manifest.responses} responses, digest {opened.manifest.digest}",
                highlight=False,
            )


def _documents(tools: list[Path] | None, tasks: list[Path] | None) -> Documentation | None:
    """What the options document; None where they are not given."""
    if not tools and not tasks:
        return None
    from toolenv.formats import read_tasks, read_tools
    from toolenv.snapshots import Documentation

    apis = [api for folder in tools or () for api in read_tools(folder, skip_bad=True)]
    for file in tasks or ():
        apis.extend(api for task in read_tasks(file, skip_bad=True) for api in task.apis)
    return Documentation(apis)


def _as_json(report: ReadReport) -> dict[str, JsonValue]:
    return {
        "read": report.read,
        "skipped": [{"where": one.where, "why": one.why} for one in report.skipped],
        "found": dict(sorted(report.found.items())),
    }


def _tell(manifest: Manifest, path: Path, as_json: bool, **more: JsonValue) -> None:
    if as_json:
        print_json({"snapshot": str(path), **manifest.model_dump(mode="json"), **more})
        return
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for name, value in manifest.model_dump().items():
        if isinstance(value, dict) and len(value) > 8:
            value = f"{len(value)}"
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        table.add_row(name.replace("_", " "), plain(str(value)))
    console.print(table)
    console.print(plain(f"snapshot: {path}"), soft_wrap=True)


def _tell_differences(found: Comparison, shown: list[CallDifference]) -> None:
    for one in shown:
        about = f"{one.identity.function} {' '.join(one.arguments.split())[:_SHOWN]}"
        console.print(plain(f"{one.kind.replace('_', ' ')}: {about}"), soft_wrap=True)
        if one.kind == "answered_differently":
            start = max(one.at - _BEFORE, 0)
            for name, text in (("a", one.a), ("b", one.b)):
                part = "no such answer" if text is None else repr(text[start : start + _SHOWN])
                answer = f"  {name}, answer {one.answer + 1}, from character {start}: {part}"
                console.print(plain(answer), soft_wrap=True)
    for side, apis in (("a", found.only_a), ("b", found.only_b)):
        if apis:
            names = ", ".join(one.function for one in apis[:_NAMED])
            more = f" and {len(apis) - _NAMED} more" if len(apis) > _NAMED else ""
            console.print(plain(f"APIs only in {side}: {names}{more}"), soft_wrap=True)
    counts = ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in found.counts.items())
    console.print(plain(f"calls: {found.equal} equal, {counts}"), soft_wrap=True)


_SHOWN, _BEFORE, _NAMED = 100, 20, 8
