"""Training data on the disk: tables in the trainers' forms, a card, and what was counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from toolenv import __version__
from toolenv.errors import FormatError
from toolenv.files import replacing
from toolenv.formats.dataset_cards import write_card
from toolenv.formats.row_columns import Columns
from toolenv.formats.row_files import RowFormat, row_path, write_rows, writing_rows
from toolenv.jsontext import JsonValue, render
from toolenv.preferences.collecting import PairCounts
from toolenv.preferences.leaks import LeakCheck
from toolenv.preferences.lengths import TokenLimit
from toolenv.preferences.pairs import Pair, Source
from toolenv.preferences.rows import PAIR_FORMS, PairForm

__all__ = ["REPORT", "Exported", "export_pairs", "export_rows"]

REPORT = "report.json"
"""What was counted, beside the tables."""


class Exported(NamedTuple):
    """What an export wrote.

    Args:
        folder: Where.
        rows: Rows by table.
        warnings: What a reader of the data should know.
        report: Everything that was counted.
    """

    folder: Path
    rows: Mapping[str, int]
    warnings: Sequence[str]
    report: dict[str, JsonValue]


def export_pairs(
    pairs: Iterable[Pair],
    folder: Path | str,
    counts: PairCounts,
    *,
    forms: Sequence[PairForm] = ("dpo",),
    format: RowFormat = "parquet",
    limit: TokenLimit | None = None,
    leaks: LeakCheck | None = None,
) -> Exported:
    """Write pairs as tables, streamed: memory does not grow with them.

    Args:
        pairs: The pairs; they are counted in ``counts`` as they are drawn.
        folder: Where; tables that are there are replaced.
        counts: What was counted, read when all pairs have passed.
        forms: Whose rows: a table for each.
        format: ``parquet``, ``jsonl`` or ``datasets``.
        limit: Rows with a conversation that does not fit are left out and counted.
        leaks: The check that sees the pairs.

    Raises:
        FormatError: There is no pair, or the folder cannot be written.
        ConfigurationError: What the format needs is not installed.
    """
    folder = Path(folder)
    rows: dict[str, int] = dict.fromkeys(forms, 0)
    with ExitStack() as tables:
        writers = {
            form: tables.enter_context(
                writing_rows(row_path(folder, form, format), PAIR_FORMS[form].columns, format)
            )
            for form in forms
        }
        for pair in pairs:
            for form, write in writers.items():
                for row, conversations in PAIR_FORMS[form].rows(pair):
                    if limit is not None and not all(
                        limit.fits(one, pair.functions) for one in conversations
                    ):
                        counts.dropped[f"longer than {limit.longest} tokens ({form})"] += 1
                        continue
                    write(row)
                    rows[form] += 1
        if not any(rows.values()):
            raise _nothing(counts, folder)
    leak = leaks.leak() if leaks is not None else None
    warnings = [leak.warning()] if leak is not None and leak.leaks else []
    report = counts.as_json()
    report["rows"] = {**rows}
    if leak is not None:
        report["position and length"] = {
            "accuracy": _number(leak.accuracy.value),
            "interval": [_number(leak.accuracy.low), _number(leak.accuracy.high)],
            "chosen is the later sibling": _number(leak.later),
            "chosen is longer": _number(leak.longer),
            "leaks": leak.leaks,
        }
    report["warnings"] = [*warnings]
    text = [
        "# Preference pairs",
        "",
        f"Made by toolenv {__version__}. Each row's `provenance` is JSON: the margin, and for "
        "either side the run, the agent, the policy, the seed, the numbers of the steps, what "
        "first produced the responses, and the fingerprints of what the episode depends on. What "
        "is said for one decision alone (a message that shows siblings) is in no prompt.",
        "",
        *(f"- `{form}`: {rows[form]} rows for `{PAIR_FORMS[form].trainer}`" for form in forms),
        "",
        "| source | reason | pairs |",
        "|---|---|---|",
        *(
            f"| {source} | {reason} | {count} |"
            for (source, reason), count in sorted(counts.pairs.items())
        ),
        "",
        *(f"Left out: {count} ({why})." for why, count in sorted(counts.dropped.items())),
        *(f"\n**Warning.** {warning}" for warning in warnings),
    ]
    _write_beside(folder, text, {form: PAIR_FORMS[form].columns for form in forms}, format, report)
    return Exported(folder, rows, warnings, report)


def export_rows(
    rows: Iterable[Mapping[str, object]],
    folder: Path | str,
    table: str,
    columns: Columns,
    *,
    format: RowFormat,
    text: Sequence[str],
    counts: Mapping[str, int],
) -> Exported:
    """Write one table with its card, streamed.

    Args:
        rows: The rows; ``counts`` may be filled while they are drawn.
        folder: Where.
        table: The table's name.
        columns: Its columns.
        format: ``parquet``, ``jsonl`` or ``datasets``.
        text: What the card says.
        counts: What was counted.

    Raises:
        FormatError: There is no row, or the folder cannot be written.
        ConfigurationError: What the format needs is not installed.
    """
    folder = Path(folder)

    def at_least_one() -> Iterator[Mapping[str, object]]:
        empty = True
        for row in rows:
            empty = False
            yield row
        if empty:
            raise FormatError(
                f"There is nothing to write: {_told(counts)}.",
                where=str(folder),
                fix="Explore more tasks, or more widely, so that some succeed.",
            )

    count = write_rows(at_least_one(), row_path(folder, table, format), columns, format)
    report: dict[str, JsonValue] = {**counts, "rows": {table: count}}
    _write_beside(folder, text, {table: columns}, format, report)
    return Exported(folder, {table: count}, [], report)


def _write_beside(
    folder: Path,
    text: Sequence[str],
    tables: Mapping[str, Columns],
    format: RowFormat,
    report: dict[str, JsonValue],
) -> None:
    write_card(folder, "\n".join(text), tables, format)
    with replacing(folder / REPORT) as new:
        new.write_text(f"{render(report)}\n", encoding="utf-8")


def _nothing(counts: PairCounts, folder: Path) -> FormatError:
    """Why there is no pair, and what to do."""
    if not counts.episodes:
        what, fix = "There is no finished episode.", "Run some: toolenv run --out RUN."
    elif not counts.branching and counts.episodes < 2:
        what = "The only episode does not branch."
        fix = "Explore with a tree search, such as --agent dfsdt."
    elif not counts.successes:
        what = f"None of {counts.episodes} episodes has a branch that succeeds."
        others = _further(counts, "errors", "repeats")
        fix = f"Add what needs no success ({others}), or use a better policy."
        if not others:
            fix = "Use a better policy, or give more episodes."
    elif not counts.branching:
        what = f"None of {counts.episodes} episodes branches."
        fix = "Explore with a tree search, such as --agent dfsdt."
        if _further(counts, "outcome"):
            fix = f"{fix[:-1]}, or use the source outcome."
    else:
        what = f"{counts.episodes} episodes give no pair with these sources and filters."
        others = _further(counts, "outcome", "errors", "repeats", "tp-llama")
        fix = f"Add sources ({others}), or loosen the filters." if others else "Loosen the filters."
    dropped = ", ".join(f"{n} {why}" for why, n in sorted(counts.dropped.items()))
    return FormatError(
        f"{what}{f' Left out: {dropped}.' if dropped else ''}", where=str(folder), fix=fix
    )


def _further(counts: PairCounts, *sources: Source) -> str:
    """Those of some sources that were not looked at."""
    return ", ".join(source for source in sources if source not in counts.sources)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items()) or "nothing was read"


def _number(value: float) -> JsonValue:
    return round(value, 4) if value == value else None
