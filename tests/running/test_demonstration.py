from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.errors import ConfigurationError
from toolenv.running.demonstration import Demonstration, demonstrate
from toolenv.running.tally import Progress
from toolenv.snapshots import Snapshot


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    return demonstrate(tmp_path_factory.mktemp("demo") / "out")


def test_two_agents_over_three_policies_attempt_every_task(shown: Demonstration) -> None:
    rows = shown.live.results()
    assert len(rows) == 2 * 3 * 48
    assert {row.policy for row in rows} >= {"random", "keyword", "oracle"}
    assert all(row.outcome in ("passed", "failed") for row in rows)


def test_pass_rates_tell_policies_and_agents_apart(shown: Demonstration) -> None:
    def passed(agent: str, policy: str) -> int:
        return sum(
            row.outcome == "passed"
            for row in shown.live.results()
            if (row.agent, row.policy) == (agent, policy)
        )

    assert passed("react", "oracle") == 48
    assert passed("react", "random") < passed("react", "keyword") < passed("dfsdt", "keyword")


def test_what_react_passes_the_search_passes_too(shown: Demonstration) -> None:
    rows = {row.key: row for row in shown.live.results()}
    for key, row in rows.items():
        if key.agent == "react" and row.answer is not None:
            assert rows[key._replace(agent="dfsdt")].answer == row.answer


def test_the_snapshot_alone_gives_every_episode_again(shown: Demonstration) -> None:
    assert shown.different == []
    assert len(shown.replayed.results()) == len(shown.live.results())
    sources = {source for row in shown.replayed.results() for source in row.calls_by_source}
    assert sources == {"environment", "snapshot"}, "no code of the world has run"
    with Snapshot(shown.snapshot) as snapshot:
        snapshot.verify()
        assert snapshot.manifest == shown.manifest


def test_done_again_it_is_the_same_and_replaces_what_it_left(shown: Demonstration) -> None:
    out = shown.snapshot.parent
    before = (out / "live" / "results.jsonl").read_bytes()
    (out / "stale").mkdir()
    seen: list[Progress] = []
    again = demonstrate(out, report=seen.append)
    assert again.manifest.digest == shown.manifest.digest
    assert (out / "live" / "results.jsonl").read_bytes() == before
    assert not (out / "stale").exists()
    assert [one.done for one in seen] == [*range(289), *range(289)], "both runs are reported"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="holds something else"):
        demonstrate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
