"""ToolEval's results as StableToolBench writes them: pass rates and preferences.

Each comes twice, as JSON by query id and as a tab-separated table. The files are kept field for
field, so that what is read is written again as it was; ``is_solved`` is an object with text keys in
JSON, and the Python repr of a dictionary with integer keys in the table.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.errors import FormatError
from toolenv.formats.fields import json_object, text_field
from toolenv.formats.files import read_json, write_text
from toolenv.formats.tables import read_table, write_table
from toolenv.jsontext import JsonValue

__all__ = [
    "PassResult",
    "PreferenceResult",
    "read_pass_results",
    "read_pass_table",
    "read_preference_results",
    "read_preference_table",
    "write_pass_results",
    "write_pass_table",
    "write_preference_results",
    "write_preference_table",
]

_PASS_COLUMNS: Final = (
    "query",
    "available_tools",
    "model_intermediate_steps",
    "model_final_step",
    "model",
    "query_id",
    "is_solved",
)
_PREFERENCE_COLUMNS: Final = (
    "query",
    "available_tools",
    "ref_model_intermediate_steps",
    "ref_model_final_step",
    "output_model_intermediate_steps",
    "output_model_final_step",
    "preference_label",
    "query_id",
    "ref_model",
    "output_model",
)
_STATUS: Final = "AnswerStatus."


class PassResult(NamedTuple):
    """What the judge said of one answer.

    Args:
        query_id: The task's id.
        query: The user's request.
        tool_names: The functions offered.
        answer_steps: The steps as the judge saw them.
        final_step: The last of them.
        is_solved: Round to ``Solved``, ``Unsolved`` or ``Unsure``, in the order of completion.
        model: Who answered; in the table alone.
    """

    query_id: str
    query: str
    tool_names: tuple[str, ...]
    answer_steps: str
    final_step: str
    is_solved: dict[int, str]
    model: str = ""


class PreferenceResult(NamedTuple):
    """How often each of two models was preferred on one query.

    Args:
        query_id: The task's id.
        wins: Model to rounds won.
        rounds: Round to ``complete`` or ``incomplete``.
    """

    query_id: str
    wins: dict[str, int]
    rounds: dict[int, str]


def read_pass_results(path: str | PathLike[str]) -> list[PassResult]:
    """Read ``<set>_<model>.json`` of ``pass_rate_results``.

    Raises:
        FormatError: The file or one of its entries is malformed.
    """
    path = Path(path)
    results: list[PassResult] = []
    for query_id, value in json_object(read_json(path), path.name).items():
        where = f"{path.name}[{query_id!r}]"
        raw = json_object(value, where)
        solved = json_object(raw.get("is_solved"), f"{where}.is_solved")
        results.append(
            PassResult(
                query_id,
                text_field(raw, "query", where),
                _names(raw.get("tool_names"), f"{where}.tool_names"),
                text_field(raw, "answer_steps", where),
                text_field(raw, "final_step", where),
                _solved(solved, f"{where}.is_solved"),
            )
        )
    return results


def write_pass_results(results: Sequence[PassResult], path: str | PathLike[str]) -> None:
    """Write the JSON form; the model is in the file's name alone."""
    document = {
        result.query_id: {
            "query": result.query,
            "tool_names": list(result.tool_names),
            "answer_steps": result.answer_steps,
            "final_step": result.final_step,
            "is_solved": {str(n): _STATUS + word for n, word in result.is_solved.items()},
        }
        for result in results
    }
    _write_document(Path(path), document)


def read_pass_table(path: str | PathLike[str]) -> list[PassResult]:
    """Read ``<set>_<model>.csv`` of ``pass_rate_results``.

    Raises:
        FormatError: The file or one of its rows is malformed.
    """
    path = Path(path)
    results: list[PassResult] = []
    for where, row in read_table(path, _PASS_COLUMNS):
        solved = _literal(row["is_solved"], f"{where}.is_solved")
        if not isinstance(solved, dict):
            raise FormatError("Expected the repr of a dictionary.", where=f"{where}.is_solved")
        results.append(
            PassResult(
                row["query_id"],
                row["query"],
                _names(row["available_tools"], f"{where}.available_tools"),
                row["model_intermediate_steps"],
                row["model_final_step"],
                _solved(solved, f"{where}.is_solved"),
                row["model"],
            )
        )
    return results


def write_pass_table(results: Sequence[PassResult], path: str | PathLike[str]) -> None:
    """Write the tab-separated form."""
    rows = [
        (
            result.query,
            repr(list(result.tool_names)),
            result.answer_steps,
            result.final_step,
            result.model,
            result.query_id,
            repr({n: _STATUS + word for n, word in result.is_solved.items()}),
        )
        for result in results
    ]
    write_table(Path(path), _PASS_COLUMNS, rows)


def read_preference_results(path: str | PathLike[str]) -> list[PreferenceResult]:
    """Read ``<set>_<reference>_<candidate>.json`` of ``preference_results``.

    Raises:
        FormatError: The file or one of its entries is malformed.
    """
    path = Path(path)
    results: list[PreferenceResult] = []
    for query_id, value in json_object(read_json(path), path.name).items():
        where = f"{path.name}[{query_id!r}]"
        wins: dict[str, int] = {}
        rounds: dict[int, str] = {}
        for key, item in json_object(value, where).items():
            if isinstance(item, str) and key.removeprefix("round_").isdecimal():
                rounds[int(key.removeprefix("round_"))] = item
            elif isinstance(item, int) and not isinstance(item, bool):
                wins[key] = item
            else:
                raise FormatError(
                    "Expected a number of wins, or a round's state.", where=f"{where}.{key}"
                )
        results.append(PreferenceResult(query_id, wins, rounds))
    return results


def write_preference_results(
    results: Sequence[PreferenceResult], path: str | PathLike[str]
) -> None:
    """Write the JSON form."""
    document = {
        result.query_id: {
            **result.wins,
            **{f"round_{number}": state for number, state in result.rounds.items()},
        }
        for result in results
    }
    _write_document(Path(path), document)


def read_preference_table(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read ``<set>_<reference>_<candidate>.csv``: one row per query and round, by column.

    ``preference_label`` is ``1`` for the reference, ``2`` for the candidate, ``3`` for a tie.

    Raises:
        FormatError: The file lacks a column.
    """
    return [row for _, row in read_table(Path(path), _PREFERENCE_COLUMNS)]


def write_preference_table(rows: Sequence[Mapping[str, str]], path: str | PathLike[str]) -> None:
    """Write the tab-separated form."""
    write_table(
        Path(path),
        _PREFERENCE_COLUMNS,
        [[row[column] for column in _PREFERENCE_COLUMNS] for row in rows],
    )


def _solved(value: Mapping[object, object] | Mapping[str, JsonValue], where: str) -> dict[int, str]:
    solved: dict[int, str] = {}
    for key, word in value.items():
        if not str(key).isdecimal() or not isinstance(word, str):
            raise FormatError("Expected round numbers and words.", where=where)
        solved[int(str(key))] = word.removeprefix(_STATUS)
    return solved


def _names(value: JsonValue, where: str) -> tuple[str, ...]:
    """Function names: a list, or the repr of one."""
    names = _literal(value, where) if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError("Expected a list of function names.", where=where)
    return tuple(names)


def _literal(text: str, where: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise FormatError("Expected the repr of a Python value.", where=where) from None


def _write_document(path: Path, document: object) -> None:
    write_text(path, json.dumps(document, indent=4))
