from __future__ import annotations

from pathlib import Path

from tests.snapshots.recordings_by_hand import SEARCH, numbered, record
from toolenv.apis import Identity
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
