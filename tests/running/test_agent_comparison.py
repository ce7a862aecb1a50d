"""Agents on the same tasks, seeds and budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.errors import ConfigurationError
from toolenv.running.agent_comparison import AgentComparison, compare_agents, row_of_agent
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run

KEYWORDS = "local:toolenv.mini:KeywordPolicy"
SMALL = RunConfiguration(policies=(KEYWORDS,), policy_calls=20, first=20, seeds=(0, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def found(folder: Path) -> AgentComparison:
    return compare_agents(SMALL, folder / "out", agents=("react", "react@n", "dfsdt", "best-of-n"))


def test_each_agent_has_a_row_of_all_episodes_in_the_order_asked_for(
    found: AgentComparison,
) -> None:
    assert [row.agent for row in found.rows] == ["react", "react@n", "dfsdt", "best-of-n"]
    assert {row.episodes for row in found.rows} == {40} and found.shared == 40


def test_react_at_n_spends_what_dfsdt_has_spent_episode_by_episode(
    folder: Path, found: AgentComparison
) -> None:
    costs = {}
    for agent in ("dfsdt", "react-n"):
        with RunFolder.open(folder / "out" / agent) as run_folder:
            costs[agent] = {
                (row.task, row.seed): row.cost.policy_calls for row in run_folder.results()
            }
    assert costs["react-n"] == costs["dfsdt"] and costs["dfsdt"]


def test_dfsdt_passes_whatever_react_passes(found: AgentComparison) -> None:
    assert found.lost["dfsdt"] == 0
    react, dfsdt = found.rows[0], found.rows[2]
    assert dfsdt.any_passed - react.any_passed == found.gained["dfsdt"] > 0


def test_headroom_is_the_share_of_react_runs_without_an_answer(found: AgentComparison) -> None:
    react = found.rows[0]
    assert found.headroom == (react.episodes - react.answered) / react.episodes


def test_curves_rise_to_the_pass_rate_at_the_cost_of_the_last_pass(found: AgentComparison) -> None:
    for row in found.rows:
        shares = [share for _, share in row.curve]
        assert shares == sorted(shares) and shares[-1] == row.rate
        assert all(1 <= at <= 20 for at, _ in (*row.curve, *row.any_curve))
        assert row.any_curve[-1][1] == row.any_passed / row.episodes


def test_any_of_n_is_never_less_than_the_one_selected(found: AgentComparison) -> None:
    assert all(row.any_passed >= row.passed and row.regret >= 0 for row in found.rows)


def test_an_agent_compared_with_nothing_has_a_row_as_well(tmp_path: Path) -> None:
    with run(SMALL, tmp_path / "run") as alone:
        row = row_of_agent("react", alone.episodes())
    assert (row.episodes, row.undecided) == (40, 0) and row.rate == row.passed / 40


def test_several_policies_are_refused(tmp_path: Path) -> None:
    two = SMALL.model_copy(update={"policies": (KEYWORDS, "random")})
    with pytest.raises(ConfigurationError, match="2 policies"):
        compare_agents(two, tmp_path / "out")


def test_agents_of_one_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="alike"):
        compare_agents(SMALL, tmp_path / "out", agents=("dfsdt?breadth=2", "dfsdt-breadth-2"))


# --- matching ------------------------------------------------------------------------------------


def matched(tmp_path: Path, agent: str, policy: str = KEYWORDS) -> RunConfiguration:
    return SMALL.model_copy(
        update={"agents": (f"{agent}?match={tmp_path / 'other'}",), "policies": (policy,)}
    )


def test_only_react_at_n_is_matched(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "other").close()
    with pytest.raises(ConfigurationError, match="cannot be matched"):
        run(matched(tmp_path, "dfsdt"), tmp_path / "run")


def test_it_is_matched_with_a_run_of_the_same_policy(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "other").close()
    with pytest.raises(ConfigurationError, match="nothing of the policy random"):
        run(matched(tmp_path, "react@n", "random"), tmp_path / "run")


def test_it_is_matched_with_one_agent(tmp_path: Path) -> None:
    two = SMALL.model_copy(update={"agents": ("react", "dfsdt")})
    run(two, tmp_path / "other").close()
    with pytest.raises(ConfigurationError, match="2 agents"):
        run(matched(tmp_path, "react@n"), tmp_path / "run")
