"""Instruction files: published ones are written again as they were, bad entries never vanish."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_instructions, read_query_ids, write_instructions

Entry = dict[str, Any]


def save(folder: Path, value: object, name: str = "G1.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def published(data: Path) -> list[Path]:
    return [
        *sorted((data / "toolbench/instruction").glob("*.json")),
        *sorted((data / "stabletoolbench/solvable_queries").glob("*.json")),
    ]


def test_published_files_are_written_again_byte_for_byte(data: Path, tmp_path: Path) -> None:
    files = published(data)
    assert len(files) == 8
    for path in files:
        tasks = read_instructions(path)
        copy = tmp_path / path.name
        write_instructions(tasks, copy)
        assert copy.read_text().strip() == path.read_text().strip()
        assert read_instructions(copy) == tasks
        assert {task.split for task in tasks} == {path.stem}


def test_all_330_solvable_instructions_are_read_and_reported(data: Path) -> None:
    report = ReadReport()
    for path in (data / "stabletoolbench/solvable_queries").glob("*.json"):
        read_instructions(path, report=report)
    assert (report.read, report.skipped) == (330, [])
    assert report.found["template_response cut at 1,000 characters"] == 145
    assert report.found["template_response missing"] == 592
    assert report.found["default that is not text"] == 124
    assert report.found["pair that is in relevant APIs twice"] == 2
    assert "330 read, 0 skipped" in str(report)


def test_test_ids_are_those_of_the_instructions(data: Path) -> None:
    for path in (data / "stabletoolbench/query_ids").glob("*.json"):
        tasks = read_instructions(data / "stabletoolbench/solvable_queries" / path.name)
        assert set(read_query_ids(path)) == {task.id for task in tasks}


def test_an_entry_is_read(tmp_path: Path, entry: Entry) -> None:
    (task,) = read_instructions(save(tmp_path, [entry]))
    (api,) = task.apis
    assert (task.id, task.instruction, task.split) == ("7", "Find it.", "G1")
    assert task.relevant == (("SEO API", "Search"),)
    assert (api.category, api.tool, api.name) == ("Data", "SEO API", "Search")
    assert [(p.name, p.type, p.required, p.default) for p in api.parameters] == [
        ("q", "STRING", True, "x"),
        ("limit", "NUMBER", False, "10"),
    ]
    assert api.response_schema == {"hits": ["list of str with length 3"]}
    assert task.unknown == {}
    assert list(task.named_apis) == ["search_for_seo_api"]


def change(entry: Entry, path: str, value: object) -> Entry:
    """A copy of the entry with one field set; ``...`` deletes it."""
    copy = deepcopy(entry)
    at: Any = copy
    *inner, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    for part in inner:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return copy


ODD_BUT_READ = {
    "template cut": ("api_list/0/template_response", '{"a": "' + "x" * 993, "cut at 1,000"),
    "template text": ("api_list/0/template_response", '{"a": "str"}', ""),
    "template prose": ("api_list/0/template_response", "a list", "that is not JSON"),
    "template number": ("api_list/0/template_response", 3, "neither an object nor text"),
    "template null": ("api_list/0/template_response", None, "neither an object nor text"),
    "template missing": ("api_list/0/template_response", ..., "template_response missing"),
    "no relevant": ("relevant APIs", ..., "no relevant APIs"),
    "relevant null": ("relevant APIs", None, "no relevant APIs"),
    "relevant twice": ("relevant APIs", [["SEO API", "Search"]] * 2, "twice"),
    "relevant elsewhere": ("relevant APIs", [["Other", "API"]], "not in the api_list"),
    "open domain": ("api_list", ..., "open domain"),
    "no APIs": ("api_list", [], "empty api_list"),
    "query list": ("query", ["Find it.", "Or that."], "query that is a list"),
    "id text": ("query_id", "7", "query_id that is text"),
    "id word": ("query_id", "seven", "query_id that is text"),
    "id leading zero": ("query_id", "007", "query_id that is text"),
    "id negative": ("query_id", -1, ""),
    "id missing": ("query_id", ..., "no query_id"),
    "id null": ("query_id", None, "no query_id"),
    "id huge": ("query_id", 10**30, ""),
    "blank description": ("api_list/0/api_description", " ", "API without a description"),
    "null description": ("api_list/0/api_description", None, "API without a description"),
    "no description": ("api_list/0/api_description", ..., "API without a description"),
    "no method": ("api_list/0/method", ..., ""),
    "no required": ("api_list/0/required_parameters", ..., ""),
    "null optional": ("api_list/0/optional_parameters", None, ""),
    "default number": ("api_list/0/required_parameters/0/default", 3, "default that is not text"),
    "default false": ("api_list/0/required_parameters/0/default", False, "not text"),
    "default list": ("api_list/0/required_parameters/0/default", [1], "not text"),
    "default null": ("api_list/0/required_parameters/0/default", None, ""),
    "default missing": ("api_list/0/required_parameters/0/default", ..., ""),
    "type missing": ("api_list/0/required_parameters/0/type", ..., ""),
    "parameter twice": ("api_list/0/optional_parameters/0/name", "q", "standardise to one name"),
    "emoji API": ("api_list/0/api_name", "🎵", "standardises to nothing"),
    "emoji tool": ("api_list/0/tool_name", "🎵", "standardises to nothing"),
    "path as tool": ("api_list/0/tool_name", "../../x", "not in the api_list"),
    "unknown key": ("difficulty", 3, ""),
    "key like a field": ("instruction", "not ours", ""),
    "key like the leftovers": ("source", [1], ""),
    "unknown API key": ("api_list/0/tool_description", "not ours", ""),
    "unknown parameter key": ("api_list/0/required_parameters/0/enum", ["a"], ""),
}


@pytest.mark.parametrize("case", ODD_BUT_READ)
def test_odd_entries_are_read_counted_and_written_again(
    case: str, tmp_path: Path, entry: Entry
) -> None:
    path, value, counted = ODD_BUT_READ[case]
    odd = change(entry, path, value)
    report = ReadReport()
    tasks = read_instructions(save(tmp_path, [odd]), report=report)
    assert report.total == report.read == 1
    assert any(counted in kind for kind in report.found) if counted else not report.found
    copy = tmp_path / "copy" / "G1.json"
    write_instructions(tasks, copy)
    assert copy.read_text() == json.dumps([odd], indent=4) + "\n"
    assert read_instructions(copy) == tasks


def test_odd_lists_of_apis_are_read(tmp_path: Path, entry: Entry) -> None:
    (api,) = entry["api_list"]
    apis = [api, api, {**api, "api_name": "search!"}, {**api, "category_name": "News"}]
    report = ReadReport()
    (task,) = read_instructions(save(tmp_path, [{**entry, "api_list": apis}]), report=report)
    assert len(task.apis) == 4
    assert len(task.named_apis) == 3
    assert report.found["API that is in one api_list twice"] == 1
    assert report.found["APIs of one tool that standardise to one name"] == 1
    assert report.found["tool that is in two categories of one api_list"] == 1


def test_a_minimal_entry_stays_minimal(tmp_path: Path) -> None:
    names = {"category_name": "Data", "tool_name": "T", "api_name": "A"}
    minimal = [{"query": "q", "query_id": 1, "api_list": [names]}, {"query": "p", "query_id": 2}]
    tasks = read_instructions(save(tmp_path, minimal))
    assert [len(task.apis) for task in tasks] == [1, 0]
    write_instructions(tasks, tmp_path / "copy.json")
    assert json.loads((tmp_path / "copy.json").read_text()) == minimal


def test_a_changed_field_is_written_and_not_its_old_form(tmp_path: Path, entry: Entry) -> None:
    odd = change(entry, "query", ["Find it."])
    (task,) = read_instructions(save(tmp_path, [odd]))
    changed = task.model_copy(update={"instruction": "Find that."})
    write_instructions([changed], tmp_path / "copy.json")
    assert json.loads((tmp_path / "copy.json").read_text())[0]["query"] == "Find that."


MALFORMED: dict[str, tuple[str, object]] = {
    "query": ("query", ...),
    "query empty": ("query", "  "),
    "query number": ("query", 3),
    "query empty list": ("query", []),
    "query list of numbers": ("query", [3]),
    "query_id": ("query_id", 1.5),
    "query_id boolean": ("query_id", True),
    "query_id blank": ("query_id", " "),
    "api_list": ("api_list", "none"),
    "api_list null": ("api_list", None),
    "api_list[0]": ("api_list/0", "Search"),
    "api_list[0].api_name": ("api_list/0/api_name", " "),
    "api_list[0].api_name missing": ("api_list/0/api_name", ...),
    "api_list[0].tool_name": ("api_list/0/tool_name", ...),
    "api_list[0].category_name": ("api_list/0/category_name", 4),
    "api_list[0].api_description": ("api_list/0/api_description", ["x"]),
    "api_list[0].method": ("api_list/0/method", 1),
    "api_list[0].required_parameters": ("api_list/0/required_parameters", {}),
    "api_list[0].required_parameters[0]": ("api_list/0/required_parameters/0", "q"),
    "api_list[0].required_parameters[0].name": ("api_list/0/required_parameters/0/name", ""),
    "api_list[0].optional_parameters[0].type": ("api_list/0/optional_parameters/0/type", 1),
    "relevant APIs": ("relevant APIs", {}),
    "relevant APIs[0]": ("relevant APIs", [["SEO API"]]),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_entries_name_file_entry_and_field(
    case: str, tmp_path: Path, entry: Entry
) -> None:
    bad = change(entry, *MALFORMED[case])
    other = {**entry, "query_id": 8}
    path = save(tmp_path, [other, bad])
    with pytest.raises(FormatError) as error:
        read_instructions(path)
    field = " ".join(part for part in case.split(" ")[:2] if part in ("relevant", case.split()[0]))
    field = "relevant APIs" + case.removeprefix("relevant APIs") if "relevant" in case else field
    assert error.value.where.startswith(f"G1.json[1].{field}")
    report = ReadReport()
    assert [t.id for t in read_instructions(path, skip_bad=True, report=report)] == ["8"]
    assert (report.read, report.skipped[0].where) == (1, error.value.where)
    assert report.skipped[0].why in str(report)


@pytest.mark.parametrize("bad", [None, 3, "text", [], [[]]])
def test_an_entry_that_is_no_object_is_malformed(bad: object, tmp_path: Path, entry: Entry) -> None:
    path = save(tmp_path, [bad, entry])
    with pytest.raises(FormatError, match="Expected an object"):
        read_instructions(path)
    assert len(read_instructions(path, skip_bad=True)) == 1


def test_two_entries_of_one_id_are_malformed(tmp_path: Path, entry: Entry) -> None:
    path = save(tmp_path, [entry, entry])
    with pytest.raises(FormatError, match=r"id 7 is that of entry 0 too") as error:
        read_instructions(path)
    assert error.value.where == "G1.json[1].query_id"
    report = ReadReport()
    assert len(read_instructions(path, skip_bad=True, report=report)) == 1
    assert report.total == 2


@pytest.mark.parametrize("text", ['{"query": "q"}', '"text"', "[{", "", "\x00", "null"])
def test_a_file_that_is_no_list_is_refused_whole(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"bad\.json"):
        read_instructions(path, skip_bad=True)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'[{"query": "\xe9"}]')
    for path in (tmp_path / "missing.json", tmp_path, tmp_path / "latin.json", "a\0b"):
        with pytest.raises(FormatError):
            read_instructions(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from([path for path, *_ in ODD_BUT_READ.values()])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(changes=st.lists(st.tuples(FIELDS, JSON), max_size=4), extra=st.lists(JSON, max_size=2))
def test_nothing_is_dropped_silently_and_what_is_read_is_written_again(
    changes: list[tuple[str, Any]], extra: list[Any], tmp_path: Path, entry: Entry
) -> None:
    entries = [entry, *(change(entry, path, value) for path, value in changes), *extra]
    report = ReadReport()
    tasks = read_instructions(save(tmp_path, entries), skip_bad=True, report=report)
    assert report.read == len(tasks)
    assert report.total == len(entries)
    skipped = {skipped.where.split("]")[0] for skipped in report.skipped}
    kept = [e for n, e in enumerate(entries) if f"G1.json[{n}" not in skipped]
    write_instructions(tasks, tmp_path / "copy.json")
    assert json.dumps(json.loads((tmp_path / "copy.json").read_text())) == json.dumps(kept)
