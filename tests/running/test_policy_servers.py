"""Requests under way at policy servers: shared by all policies that ask one, fewer after 429s."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import Reply, chat_server
from tests.running import policies_by_hand
from tests.running.answering_server import ANSWER
from toolenv.errors import ConfigurationError
from toolenv.places import Occupancy
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.running.tally import Progress

SOON = (("Content-Type", "application/json"), ("retry-after-ms", "5"))
TOO_MANY = Reply({"error": {"message": "slow down"}}, 429, SOON)
BY_HAND = f"local:{policies_by_hand.__name__}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Crowded:
    """Answers so many at a time and refuses the others; notes how many came at once."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.under_way = self.most = self.refused = 0
        self._lock = threading.Lock()
        self._full = threading.Event()

    def __call__(self, request: dict[str, Any]) -> Reply | dict[str, Any]:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            crowded = self.under_way > self.room
            self.refused += crowded
            if crowded:
                self._full.set()
            elif self.under_way < self.room:
                self._full.clear()
        try:
            self._full.wait(0.05)
            return TOO_MANY if crowded else ANSWER
        finally:
            with self._lock:
                self.under_way -= 1


def test_a_server_that_refuses_some_breaks_no_episode_and_is_asked_less(tmp_path: Path) -> None:
    crowded = Crowded(room=4)
    seen: list[Occupancy] = []
    seen_at: list[str] = []

    def note(progress: Progress) -> None:
        seen.extend(progress.tally.servers().values())
        seen_at.extend(progress.tally.servers())

    with chat_server(crowded) as server:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={server.url}&max_retries=0",), concurrency=48
        )
        folder = run(configuration, tmp_path / "run", report=note)
        assert set(seen_at) == {server.url.split("/")[2]}
    assert {row.ended for row in folder.results()} == {"answer"}
    assert crowded.refused > 0
    assert seen[-1].refusals == crowded.refused
    limits = [one.limit for one in seen if one.limit is not None]
    assert 1 <= min(limits) < 48


def test_two_policies_at_one_server_share_its_places(tmp_path: Path) -> None:
    crowded = Crowded(room=1000)
    with chat_server(crowded) as server:
        configuration = RunConfiguration(
            policies=tuple(f"openai:{model}?base_url={server.url}" for model in ("m", "n")),
            concurrency=32,
            policy_concurrency=3,
        )
        run(configuration, tmp_path / "run")
    assert crowded.most == 3


def test_a_limit_by_server_is_for_that_server_alone(tmp_path: Path) -> None:
    narrow, wide = Crowded(room=1000), Crowded(room=1000)
    with chat_server(narrow) as one, chat_server(wide) as other:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={one.url}", f"openai:m?base_url={other.url}"),
            concurrency=32,
            policy_concurrency={one.url.split("/")[2]: 2},
        )
        run(configuration, tmp_path / "run")
    assert narrow.most == 2 < wide.most


def test_a_policy_without_a_client_of_ours_is_limited_too(tmp_path: Path) -> None:
    policies_by_hand.Crowd.most = 0
    configuration = RunConfiguration(
        policies=(f"{BY_HAND}:Crowd",), concurrency=16, policy_concurrency={"crowd": 2}, first=16
    )
    run(configuration, tmp_path / "run")
    assert policies_by_hand.Crowd.most == 2


def test_a_limit_for_a_server_that_nobody_asks_is_refused(tmp_path: Path) -> None:
    configuration = RunConfiguration(policy_concurrency={"nowhere:1": 2})
    with pytest.raises(ConfigurationError, match="No policy asks nowhere:1"):
        run(configuration, tmp_path / "run")


def test_a_quota_that_is_spent_is_not_waited_for(tmp_path: Path) -> None:
    spent = Reply({"error": {"message": "quota", "code": "insufficient_quota"}}, 429, SOON)
    with chat_server([spent]) as server:
        configuration = RunConfiguration(
            policies=(f"openai:m?base_url={server.url}&max_retries=0",), first=2
        )
        rows = run(configuration, tmp_path / "run").results()
    assert {row.outcome for row in rows} == {"infrastructure_error"}
    assert len(server.requests) == 2


def test_a_limit_on_the_simulator_is_shown_too(tmp_path: Path) -> None:
    seen: list[dict[str, Occupancy]] = []
    configuration = RunConfiguration(first=3, simulator_concurrency=5)
    run(
        configuration,
        tmp_path / "run",
        report=lambda progress: seen.append(dict(progress.tally.servers())),
    )
    assert {name: places.limit for name, places in seen[-1].items()} == {"simulator limit 1": 5}
