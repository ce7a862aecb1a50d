from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.running.episodes_by_hand import chain, episodes, steps_as_taken
from toolenv.episodes import ROOT, Call, Episode, FunctionCall, Message, Step, number_in_preorder
from toolenv.errors import JournalError
from toolenv.running.framing import frame
from toolenv.running.journal import Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.running.records import Ending, EpisodeKey, ending_record
from toolenv.tasks import Task

HERE = Path(__file__).parents[2]
TASK = Task(id="1", instruction="What is the weather in Paris?")


def read_back(path: Path, task: Task = TASK, *, skip_corrupt: bool = False) -> list[Episode]:
    reader = JournalReader(path, skip_corrupt=skip_corrupt)
    return [attempt.episode(task) for attempt in reader.attempts()]


@pytest.fixture(scope="module")
def small() -> tuple[bytes, list[tuple[int, Episode]]]:
    """A journal's bytes, and its episodes, each with the offset behind its end line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        ends: list[tuple[int, Episode]] = []
        with Journal(path, sync="never") as journal:
            for seed in range(3):
                episode = chain(TASK, seed + 1, seed=seed)
                journal.write(episode)
                ends.append((path.stat().st_size, episode))
        return path.read_bytes(), ends


@given(episodes())
@settings(max_examples=300, deadline=None)
def test_any_episode_is_read_back_as_it_was(episode: Episode) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        with Journal(path, sync="never") as journal:
            journal.write(episode)
            assert journal.finished() == {EpisodeKey.of(episode)}
        assert read_back(path, episode.task) == [episode]
        assert JournalReader(path).scan().finished.keys() == {EpisodeKey.of(episode)}


@given(steps_as_taken(), st.data())
@settings(max_examples=100, deadline=None)
def test_steps_written_as_taken_are_read_in_preorder(
    taken: list[Step], data: st.DataObject
) -> None:
    steps, _ = number_in_preorder(taken)
    episode = Episode(TASK, steps, data.draw(st.integers(ROOT, len(steps) - 1)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl")
        with Journal(path, sync="never") as journal:
            attempt = journal.begin(EpisodeKey.of(episode))
            for step in taken:
                attempt.step(step)
            attempt.end(episode)
        assert read_back(path) == [episode]


def test_other_json_readers_read_the_lines(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.write(chain(TASK))
    records = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert [r.get("record", "header") for r in records] == [
        "header",
        "episode",
        *["step"] * 3,
        "end",
    ]
    assert all(list(record)[-1] == "crc" for record in records)
    assert records[2]["calls"][0]["arguments"] == {"city": "Paris"}


def test_truncated_anywhere_it_reopens_with_what_was_whole(
    tmp_path: Path, small: tuple[bytes, list[tuple[int, Episode]]]
) -> None:
    written, ends = small
    more = chain(TASK, 2, seed=99)
    path = tmp_path / "journal.jsonl"
    for length in range(len(written) + 1):
        path.write_bytes(written[:length])
        whole = [episode for end, episode in ends if end <= length]
        reader = JournalReader(path)
        assert [attempt.episode(TASK) for attempt in reader.attempts()] == whole
        line_start = written.rfind(b"\n", 0, length) + 1
        assert reader.torn_at == (line_start if line_start < length else None)
        with Journal(path, sync="never") as journal:
            assert journal.finished() == {EpisodeKey.of(episode) for episode in whole}
            journal.write(more)
        assert read_back(path) == [*whole, more]


def test_a_flipped_byte_is_detected(
    tmp_path: Path, small: tuple[bytes, list[tuple[int, Episode]]]
) -> None:
    written, ends = small
    path = tmp_path / "journal.jsonl"
    chance = random.Random(7)
    for place in range(len(written)):
        damaged = bytearray(written)
        damaged[place] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        if place == len(written) - 1:  # the last line feed: a torn line, as after a crash
            reader = JournalReader(path)
            assert len(list(reader.attempts())) == len(ends) - 1
            assert reader.torn_at is not None
            continue
        with pytest.raises(JournalError) as caught:
            read_back(path)
        line = written.count(b"\n", 0, place) + 1
        assert caught.value.where == f"{path}:{line}"


def test_damaged_lines_can_be_skipped_and_are_counted(
    tmp_path: Path, small: tuple[bytes, list[tuple[int, Episode]]]
) -> None:
    written, ends = small
    path = tmp_path / "journal.jsonl"
    path.write_bytes(written.replace(b"Look it up.", b"Look it UP.", 1))
    reader = JournalReader(path, skip_corrupt=True)
    kept = [attempt.episode(TASK) for attempt in reader.attempts()]
    assert kept == [ends[0][1], ends[2][1]]
    assert len(reader.corrupt_lines) == 1
    with Journal(path, skip_corrupt=True) as journal:
        assert len(journal.finished()) == 2
        journal.write(ends[1][1])
    scan = JournalReader(path, skip_corrupt=True).scan()
    assert len(scan.finished) == 3
    with pytest.raises(JournalError, match="checksum"):
        Journal(path)


def test_every_line_lost_in_turn_loses_one_episode_at_most(
    tmp_path: Path, small: tuple[bytes, list[tuple[int, Episode]]]
) -> None:
    written, ends = small
    path = tmp_path / "journal.jsonl"
    lines = written.splitlines(keepends=True)
    for lost in range(1, len(lines)):
        path.write_bytes(b"".join([*lines[:lost], b"?\n", *lines[lost + 1 :]]))
        kept = read_back(path, skip_corrupt=True)
        assert len(kept) == len(ends) - 1
        assert len(JournalReader(path, skip_corrupt=True).scan().finished) == len(kept)


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"journal":"toolenv","version":2,"checksum":"of another kind"}\n')
    with pytest.raises(JournalError, match="format 2; this version reads up to 1") as caught:
        read_back(path)
    assert "Upgrade" in caught.value.fix


@pytest.mark.parametrize("text", ["hello\n", "[]\n", '{"journal":"other"}\n', "\0\0\n"])
def test_another_file_is_not_taken_for_a_journal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    with pytest.raises(JournalError, match="not a journal"):
        Journal(path)
    assert path.read_text() == text


def test_unfinished_attempts_are_seen_on_request(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    episode = chain(TASK)
    with Journal(path) as journal:
        attempt = journal.begin(EpisodeKey.of(episode))
        attempt.step(episode.steps[0])
        journal.flush()
        assert read_back(path) == []
        (seen,) = JournalReader(path).attempts(unfinished=True)
        assert (seen.key, seen.steps, seen.ending) == (attempt.key, [episode.steps[0]], None)
        assert seen.episode(TASK).steps == episode.steps[:1]
    with Journal(path) as journal:
        assert journal.finished() == set()
        journal.write(episode)
    attempts = list(JournalReader(path).attempts(unfinished=True))
    assert [(a.number, a.attempt, a.ending is None) for a in attempts] == [
        (1, 2, False),
        (0, 1, True),
    ]


def test_interleaved_attempts_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    wanted = [chain(TASK, 4, seed=seed, answer=str(seed)) for seed in range(5)]
    with Journal(path) as journal:
        attempts = [journal.begin(EpisodeKey.of(episode)) for episode in wanted]
        for number in range(4):
            for attempt, episode in zip(attempts, wanted, strict=True):
                attempt.step(episode.steps[number])
        for attempt, episode in reversed(list(zip(attempts, wanted, strict=True))):
            attempt.end(episode)
    assert read_back(path) == wanted[::-1]


def test_a_second_writer_is_told_who_is_first(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"):
        with pytest.raises(JournalError, match=f"Process {os.getpid()} is already writing"):
            Journal(tmp_path / "j")
        other = subprocess.run(
            [sys.executable, "-c", _SECOND_WRITER, str(tmp_path / "j")],
            capture_output=True,
            text=True,
            check=False,
            cwd=HERE,
        )
        assert (other.returncode, other.stdout) == (3, "")
        assert f"Process {os.getpid()} is already writing this run" in other.stderr
    with Journal(tmp_path / "j"):
        pass


_SECOND_WRITER = """
import sys
from pathlib import Path
from toolenv.errors import JournalError
from toolenv.running.journal import Journal
try:
    Journal(Path(sys.argv[1]))
except JournalError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""


def test_an_episode_that_is_not_what_was_written_is_refused(tmp_path: Path) -> None:
    episode = chain(TASK)
    with Journal(tmp_path / "j") as journal:
        attempt = journal.begin(EpisodeKey.of(episode))
        attempt.step(episode.steps[0])
        with pytest.raises(JournalError, match="not the one whose 1 steps"):
            attempt.end(episode)
        with pytest.raises(JournalError, match="parent"):
            attempt.step(episode.steps[2])
        with pytest.raises(JournalError, match="Step 7 is chosen"):
            journal.write(replace(episode, chosen=7))


@pytest.mark.parametrize(
    "record",
    [
        {"record": "step", "episode": "x", "step": 0},
        {"record": "step", "episode": 0, "step": 1, "parent": 0},
        {"record": "step", "episode": 0, "step": 0, "parent": 0},
        {"record": "step", "episode": 0, "step": 0, "parent": -1},
        {"record": "episode", "episode": 1},
        {"record": "episode", "episode": [], "task": [], "agent": "", "policy": "", "seed": 0},
        {"record": "end", "episode": 7, "steps": 0},
        ending_record(0, Ending(1)),
        ending_record(0, Ending(0, chosen=3)),
        ending_record(9, Ending(0)),
        {"other": 1},
    ],
)
def test_whole_lines_that_make_no_sense_name_their_place(
    tmp_path: Path, record: dict[str, object]
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.begin(EpisodeKey("1", "", "", 0))
    with path.open("ab") as file:
        file.write(frame(record))
    with pytest.raises(JournalError) as caught:
        read_back(path)
    assert caught.value.where == f"{path}:3"


@pytest.mark.parametrize("depth", [149, 190, 260, 600])
def test_deeply_nested_arguments_are_read_back(tmp_path: Path, depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    written = FunctionCall("f", text)
    call = Call("f", json.loads(text), None, text)
    episode = Episode(TASK, (Step(ROOT, 0, Message("", (written,)), (call,), (), ""),))
    with Journal(tmp_path / "j") as journal:
        journal.write(episode)
    assert read_back(tmp_path / "j") == [episode]


@pytest.mark.parametrize("sync", ["never", "second", "episode"])
def test_what_has_ended_can_be_read_before_the_journal_is_closed(tmp_path: Path, sync: str) -> None:
    with Journal(tmp_path / "j", sync=sync) as journal:  # type: ignore[arg-type]
        journal.write(chain(TASK))
        assert read_back(tmp_path / "j") == [chain(TASK)]


_WRITER = """
import sys
from pathlib import Path
from tests.running.episodes_by_hand import chain
from tests.running.test_journal import TASK
from toolenv.running.journal import Journal
from toolenv.running.records import EpisodeKey
journal = Journal(Path(sys.argv[1]), sync="never")
first = len(journal.finished())
for seed in range(first, 100_000):
    episode = chain(TASK, 1 + seed % 40, seed=seed)
    other = journal.begin(EpisodeKey("1", "unfinished", "", seed))
    other.step(episode.steps[0])
    journal.write(episode)
    sys.stdout.write(f"{seed}\\n")
    sys.stdout.flush()
"""


def test_killed_twenty_times_nothing_finished_is_lost(tmp_path: Path) -> None:
    """One journal, 20 writers in turn, each killed after it has printed a random number of keys."""
    path = tmp_path / "journal.jsonl"
    chance = random.Random(20)
    printed: list[int] = []
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=HERE
        ) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 200)):
                printed.append(int(writer.stdout.readline()))
            writer.send_signal(signal.SIGKILL)
            printed += [int(line) for line in writer.stdout if line.endswith(b"\n")]
        scan = JournalReader(path).scan()
        finished = {key.seed for key in scan.finished}
        assert set(printed) <= finished
        assert len(printed) == len(set(printed))
    recovered = {attempt.key.seed: attempt for attempt in JournalReader(path).attempts()}
    for seed in printed:
        assert recovered[seed].episode(TASK) == chain(TASK, 1 + seed % 40, seed=seed)


def test_a_full_disk_leaves_whole_lines_and_can_go_on(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: a write cut short, then refused."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path / "j")],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    assert done.returncode == 0, done.stderr
    assert len(read_back(tmp_path / "j")) == 3


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tests.running.episodes_by_hand import chain
from tests.running.test_journal import TASK, read_back
from toolenv.errors import JournalError
from toolenv.running.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
journal = Journal(path, sync="never")
journal.write(chain(TASK, seed=0))
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, resource.RLIM_INFINITY))
try:
    journal.write(chain(TASK, seed=1))
except JournalError as error:
    assert "File too large" in str(error) and "Make room" in error.fix, error
else:
    sys.exit("was not refused")
assert path.stat().st_size == size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write(chain(TASK, seed=2))
journal.close()
"""
