"""``toolenv tables``: do the averages of published tables follow from their rows?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.figures import new_table
from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.jsontext import JsonValue
    from toolenv.judging.published_tables import PublishedTable, TableLeniency, WrongAverage

__all__ = ["tables"]


def tables(
    table: Annotated[Path, typer.Argument(help="A CSV file: names, figures, and their average.")],
    people: Annotated[
        Path | None, typer.Option(help="The same table as people judge: how kind the judge is.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recompute a published table's averages, and name those that do not follow from their rows.

    Rounding is allowed for, by the decimals that are printed. Exit code 1 where an average does not
    follow.

    Examples:

      toolenv tables pass-rates.csv

      toolenv tables judged.csv --people people.csv
    """
    with friendly_errors():
        from toolenv.judging.published_tables import read_table, wrong_averages

        published = read_table(table)
        wrong = wrong_averages(published.rows)
        leniency = _leniency(published, read_table(people), people) if people is not None else None
        if as_json:
            print_json(_as_json(published, wrong, leniency))
        else:
            _tell(published, wrong)
            if leniency is not None:
                _tell_leniency(leniency)
    if wrong:
        raise typer.Exit(DIFFERS)


def _leniency(judge: PublishedTable, people: PublishedTable, where: Path) -> TableLeniency:
    from toolenv.errors import FormatError
    from toolenv.judging.published_tables import table_leniency

    try:
        if judge.columns != people.columns:
            raise ValueError(f"the columns are {', '.join(people.columns)}")
        return table_leniency(judge.cells, people.cells, judge.columns)
    except ValueError as error:
        raise FormatError(
            f"The two tables are not of the same rows and columns: {error}.",
            where=str(where),
            fix="Give both the same header and the same names of rows.",
        ) from error


def _tell(published: PublishedTable, wrong: list[WrongAverage]) -> None:
    named = {one.name: one for one in wrong}
    shown = new_table("", "printed", "mean of the row", "")
    for row in published.rows:
        mean = f"{row.mean:.3f}"
        shown.add_row(row.name, row.average, mean, "does not follow" if row.name in named else "")
    console.print(shown)
    printed = sum(bool(row.average) for row in published.rows)
    said = f"{len(wrong)} of {printed} printed averages do not follow from their rows"
    console.print(plain(said), soft_wrap=True, highlight=False)


def _tell_leniency(found: TableLeniency) -> None:
    shown = new_table("judge less people, points", "mean")
    for name, value in (*found.by_split.items(), *found.by_row.items(), ("all", found.overall)):
        shown.add_row(name, f"{value:+.1f}")
    console.print(shown)
    said = f"cells are {found.apart:.1f} points apart, at most {found.farthest:.1f}"
    console.print(plain(said), soft_wrap=True, highlight=False)


def _as_json(
    published: PublishedTable, wrong: list[WrongAverage], leniency: TableLeniency | None
) -> JsonValue:
    return {
        "rows": [
            {"name": row.name, "printed": row.average, "mean": str(row.mean.normalize())}
            for row in published.rows
        ],
        "wrong": [one.name for one in wrong],
        "leniency": None
        if leniency is None
        else {
            "by_split": {**leniency.by_split},
            "by_row": {**leniency.by_row},
            "overall": leniency.overall,
            "apart": leniency.apart,
            "farthest": leniency.farthest,
        },
    }
