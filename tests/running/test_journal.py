from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import isnan, nan
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pandas
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.running.episodes_by_hand import chain, episodes, steps_as_taken
from toolenv.episodes import ROOT, Call, Episode, FunctionCall, Message, Step, number_in_preorder
from toolenv.errors import JournalError
from toolenv.running.attempts import EncodedAttempt, encode_attempt
from toolenv.running.framing import Damage, Frame, compress, walk
from toolenv.running.journal import Durability, Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.running.results import result_of
from toolenv.tasks import Task

HERE = Path(__file__).parents[2]
TASK = Task(id="1", instruction="What is the weather in Paris?")


def read_back(path: Path, task: Task = TASK, *, skip_corrupt: bool = False) -> list[Episode]:
    reader = JournalReader(path, skip_corrupt=skip_corrupt)
    looked_up = [attempt.episode(task) for attempt in reader.last_attempts()]
    from_end_to_end = {attempt.key: attempt.episode(task) for attempt in reader.attempts()}
    assert {EpisodeKey.of(episode): episode for episode in looked_up} == from_end_to_end
    results = {result.key: result._replace(split=task.split) for result in reader.results()}
    assert results == {key: result_of(episode) for key, episode in from_end_to_end.items()}
    reader.close()
    return looked_up


Small = tuple[bytes, list[tuple[int, Episode]]]


@pytest.fixture(scope="module")
def small() -> Small:
    """A journal's bytes, and its episodes, each with the offset behind its frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl.zst")
        ends: list[tuple[int, Episode]] = []
        with Journal(path, sync="never") as journal:
            for seed in range(3):
                episode = chain(TASK, 1 + seed // 2, seed=seed)
                journal.write(episode)
                ends.append((path.stat().st_size, episode))
        return path.read_bytes(), ends


@given(episodes())
@settings(max_examples=200, deadline=None)
def test_any_episode_is_read_back_as_it_was(episode: Episode) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl.zst")
        with Journal(path, sync="never") as journal:
            journal.write(episode)
            assert journal.finished() == {EpisodeKey.of(episode)}
        assert read_back(path, episode.task) == [episode]
        assert JournalReader(path).finished() == {EpisodeKey.of(episode)}


@given(steps_as_taken(), st.data(), st.sampled_from(["episode", "step"]))
@settings(max_examples=100, deadline=None)
def test_steps_written_as_taken_are_read_in_preorder(
    taken: list[Step], data: st.DataObject, durability: Durability
) -> None:
    steps, _ = number_in_preorder(taken)
    episode = Episode(TASK, steps, data.draw(st.integers(ROOT, len(steps) - 1)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.jsonl.zst")
        with Journal(path, sync="never", durability=durability) as journal:
            attempt = journal.begin(EpisodeKey.of(episode))
            for step in taken:
                attempt.step(step)
            under_way = [a.episode(TASK).steps for a in JournalReader(path).unfinished()]
            assert under_way == ([steps] if durability == "step" else [])
            attempt.end(episode)
            assert JournalReader(path).unfinished() == []
        assert read_back(path) == [episode]
        assert not Path(folder, "journal.in-flight.jsonl").exists()


def test_rewards_that_are_no_number_stay_none(tmp_path: Path) -> None:
    episode = chain(TASK, 1)
    steps = (episode.steps[0]._replace(reward=nan),)
    with Journal(tmp_path / "j") as journal:
        journal.write(replace(episode, steps=steps, reward=nan))
        journal.write(replace(episode, steps=steps, reward=float("inf"), seed=1))
    reader = JournalReader(tmp_path / "j")
    assert all(isnan(result.reward) for result in reader.results())
    read = [attempt.episode(TASK) for attempt in reader.last_attempts()]
    assert all(isnan(one.reward) and isnan(one.steps[0].reward) for one in read)


def test_other_programs_read_the_lines_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    with Journal(path) as journal:
        journal.write(chain(TASK))
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        table = pandas.read_json(path, lines=True)
    assert [r.get("record", "header") for r in records] == [
        "header",
        "episode",
        *["step"] * 3,
        "end",
    ]
    assert records[2]["calls"][0]["arguments"] == {"city": "Paris"}
    assert list(table["record"][1:]) == ["episode", *["step"] * 3, "end"]
    if zstdcat := shutil.which("zstdcat"):
        shown = subprocess.run([zstdcat, path], capture_output=True, check=True).stdout
        assert [json.loads(line) for line in shown.splitlines()] == records


def test_truncated_anywhere_it_reopens_with_what_was_whole(tmp_path: Path, small: Small) -> None:
    written, ends = small
    more = chain(TASK, 2, seed=99)
    path = tmp_path / "journal.jsonl.zst"
    for length in range(len(written) + 1):
        path.write_bytes(written[:length])
        whole = [episode for end, episode in ends if end <= length]
        with Journal(path, sync="never") as journal:
            assert journal.finished() == {EpisodeKey.of(episode) for episode in whole}
            journal.write(more)
        read = [attempt.episode(TASK) for attempt in JournalReader(path).attempts()]
        assert read == [*whole, more]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"x", b"\x28\xb5\x2f\xfd" * 9, os.urandom(3000)])
def test_a_corrupt_tail_is_cut_away(tmp_path: Path, small: Small, tail: bytes) -> None:
    """As file systems leave it that extend a file before they write it."""
    written, ends = small
    path = tmp_path / "journal.jsonl.zst"
    path.write_bytes(written + tail)
    assert read_back(path) == [episode for _, episode in ends]
    with Journal(path):
        pass
    assert path.read_bytes() == written


def test_a_flipped_byte_is_detected_or_changes_nothing(tmp_path: Path, small: Small) -> None:
    """zstd leaves a few bits without a meaning; all others are noticed."""
    written, ends = small
    path, index = tmp_path / "journal.jsonl.zst", tmp_path / "journal.index"
    episodes = [episode for _, episode in ends]
    path.write_bytes(written)
    frames = [piece for piece in walk(path) if isinstance(piece, Frame)]
    chance, noticed = random.Random(7), 0
    for place in range(len(written)):
        damaged = bytearray(written)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        index.unlink(missing_ok=True)
        begun = max(frame.offset for frame in frames if frame.offset <= place)
        try:
            read = read_back(path)
        except JournalError as error:
            noticed += 1
            assert error.where == (f"{path}:{begun}" if begun else str(path))
            continue
        if begun == frames[-1].offset and read != episodes:
            noticed += 1  # no whole frame behind it: a torn tail, as after a crash
            assert read == episodes[:-1]
        else:
            assert read == episodes
    assert noticed > 0.97 * len(written)


def test_what_is_damaged_can_be_skipped_and_is_closed_off(tmp_path: Path, small: Small) -> None:
    written, ends = small
    path = tmp_path / "journal.jsonl.zst"
    broken = bytearray(written)
    broken[(ends[0][0] + ends[1][0]) // 2] ^= 1
    path.write_bytes(broken)
    kept = [ends[0][1], ends[2][1]]
    assert read_back(path, skip_corrupt=True) == kept
    assert JournalReader(path).damaged() == [Damage(ends[0][0], ends[1][0] - ends[0][0])]
    with pytest.raises(JournalError, match="damaged"):
        Journal(path)
    with Journal(path, skip_corrupt=True) as journal:
        assert len(journal.finished()) == 2
        journal.write(ends[1][1])
    assert read_back(path) == [*kept, ends[1][1]]
    assert JournalReader(path).damaged() == []
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        assert sum('"record":"end"' in line for line in file) == 3


def test_damage_behind_a_good_index_is_found_when_it_is_read(tmp_path: Path, small: Small) -> None:
    written, ends = small
    path = tmp_path / "journal.jsonl.zst"
    path.write_bytes(written)
    assert len(read_back(path)) == 3
    broken = bytearray(written)
    broken[(ends[0][0] + ends[1][0]) // 2] ^= 1
    path.write_bytes(broken)
    with pytest.raises(JournalError, match="damaged"):
        JournalReader(path).attempt(EpisodeKey.of(ends[1][1]))
    with Journal(path, skip_corrupt=True) as journal:
        assert journal.finished() == {EpisodeKey.of(ends[place][1]) for place in (0, 2)}


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    path.write_bytes(compress(b'{"journal":"toolenv","version":2,"more":"of another kind"}\n'))
    with pytest.raises(JournalError, match="format 2; this version reads up to 1") as caught:
        read_back(path)
    assert "Upgrade" in caught.value.fix


@pytest.mark.parametrize(
    "content", [b"hello\n", b"[]\n", compress(b'{"journal":"other"}\n'), b"\0\0\n"]
)
def test_another_file_is_not_taken_for_a_journal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.jsonl.zst"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="not a journal"):
        Journal(path)
    with pytest.raises(JournalError, match="not a journal"):
        Journal(path, skip_corrupt=True)
    assert path.read_bytes() == content


def test_attempts_are_counted_and_the_last_finished_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    failed = chain(TASK, outcome="infrastructure_error")
    with Journal(path) as journal:
        journal.write(failed)
        journal.begin(EpisodeKey.of(failed))
    with Journal(path) as journal:
        journal.write(chain(TASK))
    assert read_back(path) == [chain(TASK)]
    attempts = [(a.number, a.attempt, a.result) for a in JournalReader(path).attempts()]
    assert [(number, attempt) for number, attempt, _ in attempts] == [(0, 1), (1, 2)]
    assert [result.outcome for _, _, result in attempts if result] == [
        "infrastructure_error",
        "passed",
    ]


def test_attempts_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    wanted = [chain(TASK, 4, seed=seed, answer=str(seed)) for seed in range(5)]
    with Journal(path, durability="step") as journal:
        attempts = [journal.begin(EpisodeKey.of(episode)) for episode in wanted]
        for number in range(4):
            for attempt, episode in zip(attempts, wanted, strict=True):
                attempt.step(episode.steps[number])
        for attempt, episode in reversed(list(zip(attempts, wanted, strict=True))):
            attempt.end(episode)
    assert read_back(path) == wanted[::-1]


def encoded_elsewhere(attempt: Attempt) -> tuple[int, EncodedAttempt]:
    return os.getpid(), encode_attempt(attempt, chain(TASK, 4, seed=attempt.key.seed))


def test_worker_processes_encode_what_one_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    wanted = [chain(TASK, 4, seed=seed) for seed in range(12)]
    with ProcessPoolExecutor(2, get_context("spawn")) as workers, Journal(path) as journal:
        attempts = [journal.allot(EpisodeKey.of(episode)) for episode in wanted]
        for process, encoded in workers.map(encoded_elsewhere, attempts):
            assert process != os.getpid()
            journal.append(encoded)
    assert read_back(path) == wanted


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


def test_an_episode_that_is_not_what_was_begun_is_refused(tmp_path: Path) -> None:
    episode = chain(TASK)
    with Journal(tmp_path / "j") as journal:
        attempt = journal.begin(EpisodeKey.of(episode))
        attempt.step(episode.steps[0])
        with pytest.raises(JournalError, match="has 3 steps; 1 were written"):
            attempt.end(episode)
        with pytest.raises(JournalError, match="not the one begun"):
            attempt.end(chain(TASK, 1, seed=5))
        with pytest.raises(JournalError, match="Step 7 is chosen"):
            journal.write(replace(episode, chosen=7))
        with pytest.raises(JournalError, match="Step 0 names step 1"):
            journal.write(replace(episode, steps=episode.steps[::-1]))
    assert read_back(tmp_path / "j") == []


def test_a_step_before_its_parent_is_refused_where_steps_are_written(tmp_path: Path) -> None:
    episode = chain(TASK)
    with Journal(tmp_path / "j", durability="step") as journal:
        attempt = journal.begin(EpisodeKey.of(episode))
        with pytest.raises(JournalError, match="Step 0 names step 1 as its parent"):
            attempt.step(episode.steps[2])


BEGUN = {"record": "episode", "episode": 0, "task": "1", "agent": "", "policy": "", "seed": 0}
ENDED = {"record": "end", "episode": 0, "chosen": -1, "steps": 0, "reward": 0.0, "cost": {}}


@pytest.mark.parametrize(
    "records",
    [
        [{"other": 1}],
        [BEGUN],
        [{**BEGUN, "attempt": 1}],
        [{**BEGUN, "attempt": 1}, {**ENDED, "steps": 1}],
        [{**BEGUN, "attempt": 1}, {**ENDED, "chosen": 3}],
        [{**BEGUN, "attempt": 1}, {**ENDED, "reward": None, "unheard of": 1}],
        [{**BEGUN, "attempt": 1}, {**ENDED, "cost": None}],
        [{**BEGUN, "attempt": 1}, {"record": "step", "episode": 0, "step": 0, "parent": 0}, ENDED],
        [{**BEGUN, "attempt": 1}, {"record": "step", "episode": 0, "step": 1}, ENDED],
        [{**BEGUN, "attempt": 1}, ENDED, ENDED],
    ],
)
def test_whole_frames_that_make_no_sense_name_their_place(
    tmp_path: Path, records: list[dict[str, object]]
) -> None:
    path = tmp_path / "journal.jsonl.zst"
    Journal(path).close()
    place = path.stat().st_size
    with path.open("ab") as file:
        file.write(compress(b"".join(json.dumps(one).encode() + b"\n" for one in records)))
    with pytest.raises(JournalError) as caught:
        read_back(path)
    assert caught.value.where == f"{path}:{place}"


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


def write_on_and_on(path: Path, durability: Durability, told: Connection) -> None:
    journal = Journal(path, sync="never", durability=durability)
    first = len(journal.finished())
    told.send(first)
    for seed in range(first, 100_000):
        episode = chain(TASK, 1 + seed % 40, seed=seed)
        other = journal.begin(EpisodeKey("1", "unfinished", "", seed))
        other.step(episode.steps[0])
        journal.write(episode)
        told.send(seed)
        if seed % 50 == 0:
            journal.flush()


@pytest.mark.parametrize(("durability", "kills"), [("episode", 35), ("step", 15)])
def test_killed_fifty_times_nothing_finished_is_lost_or_done_twice(
    tmp_path: Path, durability: Durability, kills: int
) -> None:
    """Writers of one journal in turn, each killed after it has told a random number of seeds."""
    path = tmp_path / "journal.jsonl.zst"
    chance = random.Random(kills)
    told: list[int] = []
    for _ in range(kills):
        hears, tells = Pipe(duplex=False)
        writer = get_context("fork").Process(target=write_on_and_on, args=(path, durability, tells))
        writer.start()
        tells.close()
        assert hears.recv() >= len(told)
        told += [hears.recv() for _ in range(chance.randrange(150))]
        writer.kill()
        with contextlib.suppress(EOFError):
            while True:
                told.append(hears.recv())
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        assert set(told) <= {key.seed for key in JournalReader(path).finished()}
        assert len(told) == len(set(told))
    recovered = list(JournalReader(path).attempts())
    assert sorted(attempt.key.seed for attempt in recovered) == list(range(len(recovered)))
    for attempt in recovered:
        seed = attempt.key.seed
        assert attempt.episode(TASK) == chain(TASK, 1 + seed % 40, seed=seed)
    assert bool(JournalReader(path).unfinished()) == (durability == "step")


def test_clocks_that_jump_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day set back and forth, and the monotonic clock on, as after a suspension."""
    written: set[bytes] = set()
    for number in range(20):
        chance, passed = random.Random(number), itertools.count(0, number * 3600)
        with monkeypatch.context() as clocks:
            if number:
                clocks.setattr(time, "time", lambda: chance.uniform(-1e9, 4e9))  # noqa: B023
                clocks.setattr(time, "monotonic", lambda: float(next(passed)))  # noqa: B023
            path = tmp_path / str(number) / "journal.jsonl.zst"
            path.parent.mkdir()
            for _ in range(3):
                with Journal(path) as journal:
                    for episode in [chain(TASK, 2, seed=seed) for seed in range(10)]:
                        journal.write(episode)
        assert len(JournalReader(path).finished()) == 10
        written.add(path.read_bytes())
    assert len(written) == 1


def test_a_full_disk_leaves_whole_frames_and_can_go_on(tmp_path: Path) -> None:
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
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 70, resource.RLIM_INFINITY))
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
