"""StableToolBench's response cache."""

import json
from pathlib import Path

import pytest

from toolenv.apis import API, Identity
from toolenv.episodes import Status
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_response_cache


def save(folder: Path, entries: object, place: str = "Data/seo_api_for_Data/search.json") -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


def test_entries_are_read(tmp_path: Path) -> None:
    entries = {
        "{'q': 'x', 'limit': 3, 'deep': None}": {"error": "", "response": {"hits": ["ü"]}},
        "{}": {"error": "Message error...", "response": "none"},
        "": {"error": "", "response": []},
    }
    save(tmp_path, entries)
    report = ReadReport()
    read = list(read_response_cache(tmp_path, report=report))
    assert report.read == 3
    assert [entry.arguments for entry in read] == [{"q": "x", "limit": 3, "deep": None}, {}, {}]
    first, second, third = (entry.response for entry in read)
    assert first.text == '{"error":"","response":{"hits":["ü"]}}'
    assert (first.origin, first.source, first.status) == ("unknown", "snapshot", Status.OK)
    assert (second.status, second.error) == (Status.API_ERROR, "Message error...")
    assert (second.ordinal, third.ordinal) == (0, 1)
    assert first.recording == "cache/Data/seo_api_for_Data/search.json"
    documented = API(category="Data", tool="SEO API", name="Search")
    assert read[0].api == documented.identity
    assert read[0].api.joins(Identity("search_for_seo_api"))


@pytest.mark.parametrize(
    "key",
    ["{'q': ", "q", "['q']", "{'q': open('x')}", "__import__('os').system('x')", "{1j: 2}", "("],
)
def test_bad_keys_are_named_and_skipped_and_never_run(key: str, tmp_path: Path) -> None:
    save(tmp_path, {key: {"error": "", "response": 1}, "{}": {"error": "", "response": 2}})
    with pytest.raises(FormatError, match=r"search\.json"):
        list(read_response_cache(tmp_path))
    report = ReadReport()
    read = list(read_response_cache(tmp_path, skip_bad=True, report=report))
    assert [entry.response.body for entry in read] == [2]
    assert (report.read, len(report.skipped)) == (1, 1)


def test_bad_files_and_values_are_named_and_skipped(tmp_path: Path) -> None:
    save(tmp_path, '{"{}": {"error"', "Data/a_for_Data/torn.json")
    save(tmp_path, "", "Data/a_for_Data/void.json")
    save(tmp_path, {}, "Data/a_for_Data/none.json")
    save(tmp_path, {"{}": "text", "{'a': 1}": {"response": 1}}, "Data/b_for_Data/odd.json")
    report = ReadReport()
    read = list(read_response_cache(tmp_path, skip_bad=True, report=report))
    assert [entry.arguments for entry in read] == [{"a": 1}]
    assert sorted(skipped.where for skipped in report.skipped) == [
        "Data/a_for_Data/torn.json",
        "Data/a_for_Data/void.json",
        "Data/b_for_Data/odd.json['{}']",
    ]
    assert report.found["file without entries"] == 1
    assert report.found["entry without error or response"] == 1


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        list(read_response_cache(tmp_path / "absent"))
