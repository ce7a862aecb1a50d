from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.snapshots.recordings_by_hand import SEARCH, key, numbered, record, texts
from toolenv.apis import Identity
from toolenv.episodes import Response, Status
from toolenv.errors import SnapshotError
from toolenv.jsontext import render
from toolenv.snapshots import KEY_VERSION, SNAPSHOT_VERSION, Recorded, Snapshot, Store, freeze

FUNCTION_ALONE = Identity("search_for_weather")
ELSEWHERE = SEARCH._replace(category="Travel")
PIECES = [numbered(number) for number in range(40)] + [
    record(text=f"Zürich {number}", ordinal=number) for number in range(4)
]


@pytest.fixture
def snap(tmp_path: Path) -> Path:
    path = tmp_path / "made.snap"
    freeze(PIECES, path)
    return path


def served(records: list[Recorded]) -> list[Recorded]:
    """Records as a snapshot gives them back."""
    return [one._replace(response=one.response._replace(source="snapshot")) for one in records]


# --- what goes in comes out ---------------------------------------------------------------------


def test_what_is_frozen_is_found_listed_and_verified(tmp_path: Path) -> None:
    records = [
        record(
            text='{"error":"","response":"…\\u0000"}',
            status=Status.RATE_LIMITED,
            origin="simulated",
            completeness="truncated",
            recording="a recording",
            ordinal=2**40,
            at="2026-01-02T00:00:00.000+00:00",
            changes="00112233445566778899aabbccddeeff",
        ),
        record('{"s":"\ud800","n":123456789012345678901234567890}', "\ud800 and an empty one"),
        record("no JSON at all", ""),
        record("{}", identity=FUNCTION_ALONE),
    ]
    manifest = freeze(records, tmp_path / "made.snap", notes="for a test, CC0")
    with Snapshot(tmp_path / "made.snap") as snapshot:
        for one in records:
            (found,) = snapshot.lookup(one.identity, one.key)
            assert found == one.response._replace(source="snapshot")
        assert Counter(snapshot.records()) == Counter(served(records))
        assert snapshot.manifest == manifest
        snapshot.verify()
        assert set(snapshot.identities()) == {SEARCH, FUNCTION_ALONE}
        assert snapshot.fingerprint.endswith(manifest.digest)
    assert manifest.responses == manifest.calls == 4
    assert manifest.apis == 2
    assert manifest.recordings == {"1": 3, "a recording": 1}
    assert manifest.origins == {"live": 3, "simulated": 1}
    assert manifest.completeness == {"truncated": 1, "whole": 3}
    assert manifest.recorded_from == manifest.recorded_to == "2026-01-02T00:00:00.000+00:00"
    assert manifest.notes == "for a test, CC0"


def test_nothing_can_be_frozen(tmp_path: Path) -> None:
    freeze([], tmp_path / "empty.snap")
    with Snapshot(tmp_path / "empty.snap") as snapshot:
        snapshot.verify()
        assert list(snapshot.lookup(SEARCH, record().key)) == []


def test_several_answers_are_served_earliest_first(tmp_path: Path) -> None:
    answers = [
        record(text="third", at="2026-03"),
        record(text="first", at="2026-01"),
        record(text="second", at="2026-02"),
        record(text="of unknown time"),
    ]
    freeze(answers, tmp_path / "made.snap")
    with Snapshot(tmp_path / "made.snap") as snapshot:
        found = texts(snapshot.lookup(SEARCH, record().key))
        assert found == ["of unknown time", "first", "second", "third"]


def test_equal_records_are_kept_once(tmp_path: Path) -> None:
    assert freeze([record(), record(), record(source="llm")], tmp_path / "s").responses == 1


def test_a_dictionary_is_trained_and_texts_stay_whole(tmp_path: Path) -> None:
    draw = random.Random(1)
    records = []
    for number in range(400):
        body = {"name": str(draw.getrandbits(60)), "place": "Zürich, by the lake " * (number % 9)}
        records.append(record(f'{{"n":{number}}}', render({"error": "", "response": body})))
    freeze(records, tmp_path / "made.snap")
    plain = sum(len(one.response.text.encode()) for one in records)
    assert (tmp_path / "made.snap").stat().st_size < plain * 2
    with Snapshot(tmp_path / "made.snap") as snapshot:
        assert Counter(snapshot.records()) == Counter(served(records))
        snapshot.verify()


def test_records_join_by_what_is_known_of_the_api(tmp_path: Path) -> None:
    freeze(
        [
            record(text="known"),
            record(text="function alone", identity=FUNCTION_ALONE),
            record(text="elsewhere", identity=ELSEWHERE),
        ],
        tmp_path / "made.snap",
    )
    with Snapshot(tmp_path / "made.snap") as snapshot:
        asked = record().key
        assert set(texts(snapshot.lookup(SEARCH, asked))) == {"known", "function alone"}
        assert set(texts(snapshot.lookup(ELSEWHERE, asked))) == {"elsewhere", "function alone"}
        assert len(snapshot.lookup(FUNCTION_ALONE, asked)) == 3
        assert list(snapshot.lookup(Identity("another"), asked)) == []


def test_calls_after_different_changes_are_different_calls(tmp_path: Path) -> None:
    freeze([record(text="before"), record(text="after", changes="ab")], tmp_path / "made.snap")
    with Snapshot(tmp_path / "made.snap") as snapshot:
        assert texts(snapshot.lookup(SEARCH, record().key)) == ["before"]
        assert texts(snapshot.lookup(SEARCH, key(record().arguments, changes="ab"))) == ["after"]


# --- one digest ---------------------------------------------------------------------------------


def test_the_digest_does_not_depend_on_order_or_source(tmp_path: Path) -> None:
    shuffled = PIECES.copy()
    random.Random(7).shuffle(shuffled)
    digests = {freeze(PIECES, tmp_path / "a").digest, freeze(shuffled, tmp_path / "b").digest}
    with Store(tmp_path / "store") as store:
        for one in shuffled:
            store.add(one)
        digests.add(freeze(store.records(), tmp_path / "c").digest)
    with Snapshot(tmp_path / "b") as snapshot:
        digests.add(freeze(snapshot.records(), tmp_path / "d", notes="again").digest)
    assert len(digests) == 1


def test_equal_records_freeze_to_equal_bytes(tmp_path: Path) -> None:
    freeze(PIECES, tmp_path / "a")
    freeze(PIECES[::-1], tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        record(text="else"),
        record(at="2026"),
        record(ordinal=1),
        record(recording="2"),
        record(origin="simulated"),
        record(completeness="truncated"),
        record(status=Status.API_ERROR),
        record(identity=ELSEWHERE),
        record('{ "city": "Paris" }'),
        record(changes="ab"),
    ],
)
def test_the_digest_covers_all_of_a_record(tmp_path: Path, other: Recorded) -> None:
    assert freeze([record()], tmp_path / "a").digest != freeze([other], tmp_path / "b").digest


# --- what is no snapshot ------------------------------------------------------------------------


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"no such file.*toolenv snapshot freeze"):
        Snapshot(tmp_path / "missing.snap")
    assert not (tmp_path / "missing.snap").exists(), "looking makes no file"


@pytest.mark.parametrize(
    "content", [b"", b"text", b"x" * 10_000, b"SQLite format 3\0" + bytes(200)]
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(SnapshotError) as refused:
        Snapshot(tmp_path / "other")
    assert str(tmp_path / "other") in str(refused.value)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE manifest (json TEXT, dictionary BLOB)")
    connection.close()
    with pytest.raises(SnapshotError, match="no toolenv snapshot"):
        Snapshot(tmp_path / "other.db")


@pytest.mark.parametrize(
    ("field", "now", "newer"),
    [
        ("version", SNAPSHOT_VERSION, SNAPSHOT_VERSION + 1),
        ("key_version", KEY_VERSION, KEY_VERSION + 1),
    ],
)
def test_a_newer_snapshot_says_so(snap: Path, field: str, now: int, newer: int) -> None:
    with sqlite3.connect(snap) as connection:
        connection.execute(
            "UPDATE front SET manifest = CAST(replace(CAST(manifest AS TEXT), ?, ?) AS BLOB)",
            (f'"{field}":{now}', f'"{field}":{newer}'),
        )
        connection.execute("ALTER TABLE front RENAME COLUMN names TO of_a_later_layout")
    connection.close()
    with pytest.raises(SnapshotError, match="Upgrade toolenv"):
        Snapshot(snap)


def test_an_altered_answer_is_refused_in_use_and_by_verify(snap: Path) -> None:
    with sqlite3.connect(snap) as connection:
        connection.execute(
            "UPDATE entries SET responses = (SELECT responses FROM entries WHERE id != :id LIMIT 1)"
            " WHERE id = :id",
            {"id": int.from_bytes(record().key[:8], "big", signed=True)},
        )
    connection.close()
    with Snapshot(snap) as snapshot:
        with pytest.raises(SnapshotError, match="damaged"):
            snapshot.lookup(SEARCH, record().key)
        with pytest.raises(SnapshotError, match="damaged or altered"):
            snapshot.verify()


def test_the_place_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SnapshotError, match="cannot be written"):
        freeze(PIECES, tmp_path / "file" / "made.snap")


def test_a_name_that_has_no_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot be written"):
        freeze([record(recording="\ud800")], tmp_path / "made.snap")
    assert list(tmp_path.iterdir()) == []


# --- damage -------------------------------------------------------------------------------------


class Outcome(Counter[str]):
    """What became of a damaged snapshot, and of each look-up in it."""

    def see(self, path: Path, expected: dict[bytes, list[Response]]) -> None:
        try:
            snapshot = Snapshot(path)
        except SnapshotError:
            self["not opened"] += 1
            return
        with snapshot:
            for asked, answers in expected.items():
                try:
                    found = list(snapshot.lookup(SEARCH, asked))
                except SnapshotError:
                    self["refused in use"] += 1
                    continue
                if found == answers:
                    self["right"] += 1
                elif set(found) < set(answers) and found:
                    self["fewer"] += 1  # of several answers to one call
                else:
                    self["wrong or missed"] += 1
            try:
                snapshot.verify()
                self["verified"] += 1
            except SnapshotError:
                self["refused by verify"] += 1


def expected_of(path: Path) -> dict[bytes, list[Response]]:
    with Snapshot(path) as snapshot:
        return {one.key: list(snapshot.lookup(SEARCH, one.key)) for one in snapshot.records()}


def test_every_flipped_byte_is_refused_by_verify_and_never_serves_another_answer(
    snap: Path, tmp_path: Path
) -> None:
    whole, expected = snap.read_bytes(), expected_of(snap)
    outcome = Outcome()
    damaged = tmp_path / "damaged.snap"
    for at in range(0, len(whole), 97):
        for flip in (0x01, 0xFF):
            damaged.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            outcome.see(damaged, expected)
    assert outcome["verified"] == 0
    assert outcome["wrong or missed"] == 0
    assert outcome["refused in use"] and outcome["not opened"] and outcome["right"]


def test_every_truncation_is_refused(snap: Path, tmp_path: Path) -> None:
    whole, expected = snap.read_bytes(), expected_of(snap)
    outcome = Outcome()
    damaged = tmp_path / "damaged.snap"
    for length in range(0, len(whole), 997):
        damaged.write_bytes(whole[:length])
        outcome.see(damaged, expected)
    damaged.write_bytes(whole[:-1])
    outcome.see(damaged, expected)
    assert outcome["verified"] == 0
    assert outcome["wrong or missed"] == 0


# --- immutable and shared -----------------------------------------------------------------------


def test_a_read_only_file_in_a_read_only_folder_is_read_and_left_alone(snap: Path) -> None:
    folder = snap.parent
    before = snap.read_bytes()
    snap.chmod(0o444)
    folder.chmod(0o555)
    try:
        with Snapshot(snap) as snapshot:
            snapshot.lookup(SEARCH, record().key)
            snapshot.verify()
        assert [path.name for path in folder.iterdir()] == [snap.name]
    finally:
        folder.chmod(0o755)
    assert snap.read_bytes() == before


def test_an_open_snapshot_outlives_its_replacement(snap: Path) -> None:
    with Snapshot(snap) as old:
        freeze([record(text="new")], snap)
        assert len(old.lookup(SEARCH, record().key)) == 4
        with Snapshot(snap) as new:
            assert texts(new.lookup(SEARCH, record().key)) == ["new"]


def test_names_that_look_like_something_else_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "what?mode=rwc&x=#1%20.snap"
    hostile = "../../x"
    freeze([record(recording=hostile, identity=Identity(hostile, hostile))], path)
    with Snapshot(path) as snapshot:
        snapshot.verify()
        assert snapshot.manifest.recordings == {hostile: 1}
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_threads_share_one_snapshot(snap: Path) -> None:
    expected = expected_of(snap)
    wrong: list[bytes] = []
    with Snapshot(snap) as snapshot:

        def work(seed: int) -> None:
            asked = list(expected)
            random.Random(seed).shuffle(asked)
            wrong.extend(
                one
                for _ in range(20)
                for one in asked
                if list(snapshot.lookup(SEARCH, one)) != expected[one]
            )
            snapshot.close()

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_processes_share_one_snapshot(snap: Path) -> None:
    script = "import sys; from toolenv.snapshots import Snapshot; Snapshot(sys.argv[1]).verify()"
    readers = [subprocess.Popen([sys.executable, "-c", script, str(snap)]) for _ in range(3)]
    assert [reader.wait() for reader in readers] == [0, 0, 0]


def test_closing_twice_is_harmless(snap: Path) -> None:
    snapshot = Snapshot(snap)
    snapshot.close()
    snapshot.close()
    shutil.rmtree(snap.parent)
