"""Tables of rows: what is written is read again, in each format, by those who will read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.dataset_cards import CardTable, dataset_card, write_card
from toolenv.formats.row_columns import Columns
from toolenv.formats.row_files import RowFormat, row_path, write_rows, writing_rows

FORMATS: tuple[RowFormat, ...] = ("parquet", "jsonl", "datasets")
COLUMNS: Columns = {
    "id": "string",
    "seed": "int64",
    "reward": "float64",
    "passed": "bool",
    "messages": [{"role": "string", "content": "string", "tool_calls": ["json"]}],
    "tags": ["string"],
    "extra": "json",
}
NUMBERS: Columns = {"n": "int64"}
ROWS: list[dict[str, Any]] = [
    {
        "id": "1",
        "seed": 7,
        "reward": 0.1,
        "passed": True,
        "messages": [
            {"role": "user", "content": "Weather in Zürich?", "tool_calls": None},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"name": "weather", "arguments": {"city": "Zürich"}},
                    {"name": "sum", "arguments": {"city": 3, "of": [1, None, {"x": "y"}]}},
                ],
            },
        ],
        "tags": [],
        "extra": {"only": "here"},
    },
    {
        "id": "\u2028 line\nbreaks\x00",
        "seed": -(2**63),
        "reward": 1e300,
        "passed": None,
        "messages": [],
        "tags": ["a", None],
        "extra": [1, "two"],
    },
    dict.fromkeys(COLUMNS),
]


def read(path: Path, format: RowFormat) -> list[dict[str, Any]]:
    if format == "jsonl":
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    if format == "parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    import datasets

    return list(datasets.load_from_disk(str(path)))


def decoded(row: dict[str, Any]) -> dict[str, Any]:
    """JSON text of ``json`` columns as values, where the reader leaves it as text."""
    for message in row["messages"] or ():
        calls = message.get("tool_calls")
        message["tool_calls"] = calls and [
            json.loads(c) if isinstance(c, str) else c for c in calls
        ]
    if isinstance(row["extra"], str):
        row["extra"] = json.loads(row["extra"])
    return row


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, format: RowFormat) -> None:
    path = row_path(tmp_path, "rows", format)
    assert write_rows(ROWS, path, COLUMNS, format) == 3
    assert [decoded(row) for row in read(path, format)] == ROWS


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_table_has_its_columns(tmp_path: Path, format: RowFormat) -> None:
    path = row_path(tmp_path, "rows", format)
    assert write_rows([], path, COLUMNS, format) == 0
    assert read(path, format) == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_rows_are_the_same_bytes(tmp_path: Path, format: RowFormat) -> None:
    places = [row_path(tmp_path / name, "rows", format) for name in ("one", "other")]
    for path in places:
        write_rows(ROWS, path, COLUMNS, format)
        os.utime(path, (1, 1))
    one, other = (
        {
            file.relative_to(path): file.read_bytes()
            for file in [path, *path.rglob("*")]
            if file.is_file()
        }
        for path in places
    )
    assert one == other and one


@pytest.mark.parametrize("format", FORMATS)
def test_an_error_leaves_what_was_there(tmp_path: Path, format: RowFormat) -> None:
    path = row_path(tmp_path, "rows", format)
    write_rows(ROWS, path, COLUMNS, format)
    with pytest.raises(KeyError), writing_rows(path, COLUMNS, format) as write:
        write(ROWS[0])
        raise KeyError
    assert len(read(path, format)) == 3
    write_rows(ROWS[:1], path, COLUMNS, format)
    assert len(read(path, format)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name], "nothing else is left"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"idd": "1"}, "row: 'idd' is no column"),
        ({"id": 1}, "id: Is a int, not a string"),
        ({"seed": True}, "seed: Is a bool, not a int64"),
        ({"seed": 1 << 63}, "seed: 9223372036854775808 is no int64"),
        ({"tags": "a"}, "tags: Is a str, not a list"),
        ({"messages": [{"role": "user", "name": "x"}]}, r"messages\[\]: 'name' is no column"),
        ({"messages": ["hello"]}, r"messages\[\]: Is a str, not an object"),
    ],
    ids=str,
)
@pytest.mark.parametrize("format", FORMATS)
def test_a_row_that_does_not_fit_is_refused(
    tmp_path: Path, row: dict[str, Any], problem: str, format: RowFormat
) -> None:
    with pytest.raises(FormatError, match=problem):
        write_rows([row], row_path(tmp_path, "rows", format), COLUMNS, format)
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_text_of_any_kind_is_kept(texts: list[str]) -> None:
    from tempfile import TemporaryDirectory

    columns: Columns = {"text": "string", "json": "string"}
    rows = [{"text": text, "json": json.dumps(text)} for text in texts]
    with TemporaryDirectory() as place:
        for format in ("parquet", "jsonl"):
            path = row_path(Path(place), "rows", format)
            write_rows(rows, path, columns, format)
            found = read(path, format)
            assert [json.loads(row["json"]) for row in found] == texts
            if format == "jsonl":
                assert [row["text"] for row in found] == texts
            else:
                escaped = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
                assert [row["text"] for row in found] == escaped


@pytest.mark.parametrize("format", FORMATS)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, format: RowFormat) -> None:
    def peak(rows: int) -> int:
        pool = pa.default_memory_pool()
        tracemalloc.start()
        write_rows(
            ({"id": f"{number}" * 200} for number in range(rows)),
            row_path(tmp_path, f"rows{rows}", format),
            {"id": "string"},
            format,
        )
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert pool.bytes_allocated() < 1 << 20
        return found

    peak(10)  # what is imported
    assert peak(40_000) < 2 * peak(4_000) + (1 << 20)


@pytest.mark.parametrize("format", FORMATS)
def test_the_card_lets_load_dataset_read_each_table_by_name(
    tmp_path: Path, format: RowFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    out = tmp_path / "out"
    nothing_first = [{**ROWS[2]}, *ROWS]
    write_rows(nothing_first, row_path(out, "rows", format), COLUMNS, format)
    write_rows([{"n": 1}], row_path(out, "numbers", format), NUMBERS, format)
    tables = [
        CardTable(name, columns, {"train": row_path(Path(), name, format).as_posix()})
        for name, columns in {"rows": COLUMNS, "numbers": NUMBERS}.items()
    ]
    (out / "README.md").write_text(dataset_card("# Two tables", tables))
    found = datasets.load_dataset(str(out), "rows", split="train", cache_dir=str(tmp_path / "c"))
    assert [decoded(row) for row in found] == nothing_first
    default = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "c"))
    assert default.features == found.features
    numbers = datasets.load_dataset(str(out), "numbers", cache_dir=str(tmp_path / "c"))
    assert numbers["train"][0] == {"n": 1}


@pytest.mark.parametrize("format", FORMATS)
def test_rows_written_anew_are_not_taken_for_those_that_load_dataset_has_read(
    tmp_path: Path, format: RowFormat
) -> None:
    import datasets

    cards = []
    for folder, number in (("one/out", 1), ("other/out", 2), ("one/out", 3), ("one/out", 3)):
        out = tmp_path / folder
        write_rows([{"n": number}], row_path(out, "numbers", format), NUMBERS, format)
        write_card(out, "# Numbers", {"numbers": NUMBERS}, format)
        found = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path / "c"))
        assert list(found) == [{"n": number}]
        cards.append((out / "README.md").read_bytes())
    assert cards[-2] == cards[-1], "the same rows give the same card"


def test_an_unknown_format_and_a_folder_of_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="parquet, jsonl, datasets"):
        write_rows([], tmp_path / "x", COLUMNS, "csv")  # type: ignore[arg-type]
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(FormatError, match="something else than a saved dataset"):
        write_rows([], tmp_path, COLUMNS, "datasets")
    with pytest.raises(FormatError, match="Cannot be written"):
        write_rows([], tmp_path / "mine.txt" / "rows.jsonl", COLUMNS, "jsonl")


@pytest.mark.parametrize(("format", "extra"), [("parquet", "parquet"), ("datasets", "datasets")])
def test_what_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, format: str, extra: str
) -> None:
    code = f"""
import sys
sys.modules["pyarrow"] = sys.modules["datasets"] = None
from pathlib import Path
from toolenv.formats.row_files import write_rows
write_rows([], Path("rows.jsonl"), {{}}, "jsonl")
write_rows([], Path("rows"), {{}}, {format!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert f"pip install 'toolenv[{extra}]'" in done.stderr.splitlines()[-1]
    assert (tmp_path / "rows.jsonl").exists()
