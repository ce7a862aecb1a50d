from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.snapshots.recordings_by_hand import SEARCH, numbered, record
from toolenv.apis import Identity
from toolenv.cli.snapshot import app
from toolenv.episodes import Status
from toolenv.snapshots import CallDifference, Comparison, Recorded, Snapshot, diff, freeze

ALONE = Identity("alone")


def compared(
    a: list[Recorded], b: list[Recorded], folder: Path
) -> tuple[Comparison, list[CallDifference]]:
    freeze(a, folder / "a.snap")
    freeze(b, folder / "b.snap")
    found = Comparison()
    with Snapshot(folder / "a.snap") as one, Snapshot(folder / "b.snap") as other:
        return found, list(diff(one, other, found))


def test_equal_answers_of_other_recordings_are_equal(tmp_path: Path) -> None:
    a = [numbered(number) for number in range(20)]
    b = [
        one._replace(response=one.response._replace(recording="2", origin="simulated")) for one in a
    ]
    found, differences = compared(a, b, tmp_path)
    assert differences == [] and not found.different and found.equal == 20


def test_each_difference_is_found_and_counted(tmp_path: Path) -> None:
    same = [numbered(number) for number in range(20)]
    a = [
        *same,
        record('{"only":"a"}'),
        record('{"other":1}', "the weather is fine"),
        record('{"more":1}', "one"),
        record('{"status":1}', "x"),
        record("{}", identity=ALONE),
    ]
    b = [
        *same,
        record('{"only":"b"}'),
        record('{ "other": 1.0 }', "the weather was fine"),
        record('{"more":1}', "one"),
        record('{"more":1}', "two", ordinal=1),
        record('{"status":1}', "x", status=Status.NOT_FOUND),
    ]
    found, differences = compared(a, b, tmp_path)
    assert found.counts == {"only_a": 2, "only_b": 1, "answered_differently": 3}
    assert found.equal == 20 and found.different
    assert (found.only_a, found.only_b) == ([ALONE], [])
    assert found.apis == {SEARCH.function: 5, "alone": 1}
    by_arguments = {one.arguments: one for one in differences}
    other = by_arguments['{"other":1}']
    assert (other.kind, other.answer, other.at) == ("answered_differently", 0, 12)
    more = by_arguments['{"more":1}']
    assert (more.answer, more.a, more.b) == (1, None, "two")
    assert by_arguments['{"only":"b"}'].kind == "only_b"
    back, _ = compared(b, a, tmp_path)
    assert back.counts == {"only_a": 1, "only_b": 2, "answered_differently": 3}


def test_an_api_that_one_side_knows_by_its_function_alone_is_the_same(tmp_path: Path) -> None:
    alone = SEARCH._replace(category="", tool="", api="")
    elsewhere = SEARCH._replace(category="Travel")
    found, _ = compared([record()], [record(identity=alone)], tmp_path)
    assert not found.different and found.only_a == []
    found, _ = compared([record()], [record(identity=elsewhere)], tmp_path)
    assert found.counts == {"only_a": 1, "only_b": 1, "answered_differently": 0}


def test_nothing_is_compared_with_nothing(tmp_path: Path) -> None:
    found, differences = compared([], [], tmp_path)
    assert not found.different and differences == []
    found, differences = compared([], [record()], tmp_path)
    assert [one.kind for one in differences] == ["only_b"]


# --- on the command line --------------------------------------------------------------------------


def said(code: int, *arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_commands_say_what_differs(tmp_path: Path) -> None:
    a, b = tmp_path / "a.snap", tmp_path / "b.snap"
    freeze([record(text="sunny all day"), numbered(1)], a, licence="CC0")
    freeze([record(text="sunny all night")], b)
    found = json.loads(said(1, "diff", a, b, "--json"))
    assert (found["equal"], found["only_a"], found["answered_differently"]) == (0, 1, 1)
    assert {one["kind"] for one in found["differences"]} == {"only_a", "answered_differently"}
    shown = said(1, "diff", a, b, "--limit", 1)
    assert shown.splitlines()[-1] == "calls: 0 equal, only a 1, only b 0, answered differently 1"
    merged = json.loads(said(0, "merge", a, b, "--out", tmp_path / "m.snap", "--json"))
    assert (merged["responses"], merged["licence"]) == (3, "CC0")
    assert said(0, "diff", tmp_path / "m.snap", tmp_path / "m.snap").startswith("calls: 2 equal")
    said(0, "export", tmp_path / "m.snap", "--out", tmp_path / "m.jsonl")
    again = said(0, "import", tmp_path / "m.jsonl", "--out", tmp_path / "n.snap", "--json")
    assert json.loads(again)["digest"] == merged["digest"]
    assert json.loads(again)["read"]["read"] == 3
    said(2, "export", a, "--out", tmp_path / "x", "--format", "xml")
    said(2, "import", tmp_path / "m.jsonl", "--out", tmp_path / "n.snap", "--origin", "heaven")
