from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolenv.apis import API
from toolenv.episodes import Status
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer
from toolenv.jsontext import render
from toolenv.snapshots import (
    Documentation,
    classify,
    export_lines,
    freeze,
    import_records,
    records_of,
)
from toolenv.snapshots.importing import SKETCH

SEARCH = API.model_validate(
    {
        "category": "Weather",
        "tool": "Weather",
        "name": "search",
        "parameters": [{"name": "City", "required": True}, {"name": "days", "type": "NUMBER"}],
    }
)


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{render(row)}\n" for row in rows), "utf-8")
    return path


def cache(folder: Path, file: dict[str, object]) -> Path:
    path = folder / "Weather/weather_for_Weather/search.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(file, indent=4))
    return folder


def test_answer_trees_bring_their_documentation(data: Path) -> None:
    folder = data / "toolbench/answer"
    report = ReadReport()
    records = list(import_records([folder], origin="live", report=report))
    episodes = [read_answer(path, origin="live") for path in sorted(folder.rglob("*.json"))]
    assert sorted(records) == sorted(one for episode in episodes for one in records_of(episode))
    assert report.found["answer tree"] == len(episodes)
    assert all(one.canonical for one in records)
    assert {one.response.origin for one in records} == {"live"}


def test_a_response_cache_is_of_unknown_origin_and_keeps_the_arguments_order(
    tmp_path: Path,
) -> None:
    entries: dict[str, object] = {
        "{'days': '3', 'city': 'Zürich', 'x': None, 'y': True}": {
            "error": "",
            "response": {"a": 1},
        },
        "{}": {"error": "no city", "response": ""},
    }
    one, other = import_records(
        [cache(tmp_path / "cache", entries)], documents=Documentation([SEARCH])
    )
    assert one.identity == SEARCH.identity
    assert one.arguments == '{"days":"3","city":"Zürich","x":null,"y":true}'
    assert one.response.origin == other.response.origin == "unknown"
    assert (one.response.recording, other.response.status) == (
        "cache/Weather/weather_for_Weather/search.json",
        Status.API_ERROR,
    )
    assert one.canonical and other.canonical


def test_minimal_rows(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "rows.jsonl",
        {"function": "f", "arguments": {"b": 1, "a": 2}, "response": {"x": 1}},
        {"tool": "Weather", "api": "search", "category": "Weather", "response": None},
        {
            "function": "f",
            "arguments": "not JSON",
            "text": "plain",
            "status": "NOT_FOUND",
            "origin": "simulated",
            "recorded_at": "2026-01-01T02:00:00+02:00",
        },
        {"function": "f", "error": "broken", "response": ""},
    )
    one, two, three, four = import_records([path], origin="live")
    assert (one.arguments, one.response.text) == (
        '{"b":1,"a":2}',
        '{"error":"","response":{"x":1}}',
    )
    assert (one.response.origin, one.response.recording) == ("live", "lines/rows.jsonl")
    assert two.identity == SEARCH.identity
    assert (three.response.status, three.response.origin) == (Status.NOT_FOUND, "simulated")
    assert three.recorded_at == "2026-01-01T00:00:00.000+00:00"
    assert four.response.status == Status.API_ERROR


BAD = {
    "names no API": {"response": 1},
    "no response": {"function": "f"},
    "Unknown status": {"function": "f", "text": "", "status": "FINE"},
    "no time": {"function": "f", "text": "", "recorded_at": "yesterday"},
    "Unknown origin": {"function": "f", "text": "", "origin": "dreamt"},
    "Unknown completeness": {"function": "f", "text": "", "completeness": []},
    "ordinal is no": {"function": "f", "text": "", "ordinal": -1},
    "Expected text": {"function": "f", "text": 3},
    "Expected an object": [],
    "version 2": {"version": 2, "function": "f"},
    "half a character": {"function": "\ud800", "text": ""},
}


@pytest.mark.parametrize("problem", BAD)
def test_a_bad_row_is_named_or_counted(tmp_path: Path, problem: str) -> None:
    path = lines(tmp_path / "rows.jsonl", {"function": "f", "text": "whole"}, BAD[problem])
    with pytest.raises(FormatError, match=problem) as refused:
        list(import_records([path]))
    assert refused.value.where.startswith("rows.jsonl:2")
    report = ReadReport()
    assert len(list(import_records([path], skip_bad=True, report=report))) == 1
    assert (report.read, len(report.skipped)) == (1, 1)


def test_a_record_of_ours_with_a_planted_field_is_refused(tmp_path: Path) -> None:
    (record,) = import_records([lines(tmp_path / "a.jsonl", {"function": "f", "text": "x"})])
    export_lines([record], tmp_path / "b.jsonl")
    ours = json.loads((tmp_path / "b.jsonl").read_text())
    for field, value in (("changes", "zz"), ("canonical_1", "ab"), ("text", 3), ("origin", "x")):
        path = lines(tmp_path / "c.jsonl", {**ours, field: value})
        with pytest.raises(FormatError):
            list(import_records([path]))


def test_a_file_cut_short_is_refused_or_counted(tmp_path: Path) -> None:
    folder = cache(tmp_path / "cache", {"{}": {"error": "", "response": 1}})
    (folder / "Weather/weather_for_Weather/other.json").write_text('{"{}": {"err')
    with pytest.raises(FormatError, match="not JSON"):
        list(import_records([folder]))
    report = ReadReport()
    assert len(list(import_records([folder], skip_bad=True, report=report))) == 1
    assert len(report.skipped) == 1


def test_a_sketch_is_no_answer(data: Path) -> None:
    folder = data / "toolbench/response_examples"
    report = ReadReport()
    assert list(import_records([folder], report=report)) == []
    assert report.found["sketch of a response, left out"] > 0
    kept = list(import_records([folder], sketches=True))
    assert {one.arguments for one in kept} == {SKETCH}
    assert {one.response.completeness for one in kept} == {"unparsable"}
    assert {one.canonical for one in kept} == {""}


def test_what_holds_no_responses_is_left_alone(data: Path, tmp_path: Path) -> None:
    for name in ("stabletoolbench/converted", "stabletoolbench/solvable_queries", "openapi"):
        with pytest.raises(FormatError, match="No recorded responses"):
            list(import_records([data / name]))
    with pytest.raises(FormatError, match="no such file"):
        list(import_records([tmp_path / "missing"]))


def test_a_snapshot_is_at_most_half_of_its_json(data: Path, tmp_path: Path) -> None:
    """Of the files it came from, and of the bare records as JSON Lines."""
    for name in ("toolbench/answer", "stabletoolbench/answers", "toolbench"):
        records = list(import_records([data / name], sketches=True))
        freeze(records, tmp_path / "a.snap")
        export_lines(records, tmp_path / "a.jsonl")
        size = (tmp_path / "a.snap").stat().st_size
        source = sum(path.stat().st_size for path in (data / name).rglob("*.json"))
        bare = (tmp_path / "a.jsonl").stat().st_size
        print(f"{name}: {size / source:.3f} of its files, {size / bare:.3f} of its JSON Lines")
        assert size <= source / 2 and size <= bare / 2


# --- success ------------------------------------------------------------------------------------


def told(body: object, status: Status = Status.OK, error: str = "") -> str:
    return classify(status, render({"error": error, "response": body}))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": "Endpoint does not exist"}, "error"),
        ("{'message': \"Endpoint '/x' does not exist\"}", "error"),
        ('{"status":"401","msg":"Authentication required"}', "error"),
        ({"statusCode": 404, "data": {}}, "error"),
        ({"status": 200, "data": {}}, "success"),
        ({"success": False, "data": []}, "error"),
        ({"success": True, "message": "done"}, "success"),
        ({"status": "success", "message": ["a.jpg"]}, "success"),
        ({"error": "", "data": [1]}, "success"),
        ({"error": None, "errors": []}, "success"),
        ({"errors": ["x"]}, "error"),
        ("<!DOCTYPE html><html>", "error"),
        ('"<html><head><title>Forbidden</title>"', "error"),
        ({"plot": "a terror of errors", "title": "Error"}, "success"),
        ({"code": 404, "name": "Vermont"}, "success"),
        ({"code": 404, "message": "gone"}, "error"),
        ([{"error": "x"}], "error"),
        ([{"error": "x"}, 1], "success"),
        ("Nothing but words about an error.", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
        (0, "success"),
    ],
)
def test_success_is_told_by_structure(body: object, expected: str) -> None:
    assert told(body) == expected


def test_success_is_told_by_status_and_envelope() -> None:
    assert told({"a": 1}, Status.NOT_FOUND) == told({"a": 1}, error="broken") == "error"
    assert told({"a": 1}, Status.API_ERROR) == "error"
    assert told({"a": 1}, Status.MISS) == told("", Status.SIMULATOR_FAILED) == "unknown"


def test_toolbenchs_message_error_is_the_letters_error_anywhere() -> None:
    film, words = {"plot": "a night of terror"}, "Message error..."
    assert told(film, Status.API_ERROR, words) == "success"
    assert told({"message": "no"}, Status.API_ERROR, words) == "error"
    assert told("words", Status.API_ERROR, words) == "error"


@pytest.mark.parametrize("cut", [40, 60, 90, 120])
def test_what_was_cut_is_told_by_what_stands_before(cut: int) -> None:
    body = str({"result": [{"title": 'It\'s a "film"', "id": n} for n in range(40)]})
    assert classify(Status.OK, render({"error": "", "response": body})[:cut] + "...") == "success"
    failure = str({"statusCode": 400, "error": "Bad Request", "trace": "x" * 900})
    assert classify(Status.OK, render({"error": "", "response": failure})[:200] + "...") == "error"


def test_the_published_trees(data: Path) -> None:
    """Looked through by eye: no error is a success; one success is an error page as JSON."""
    counts = {"success": 0, "error": 0, "unknown": 0}
    naive = 0
    for record in import_records([data / "toolbench/answer", data / "stabletoolbench/answers"]):
        response = record.response
        counts[classify(response.status, response.text)] += 1
        naive += not response.failed and not response.error
    assert counts == {"success": 90, "error": 85, "unknown": 14}
    assert naive == 135
