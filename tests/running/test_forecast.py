"""What a run would do and cost, told without contacting or writing anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import chat_server
from tests.running.answering_server import ANSWER
from tests.running.processes import toolenv
from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.forecast import forecast
from toolenv.running.runner import run

PRICES = "[models.m]\ninput = 1000\noutput = 1000\n"


@pytest.fixture
def prices(tmp_path: Path) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def asking(url: str, **options: Any) -> RunConfiguration:
    return RunConfiguration(policies=(f"openai:m?base_url={url}",), **options)


def test_what_would_be_done_is_counted_and_nothing_is_contacted_or_written(tmp_path: Path) -> None:
    with chat_server([ANSWER]) as server:
        configuration = asking(
            server.url,
            agents=("react", "dfsdt"),
            seeds=(1, 2, 3),
            first=5,
            record=str(tmp_path / "store"),
            completions=str(tmp_path / "completions"),
        )
        found = forecast(configuration, tmp_path / "run")
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []
    assert (found.tasks, found.seeds, found.episodes, found.finished) == (5, 3, 30, 0)
    assert found.agents == ["react", "dfsdt"]
    assert found.policies == {configuration.policies[0]: server.url.split("/")[2]}
    assert found.writes == [str(tmp_path / name) for name in ("run", "store", "completions")]
    react, dfsdt = found.groups
    assert (react.basis, react.policy_calls, react.tokens) == ("at most", 15 * 16, None)
    assert (dfsdt.basis, dfsdt.policy_calls) == ("unknown", None)


def test_budgets_of_an_episode_are_bounds(prices: str, tmp_path: Path) -> None:
    configuration = asking(
        "http://127.0.0.1:1/v1", first=10, policy_calls=3, tokens=100, prices=prices
    )
    (group,) = forecast(configuration, tmp_path / "run").groups
    assert (group.policy_calls, group.tokens) == (30, 1000)
    assert group.money == pytest.approx(1.0)


def test_earlier_episodes_say_what_the_rest_costs(
    prices: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with chat_server([ANSWER]) as server:
        some = asking(server.url, run_tokens=90, concurrency=1, prices=prices)
        run(some, tmp_path / "run")
        found = forecast(some, tmp_path / "run")
        elsewhere = forecast(
            asking(server.url, agents=("react", "dfsdt"), first=2),
            tmp_path / "new",
            estimate_from=tmp_path / "run",
        )
    assert (found.episodes, found.finished) == (48, 5)
    (group,) = found.groups
    assert (group.basis, group.episodes) == ("as before", 43)
    assert (group.policy_calls, group.tokens) == (43, 43 * 18)
    assert group.money == pytest.approx(43 * 0.018)
    assert found.seconds is not None
    assert [(one.basis, one.tokens) for one in elsewhere.groups] == [
        ("as before", 36),
        ("unknown", None),
    ]


def test_a_simulator_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"snapshot:missing.snap.*no such file"):
        forecast(RunConfiguration(simulator=("snapshot:missing.snap",)), tmp_path / "run")


def test_the_command_prints_it(tmp_path: Path) -> None:
    command = ("run", "--out", "run", "--dry-run", "--first", "3", "--agent", "react")
    done = toolenv(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 tasks × 1 agents × 1 policies × 1 seeds = 3, of which 0 are finished" in done.stdout
    assert done.stdout.splitlines()[-1] == "nothing was contacted or written"
    assert list(tmp_path.iterdir()) == []
    said = json.loads(toolenv(*command, "--json", cwd=tmp_path).stdout)
    assert said["groups"][0]["policy_calls"] == 48
