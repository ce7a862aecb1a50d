"""ToolBench's pass results: as JSON by query id, and as a tab-separated table.

The fields are kept as they are, so that what is read is written again as it was. Beside it the
table of StableToolBench's final answer correctness, which is separated by commas.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.formats.fields import json_object
from toolenv.formats.files import read_json, write_text
from toolenv.formats.tables import read_table, write_table
from toolenv.jsontext import JsonValue

__all__ = [
    "FAC_COLUMNS",
    "TOOLBENCH_PASS_COLUMNS",
    "ToolBenchPassResult",
    "read_fac_table",
    "read_toolbench_pass_results",
    "read_toolbench_pass_table",
    "write_fac_table",
    "write_toolbench_pass_results",
    "write_toolbench_pass_table",
]

TOOLBENCH_PASS_COLUMNS: Final = (
    "query",
    "solvable",
    "available_tools",
    "model_intermediate_steps",
    "model_final_step",
    "model",
    "query_id",
    "is_solved",
    "pass_rate_label",
    "reason",
    "not_hallucinate",
)
FAC_COLUMNS: Final = ("query", "final_answer", "evaluation", "prompt")


class ToolBenchPassResult(NamedTuple):
    """What ToolBench's judge said of one answer.

    Args:
        query_id: The task's id.
        passed: Rounds that passed.
        failed: Rounds that failed.
        about: Every other field, as written.
    """

    query_id: str
    passed: int
    failed: int
    about: dict[str, JsonValue]


def read_toolbench_pass_results(path: str | PathLike[str]) -> list[ToolBenchPassResult]:
    """Read ``<set>_<model>.json``.

    Raises:
        FormatError: The file or one of its entries is malformed.
    """
    path = Path(path)
    found: list[ToolBenchPassResult] = []
    for query_id, value in json_object(read_json(path), path.name).items():
        where = f"{path.name}[{query_id!r}]"
        raw = dict(json_object(value, where))
        counts = [raw.pop(name, None) for name in ("passed", "failed")]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise FormatError("Expected numbers of rounds in passed and failed.", where=where)
        passed, failed = (count if isinstance(count, int) else 0 for count in counts)
        found.append(ToolBenchPassResult(query_id, passed, failed, raw))
    return found


def write_toolbench_pass_results(
    results: Sequence[ToolBenchPassResult], path: str | PathLike[str]
) -> None:
    """Write the JSON form."""
    document = {
        one.query_id: {"passed": one.passed, "failed": one.failed, **one.about} for one in results
    }
    write_text(Path(path), json.dumps(document, indent=4))


def read_toolbench_pass_table(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read ``<set>_<model>.csv``: a row per query, by column.

    Raises:
        FormatError: The table is malformed, or lacks a column.
    """
    return [row for _, row in read_table(Path(path), TOOLBENCH_PASS_COLUMNS)]


def write_toolbench_pass_table(rows: Sequence[dict[str, str]], path: str | PathLike[str]) -> None:
    """Write the tab-separated form."""
    written = [[row[column] for column in TOOLBENCH_PASS_COLUMNS] for row in rows]
    write_table(Path(path), TOOLBENCH_PASS_COLUMNS, written)


def read_fac_table(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read the table of final answer correctness: a row per query, by column.

    Raises:
        FormatError: The table is malformed, or lacks a column.
    """
    return [row for _, row in read_table(Path(path), FAC_COLUMNS, ",")]


def write_fac_table(rows: Sequence[dict[str, str]], path: str | PathLike[str]) -> None:
    """Write the table of final answer correctness."""
    written = [[row[column] for column in FAC_COLUMNS] for row in rows]
    write_table(Path(path), FAC_COLUMNS, written, ",")
