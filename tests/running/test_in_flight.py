from __future__ import annotations

from pathlib import Path

import pytest

from tests.running.episodes_by_hand import chain
from toolenv.episodes import Episode
from toolenv.running import in_flight
from toolenv.running.in_flight import InFlight, read_in_flight
from toolenv.running.journal import Journal
from toolenv.running.journal_reader import JournalReader
from toolenv.running.records import Attempt, EpisodeKey
from toolenv.tasks import Task

TASK = Task(id="1", instruction="?")


def begun(journal: Journal, episode: Episode, steps: int) -> None:
    attempt = journal.begin(EpisodeKey.of(episode))
    for step in episode.steps[:steps]:
        attempt.step(step)


def test_what_broke_off_stays_until_its_episode_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    one, other = chain(TASK, 5, seed=1), chain(TASK, 5, seed=2)
    with Journal(path, durability="step") as journal:
        begun(journal, one, 2)
        begun(journal, other, 3)
    with Journal(path) as journal:  # durable by the episode this time
        journal.write(one)
    left = JournalReader(path).unfinished()
    assert [(a.key.seed, a.steps) for a in left] == [(2, list(other.steps[:3]))]
    with Journal(path, durability="step") as journal:
        begun(journal, other, 1)
    left = JournalReader(path).unfinished()
    assert [(a.number, a.attempt, len(a.steps)) for a in left] == [(1, 1, 3), (3, 2, 1)]
    with Journal(path) as journal:
        journal.write(other)
    assert JournalReader(path).unfinished() == []
    Journal(path).close()
    assert not (tmp_path / "journal.in-flight.jsonl").exists()


def test_a_torn_line_takes_nothing_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl.zst"
    with Journal(path, durability="step") as journal:
        begun(journal, chain(TASK, 5), 4)
    lines = (tmp_path / "journal.in-flight.jsonl").read_bytes()
    for length in range(0, len(lines), 7):
        (tmp_path / "journal.in-flight.jsonl").write_bytes(lines[:length])
        kept = lines[:length].count(b"\n")
        found = JournalReader(path).unfinished()
        steps = max([len(attempt.steps) for attempt in found], default=-1)
        assert steps in (kept - 1, kept), "a whole line may lack its line feed"


def test_the_file_does_not_grow_with_what_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "_ENDED_BYTES", 10_000)
    episode = chain(TASK, 5)
    writer = InFlight(tmp_path / "steps", sync="never")
    writer.begin(Attempt(0, EpisodeKey("stays", "", "", 0)))
    writer.step(Attempt(0, EpisodeKey("stays", "", "", 0)), 0, episode.steps[0])
    for number in range(1, 100):
        attempt = Attempt(number, EpisodeKey.of(episode))
        writer.begin(attempt)
        for place, step in enumerate(episode.steps):
            writer.step(attempt, place, step)
        writer.end(number)
        assert (tmp_path / "steps").stat().st_size < 20_000
    writer.close()
    (left,) = read_in_flight(tmp_path / "steps")
    assert (left.key.task, left.steps) == ("stays", [episode.steps[0]])
