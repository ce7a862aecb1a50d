"""``toolenv replay``: recorded trees again, from a snapshot of what they recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolenv.formats import ReadReport
    from toolenv.jsontext import JsonValue
    from toolenv.running.reproduction import Difference, Replayed, Reproduction

__all__ = ["replay"]


def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="Answer trees, instruction files, converted answers.")
    ],
    out: Annotated[Path, typer.Option(help="The snapshot file to write.")] = Path("replay.snap"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay recorded decision trees and say what differs.

    Builds a snapshot from all answer trees at and below the paths; takes every decision of every
    tree again through the environment, three times: each tree from its own recording (nothing may
    differ: else the exit code is 1), from the first answer served for a call in any recording, and
    with the tree itself left out. Instruction files and converted answers found on the way are
    loaded, and what is malformed or cut in them is counted.

    Example:

      toolenv replay data/answer data/instruction --out toolbench.snap
    """
    with friendly_errors():
        from toolenv.running.reproduction import reproduce

        found = reproduce(paths, out)
        if as_json:
            print_json(_as_json(found, out))
        else:
            _tell(found)
            console.print(plain(f"\nsnapshot: {out}"), soft_wrap=True)
        if any(one.differences for one in found.own):
            raise typer.Exit(DIFFERS)


_COLUMNS = (
    "steps: decisions taken again. own: calls that observe what was recorded, answered from the "
    "tree's own recording. Finish: the same for Finish. first: answered by the first recording "
    "that knows the call. others: calls that the other trees answer, alike or not, of those that "
    "reach an API. misses: the rest, each observed as a typed error."
)


def _tell(found: Reproduction) -> None:
    from rich.table import Table

    table = Table(box=None, caption=_COLUMNS, caption_justify="left")
    table.add_column("recorded tree", overflow="fold")
    for column in ("steps", "own", "Finish", "first", "others", "misses"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = list(zip(found.own, found.first, found.left_out, strict=True))
    for own, first, others in rows:
        table.add_row(plain(own.recording), *_row([own], [first], [others]))
    table.add_section()
    table.add_row("all", *_row(found.own, found.first, found.left_out))
    console.print(table)
    differences = [one for replayed in found.first for one in replayed.differences]
    console.print(
        f"\n[bold]{len(differences)} calls observe something else when the first answer in any "
        "recording is served[/]"
    )
    for one in differences:
        console.print(plain(f"  {one.recording} step {one.step}: {_one_line(one)}"), soft_wrap=True)
    for title, report in (
        ("instructions", found.instructions),
        ("converted answers", found.converted),
    ):
        console.print(f"\n[bold]{title}[/]")
        console.print(plain(str(report)), soft_wrap=True)


def _row(
    own: Sequence[Replayed], first: Sequence[Replayed], others: Sequence[Replayed]
) -> tuple[str, ...]:
    def total(replays: Sequence[Replayed], field: str) -> int:
        return sum(getattr(one, field) for one in replays)

    reached = total(others, "calls") - total(others, "unknown")
    misses = sum(difference.is_miss for one in others for difference in one.differences)
    return (
        str(total(own, "steps")),
        f"{total(own, 'equal')}/{total(own, 'calls')}",
        f"{total(own, 'equal_finishes')}/{total(own, 'finishes')}",
        f"{total(first, 'equal')}/{total(first, 'calls')}",
        f"{total(others, 'answered')}/{reached}",
        str(misses),
    )


def _one_line(difference: Difference) -> str:
    observed = difference.observed.text if difference.observed else "nothing"
    arguments = " ".join(difference.call.text.split())
    return (
        f"{difference.call.function}({arguments[:60]}) recorded {difference.recorded.text[:50]!r}, "
        f"observed {observed[:50]!r}"
    )


def _as_json(found: Reproduction, out: Path) -> dict[str, JsonValue]:
    def rows(replays: Sequence[Replayed]) -> list[JsonValue]:
        return [
            {
                **{name: getattr(one, name) for name in one._fields[:-1]},
                "differences": [
                    {"step": each.step, "function": each.call.function, "text": each.call.text}
                    for each in one.differences
                ],
            }
            for one in replays
        ]

    def counts(report: ReadReport) -> JsonValue:
        return {
            "read": report.read,
            "skipped": len(report.skipped),
            "found": dict(report.found),
        }

    return {
        "snapshot": str(out),
        "digest": found.manifest.digest,
        "own": rows(found.own),
        "first": rows(found.first),
        "left_out": rows(found.left_out),
        "instructions": counts(found.instructions),
        "converted": counts(found.converted),
    }
