from __future__ import annotations

import builtins
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.snapshots.recordings_by_hand import SEARCH, numbered, record
from toolenv.apis import API, Identity
from toolenv.episodes import Status
from toolenv.errors import ConfigurationError, SnapshotError
from toolenv.formats import ReadReport, read_response_cache
from toolenv.snapshots import (
    Documentation,
    Recorded,
    documented,
    export_lines,
    export_parquet,
    export_stabletoolbench,
    freeze,
    import_records,
)

PLACE = Path("Weather/weather_for_Weather/search.json")
DOCUMENT = API.model_validate(
    {
        "category": "Weather",
        "tool": "weather",
        "name": "search",
        "parameters": [{"name": "city"}, {"name": "n", "type": "NUMBER"}],
    }
)
RECORDS = [
    *(documented(numbered(number), Documentation([DOCUMENT])) for number in range(30)),
    record('{"s":"\ud800","n":123456789012345678901234567890}', "\ud800 \u2028 and\nlines"),
    record("no JSON", "", status=Status.NOT_FOUND, completeness="truncated", at="2026"),
    record("{}", identity=Identity("alone"), changes="ab", origin="simulated", ordinal=2**40),
]


def test_json_lines_come_back_to_the_same_digest(tmp_path: Path) -> None:
    assert export_lines(RECORDS, tmp_path / "a.jsonl") == len(RECORDS)
    again = list(import_records([tmp_path / "a.jsonl"], origin="live"))
    first, second = freeze(RECORDS, tmp_path / "a.snap"), freeze(again, tmp_path / "b.snap")
    assert first.digest == second.digest
    assert (tmp_path / "a.snap").read_bytes() == (tmp_path / "b.snap").read_bytes()


def test_parquet_holds_every_column(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert export_parquet(RECORDS, tmp_path / "a.parquet") == len(RECORDS)
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    for row, one in zip(rows, RECORDS, strict=True):
        assert row["key"] == one.key.hex() and row["canonical"] == one.canonical
        assert (row["status"], row["ordinal"]) == (one.response.status, one.response.ordinal)
        assert row["function"] == one.identity.function
    assert rows[0]["text"] == RECORDS[0].response.text
    assert rows[30]["text"] == "\\ud800 \u2028 and\nlines"


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def missing(
        name: str,
        g: Mapping[str, object] | None = None,
        n: Mapping[str, object] | None = None,
        f: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, g, n, f, level)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigurationError, match=r"toolenv\[parquet\]"):
        export_parquet(RECORDS, tmp_path / "a.parquet")


def test_stabletoolbenchs_layout_is_read_by_its_rules(tmp_path: Path) -> None:
    records = [
        record('{"b": "x", "a": 3}', '{"error":"","response":{"z":1,"a":2}}', at="2026-01"),
        record('{"b": "x", "a": 3}', '{"error":"","response":"later"}', at="2026-02"),
        record("{}", '{"error":"cut", "respo', completeness="truncated"),
        record('{"c": null, "d": true}', '{"plain": 1}'),
    ]
    report = ReadReport()
    assert export_stabletoolbench(records, tmp_path / "cache", report=report) == 3
    written = (tmp_path / "cache" / PLACE).read_text()
    assert json.loads(written) == {
        "{}": {"error": "", "response": '{"error":"cut", "respo'},
        "{'c': None, 'd': True}": {"error": "", "response": {"plain": 1}},
        "{'b': 'x', 'a': 3}": {"error": "", "response": {"z": 1, "a": 2}},
    }
    assert report.found["later answer to a call, left out"] == 1
    entries = list(read_response_cache(tmp_path / "cache"))
    assert {one.api for one in entries} == {SEARCH}
    assert list(entries[2].arguments) == ["b", "a"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["Weather"]


def test_what_the_layout_cannot_hold_is_counted(tmp_path: Path) -> None:
    report = ReadReport()
    assert export_stabletoolbench(RECORDS[30:], tmp_path / "cache", report=report) == 1
    assert sum(report.found.values()) == 2
    nan = record('{"n": NaN}')
    assert export_stabletoolbench([nan], tmp_path / "cache", report=report) == 0
    assert report.found["call whose arguments have no Python text, left out"] == 1


def test_documents_name_what_a_tree_does_not(tmp_path: Path) -> None:
    alone = record("{}", identity=Identity(SEARCH.function))
    assert export_stabletoolbench([alone], tmp_path / "a") == 0
    documents = Documentation([DOCUMENT])
    assert export_stabletoolbench([alone], tmp_path / "a", documents=documents) == 1
    assert (tmp_path / "a" / PLACE).is_file()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", ".", "a/b", "a\0b", "x" * 500])
def test_names_never_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    hostile: list[Recorded] = [
        record("{}", identity=Identity("f", name, "tool", "api")),
        record("{}", identity=Identity("g", "Category", name, "api")),
        record("{}", identity=Identity("h", "Category", "tool", name)),
    ]
    folder = tmp_path / "inner" / "cache"
    written = export_stabletoolbench(hostile, folder)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == 3 and len(files) == 3
    assert all(len(path.relative_to(folder).parts) == 3 for path in files)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for export in (export_lines, export_stabletoolbench):
        with pytest.raises(SnapshotError, match="cannot be written"):
            export(RECORDS, tmp_path / "file" / "a")
