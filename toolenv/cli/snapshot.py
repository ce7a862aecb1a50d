"""``toolenv snapshot``: make, look into and check snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.snapshots import Manifest

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Recorded responses: freeze, import, look, verify.")

_Out = Annotated[Path, typer.Option(help="The snapshot file to write.")]
_Notes = Annotated[str, typer.Option(help="Whatever should be known of it: source, licence.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("freeze")
def freeze_store(
    store: Annotated[Path, typer.Argument(help="The folder of a live store.")],
    out: _Out,
    notes: _Notes = "",
    as_json: _Json = False,
) -> None:
    """Freeze a live store to an immutable file.

    Example:

      toolenv snapshot freeze live.store --out stb.snap --notes "recorded 2026-11"
    """
    with friendly_errors():
        from toolenv.errors import StoreError
        from toolenv.snapshots import Store, freeze

        if not store.is_dir():
            raise StoreError("There is no such folder.", where=str(store))
        with Store(store) as opened:
            _tell(freeze(opened.records(), out, notes=notes), out, as_json)


@app.command("import")
def import_answers(
    answers: Annotated[list[Path], typer.Argument(help="Answer trees, or folders of them.")],
    out: _Out,
    notes: _Notes = "",
    as_json: _Json = False,
) -> None:
    """Make a snapshot from the responses in ToolBench answer trees.

    Example:

      toolenv snapshot import data/answer --out toolbench.snap
    """
    with friendly_errors():
        from toolenv.running.reproduction import read_answers
        from toolenv.snapshots import freeze, records_of

        episodes = read_answers(answers)
        records = (record for episode in episodes for record in records_of(episode))
        _tell(freeze(records, out, notes=notes), out, as_json)


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


def _tell(manifest: Manifest, path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"snapshot": str(path), **manifest.model_dump(mode="json")})
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
