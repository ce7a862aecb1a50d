from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from tests.snapshots.recordings_by_hand import SEARCH, numbered, record, texts
from toolenv.errors import SnapshotError
from toolenv.snapshots import Recorded, Snapshot, Store, freeze, merge

PARTS = [
    [record(text="b", at="2026-02"), *(numbered(number) for number in range(5))],
    [record(text="a", at="2026-02"), record(text="first", at="2026-01", origin="simulated")],
    [record(text="b", at="2026-02"), record(text="no time", recording="2"), numbered(9)],
]


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.snap" for number in range(3)]
    for path, records in zip(paths, PARTS, strict=True):
        freeze(records, path, licence="CC0" if path.name == "0.snap" else "Apache-2.0")
    return paths


def test_every_answer_is_kept_earliest_first_and_ties_by_content(
    parts: list[Path], tmp_path: Path
) -> None:
    manifest = merge(parts, tmp_path / "all.snap", notes="all")
    assert (manifest.responses, manifest.calls) == (10, 7)
    assert manifest.origins == {"live": 9, "simulated": 1}
    assert (manifest.licence, manifest.notes) == ("Apache-2.0; CC0", "all")
    with Snapshot(tmp_path / "all.snap") as snapshot:
        snapshot.verify()
        found = snapshot.lookup(SEARCH, record().key)
    assert texts(found) == ["no time", "first", "a", "b"]
    assert [one.origin for one in found] == ["live", "simulated", "live", "live"]


def test_the_order_of_the_inputs_makes_no_difference(parts: list[Path], tmp_path: Path) -> None:
    made = {
        merge(order, tmp_path / f"{number}.merged").digest
        for number, order in enumerate(permutations(parts))
    }
    assert len(made) == 1
    files = {path.read_bytes() for path in tmp_path.glob("*.merged")}
    assert len(files) == 1
    twice = merge([tmp_path / "0.merged", *parts], parts[0])
    assert {twice.digest} == made, "merging again adds nothing, also into an input"


def test_stores_are_merged_too(tmp_path: Path) -> None:
    everything: list[Recorded] = []
    for number, records in enumerate(PARTS):
        with Store(tmp_path / f"{number}.store") as store:
            for one in records:
                store.add(one)
        everything += records
    stores = [tmp_path / f"{number}.store" for number in range(3)]
    merged = merge(stores, tmp_path / "all.snap").digest
    assert merged == freeze(everything, tmp_path / "b.snap").digest


def test_nothing_to_merge_and_a_missing_input_are_named(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="nothing to merge"):
        merge([], tmp_path / "all.snap")
    with pytest.raises(SnapshotError, match=r"missing\.snap"):
        merge([tmp_path / "missing.snap"], tmp_path / "all.snap")
    assert list(tmp_path.iterdir()) == []
