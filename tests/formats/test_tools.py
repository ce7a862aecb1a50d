"""Tool folders: read, written without ever leaving the folder, joined to tasks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.apis import API, Parameter
from toolenv.errors import FormatError
from toolenv.formats import (
    ReadReport,
    complete_tasks,
    read_instructions,
    read_response_examples,
    read_tools,
    safe_category,
    safe_stem,
    write_tools,
)

TOOL: dict[str, Any] = {
    "tool_name": "SEO API",
    "tool_description": "Ranks.",
    "title": "SEO",
    "api_list": [
        {
            "name": "Search",
            "url": "https://example.org/search",
            "description": "Searches.",
            "method": "GET",
            "required_parameters": [
                {"name": "q", "type": "STRING", "description": "", "default": ""}
            ],
            "optional_parameters": [],
            "statuscode": 200,
        },
        {"name": "News", "description": "", "required_parameters": [], "optional_parameters": []},
    ],
}


def save(folder: Path, tool: object, place: str = "Data/seo_api.json") -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tool), encoding="utf-8")
    return path


def test_a_folder_is_read_and_written_with_its_unknown_keys(tmp_path: Path) -> None:
    save(tmp_path / "tools", TOOL)
    apis = read_tools(tmp_path / "tools")
    assert [(a.category, a.tool, a.name, a.tool_description) for a in apis] == [
        ("Data", "SEO API", "Search", "Ranks."),
        ("Data", "SEO API", "News", "Ranks."),
    ]
    assert apis[0].unknown["url"] == "https://example.org/search"
    (written,) = write_tools(apis, tmp_path / "copy")
    assert json.loads(written.read_text()) == TOOL
    assert read_tools(tmp_path / "copy") == apis


def test_a_null_description_is_read_and_stays_null(tmp_path: Path) -> None:
    save(tmp_path / "tools", {**TOOL, "tool_description": None})
    report = ReadReport()
    apis = read_tools(tmp_path / "tools", report=report)
    assert apis[0].tool_description == ""
    assert report.found["tool without a description"] == 1
    (written,) = write_tools(apis, tmp_path / "copy")
    assert json.loads(written.read_text())["tool_description"] is None


def test_tools_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    apis = [
        API(category="Data", tool="Weather", name="now"),
        API(category="Travel", tool="Weather", name="now"),
        API(category="Data", tool="weather!", name="then"),
    ]
    files = write_tools(apis, tmp_path)
    assert len(set(files)) == 3
    read = read_tools(tmp_path)
    assert {(a.category, a.tool, a.name) for a in read} == {
        (a.category, a.tool, a.name) for a in apis
    }


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        ["../../x", "/etc/passwd", "..", ".", "", "C:\\x", "a/../../b", "\0", "con", "🎵"]
    ),
)


@given(HOSTILE)
def test_no_name_becomes_a_path(name: str) -> None:
    for part in (safe_stem(name), safe_category(name)):
        assert part not in ("", ".", "..")
        assert not set(part) & set("/\\:\0")
        assert len(part) <= 120


@pytest.mark.parametrize("name", ["../../x", "/x", "..", "a/../../../b"])
def test_a_tool_named_like_a_path_stays_in_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "tools"
    write_tools([API(category=name, tool=name, name=name)], folder)
    outside = [p for p in tmp_path.rglob("*.json") if not p.is_relative_to(folder)]
    assert outside == []
    assert [api.tool for api in read_tools(folder)] == [name]


def test_bad_files_and_apis_are_named_and_skipped(tmp_path: Path) -> None:
    save(tmp_path, TOOL)
    save(tmp_path, {**TOOL, "tool_name": 3}, "Data/number.json")
    (tmp_path / "Data" / "torn.json").write_text('{"api_list": [')
    save(tmp_path, {**TOOL, "api_list": [{"name": " "}]}, "News/blank.json")
    with pytest.raises(FormatError, match=r"Data/number\.json\.tool_name"):
        read_tools(tmp_path)
    report = ReadReport()
    assert len(read_tools(tmp_path, skip_bad=True, report=report)) == report.read == 2
    assert len(report.skipped) == 3
    with pytest.raises(FormatError, match="no such folder"):
        read_tools(tmp_path / "absent")


def test_published_response_examples_are_read(data: Path) -> None:
    report = ReadReport()
    examples = read_response_examples(data / "toolbench/response_examples", report=report)
    assert len(examples) == report.read == 18
    assert report.first["empty file"] == "Business/acrosuite_oauther.json"
    assert report.found["empty file"] == 1
    assert report.found["file without examples"] == 6
    played = next(e for e in examples if e.api == "Regular dice rolls")
    assert (played.category, played.tool) == ("Gaming", "dice_roll_simulator")
    assert played.schema == {"result": [{"roll": "empty list", "subtotal": "int"}], "total": "int"}


def test_minimal_apis_are_completed_and_missing_ones_reported(data: Path) -> None:
    (task,) = read_instructions(data / "toolbench/instruction/inference_query_demo.json")
    known = API(
        category="Social",
        tool="Olato Quotes",
        name="Love Quote",
        description="Gives a quote.",
        tool_description="Quotes.",
        parameters=(Parameter(name="mood", required=True),),
    )
    report = ReadReport()
    (complete,) = complete_tasks([task], [known], report)
    assert complete.apis[0].description == "Gives a quote."
    assert complete.apis[0].parameters == known.parameters
    assert complete.apis[1:] == task.apis[1:]
    assert report.found["API that the tool folder lacks"] == 2
    assert "Success Quote" in report.first["API that the tool folder lacks"]


def test_documented_apis_get_their_tool_described(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = tmp_path / "G1.json"
    path.write_text(json.dumps([entry]))
    save(tmp_path / "tools", TOOL)
    tasks = complete_tasks(read_instructions(path), read_tools(tmp_path / "tools"))
    assert tasks[0].apis[0].tool_description == "Ranks."
    assert [p.name for p in tasks[0].apis[0].parameters] == ["q", "limit"]
