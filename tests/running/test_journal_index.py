"""The index is derived: whatever becomes of it, what is read is what the journal says."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.running.episodes_by_hand import chain
from toolenv.episodes import Episode
from toolenv.errors import JournalError
from toolenv.running.framing import compress
from toolenv.running.journal import Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.running.records import EpisodeKey
from toolenv.tasks import Task

HERE = Path(__file__).parents[2]
TASK = Task(id="1", instruction="?")


def some(count: int = 20, *, first: int = 0) -> list[Episode]:
    return [chain(TASK, 1 + seed % 3, seed=seed) for seed in range(first, first + count)]


def written(folder: Path, episodes: list[Episode]) -> Path:
    path = folder / "journal.jsonl.zst"
    with Journal(path) as journal:
        for episode in episodes:
            journal.write(episode)
    return path


def read(path: Path) -> list[Episode]:
    reader = JournalReader(path)
    found = [attempt.episode(TASK) for attempt in reader.last_attempts()]
    assert reader.finished() == {EpisodeKey.of(episode) for episode in found}
    reader.close()
    return found


def test_other_programs_can_query_it_while_it_is_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl.zst") as journal:
        for episode in some():
            journal.write(episode)
        journal.flush()
        with sqlite3.connect(tmp_path / "journal.index") as index:
            asked = "SELECT outcome, count(*), sum(steps) FROM episodes GROUP BY outcome"
            assert index.execute(asked).fetchall() == [("passed", 20, 39)]


def test_a_reader_beside_the_writer_sees_what_has_just_finished(tmp_path: Path) -> None:
    path = written(tmp_path, some())
    reader = JournalReader(path)
    with Journal(path) as journal:
        for episode in some(5, first=20):
            journal.write(episode)
            attempt = reader.attempt(EpisodeKey.of(episode))
            assert attempt is not None and attempt.episode(TASK) == episode
            assert len(reader.finished()) == episode.seed + 1
    assert read(path) == some(25)


@pytest.mark.parametrize("becomes", ["deleted", "empty", "garbage", "another program's", "torn"])
def test_it_is_made_anew(tmp_path: Path, becomes: str) -> None:
    path = written(tmp_path, some(500))
    index = tmp_path / "journal.index"
    content = index.read_bytes()
    index.unlink()
    if becomes == "empty":
        index.touch()
    elif becomes == "garbage":
        index.write_bytes(os.urandom(5000))
    elif becomes == "torn":
        index.write_bytes(content[: len(content) // 2])
    elif becomes == "another program's":
        with sqlite3.connect(index) as file:
            file.execute("CREATE TABLE episodes (other)")
    assert read(path) == some(500)
    with Journal(path) as journal:
        journal.write(chain(TASK, seed=500))
    assert read(path) == [*some(500), chain(TASK, seed=500)]


def test_one_that_lags_behind_catches_up(tmp_path: Path) -> None:
    path = written(tmp_path, some(10))
    shutil.copy(tmp_path / "journal.index", tmp_path / "old")
    written(tmp_path, some(10, first=10))
    shutil.copy(tmp_path / "old", tmp_path / "journal.index")
    assert read(path) == some(20)


def test_one_that_is_ahead_of_a_restored_journal_is_made_anew(tmp_path: Path) -> None:
    path = written(tmp_path, some(10))
    shutil.copy(path, tmp_path / "copy")
    written(tmp_path, some(10, first=10))
    shutil.copy(tmp_path / "copy", path)
    assert read(path) == some(10)
    assert read(written(tmp_path, some(10, first=30))) == [*some(10), *some(10, first=30)]


def test_one_of_another_journal_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    written(tmp_path / "a", [chain(TASK, seed=1), chain(TASK, seed=2)])
    path = written(tmp_path / "b", [chain(TASK, seed=3), chain(TASK, seed=4)])
    shutil.copy(tmp_path / "a" / "journal.index", tmp_path / "b")
    assert [episode.seed for episode in read(path)] == [3, 4]


def test_one_that_a_power_loss_may_have_torn_is_made_anew(tmp_path: Path) -> None:
    """What was written of it since the last sync is gone, and the machine was started again."""
    path = written(tmp_path, some(10))
    with sqlite3.connect(tmp_path / "journal.index") as index:
        (boot,) = index.execute("SELECT boot FROM journal").fetchone()
        assert boot == "", "it was closed, and synced with it"
        index.execute("UPDATE journal SET boot = 'the one before'")
        index.execute("DELETE FROM episodes WHERE seed = 4")
    assert read(path) == some(10)


def test_where_no_file_can_be_written_it_is_made_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    (tmp_path / "journal.index").mkdir()
    with Journal(path) as journal:
        for episode in some():
            journal.write(episode)
        assert len(journal.finished()) == 20
    assert read(path) == some()
    assert list((tmp_path / "journal.index").iterdir()) == []


def test_the_writer_does_not_wait_for_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    with Journal(path) as journal:
        held = sqlite3.connect(tmp_path / "journal.index", isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        for episode in some():
            journal.write(episode)
        journal.flush()
        assert len(journal.finished()) == 20
        held.execute("ROLLBACK")
        held.close()
    assert read(path) == some()


def test_a_writer_that_goes_on_waits_for_who_is_just_writing_it(tmp_path: Path) -> None:
    path = written(tmp_path, some())
    with Journal(path) as journal:
        held = sqlite3.connect(
            tmp_path / "journal.index", isolation_level=None, check_same_thread=False
        )
        held.execute("BEGIN EXCLUSIVE")
        begins = threading.Thread(target=journal.write, args=[chain(TASK, seed=20)])
        begins.start()
        held.execute("ROLLBACK")
        held.close()
        begins.join()
    assert read(path) == [*some(), chain(TASK, seed=20)]


def test_a_reader_goes_on_where_it_can_no_longer_be_written(tmp_path: Path) -> None:
    path = written(tmp_path, some())
    reader = JournalReader(path)
    assert len(reader.finished()) == 20
    with sqlite3.connect(tmp_path / "journal.index") as index:
        index.execute("DROP TABLE journal")
    written(tmp_path, some(5, first=20))
    (tmp_path / "journal.index").unlink()
    (tmp_path / "journal.index").mkdir()
    assert len(reader.finished()) == 25


def test_a_disk_too_full_for_it_does_not_stop_the_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_ROOM_FOR_THE_INDEX, str(tmp_path / "journal.jsonl.zst")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "journal.jsonl.zst") == with_long_answers()


def with_long_answers() -> list[Episode]:
    """Which take room in the index, and hardly any in the journal."""
    return [chain(TASK, 1, answer="x" * 3000, seed=seed) for seed in range(20)]


_NO_ROOM_FOR_THE_INDEX = """
import resource, signal, sys
from pathlib import Path
from tests.running.test_journal_index import with_long_answers
from toolenv.running.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
with Journal(path, sync="never") as journal:
    index = path.with_name("journal.index")
    resource.setrlimit(resource.RLIMIT_FSIZE, (index.stat().st_size, resource.RLIM_INFINITY))
    for episode in with_long_answers():
        journal.write(episode)
        journal.flush()
    assert len(journal.finished()) == 20
"""


def test_keys_that_are_no_text_for_a_database(tmp_path: Path) -> None:
    task = Task(id="\ud800\0x", instruction="?")
    strange = [
        chain(task, agent=agent, policy=policy, seed=seed)
        for agent, policy, seed in [
            ("", "\udfff", 2**70),
            ("a\0b", "é", -(2**64)),
            ("a\0b", "e\u0301", 2**63 - 1),
        ]
    ]
    path = written(tmp_path, strange)
    for _ in range(2):
        reader = JournalReader(path)
        for episode in strange:
            attempt = reader.attempt(EpisodeKey.of(episode))
            assert attempt is not None and attempt.episode(task) == episode
        assert reader.finished() == {EpisodeKey.of(episode) for episode in strange}
        (tmp_path / "journal.index").unlink()


def test_a_frame_that_is_no_attempt_stops_it(tmp_path: Path) -> None:
    path = written(tmp_path, some(2))
    with path.open("ab") as file:
        file.write(compress(b"{}\n"))
    with pytest.raises(JournalError, match="not a journal of this version"):
        read(path)
