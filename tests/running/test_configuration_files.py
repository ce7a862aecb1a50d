"""Configurations from files, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolenv.errors import ConfigurationError
from toolenv.running.configuration import RunConfiguration
from toolenv.running.configuration_files import configure, read_configuration
from toolenv.settings import read_settings

TOML = """
agents = ["react", "dfsdt?breadth=3"]
policies = ["random"]
seeds = [1, 2]
first = 3
policy_concurrency = { "127.0.0.1:8000" = 4 }
"""
JSON = """
{"agents": ["react", "dfsdt?breadth=3"], "policies": ["random"], "seeds": [1, 2], "first": 3,
 "policy_concurrency": {"127.0.0.1:8000": 4}}
"""
YAML = """
agents: [react, "dfsdt?breadth=3"]
policies:
  - random
seeds: [1, 2]
first: 3
policy_concurrency: {"127.0.0.1:8000": 4}
"""


@pytest.mark.parametrize(
    ("name", "text"), [("a.toml", TOML), ("a.json", JSON), ("a.yaml", YAML), ("a.YML", YAML)]
)
def test_a_file_says_the_same_in_every_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert configure(read_settings(tmp_path / name)) == RunConfiguration(
        agents=("react", "dfsdt?breadth=3"),
        policies=("random",),
        seeds=(1, 2),
        first=3,
        policy_concurrency={"127.0.0.1:8000": 4},
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", "agents = [", "Give a TOML file of settings by name"),
        ("a.json", "{", "Give a JSON file of settings by name"),
        ("a.yaml", "a: [", "Give a YAML file of settings by name"),
        ("a.yaml", "- a", "holds a list, and no settings by name"),
        ("a.yaml", "", "holds a NoneType, and no settings by name"),
        ("a.yaml", "!!python/object/apply:os.getpid []", "Give a YAML file"),
    ],
)
def test_a_file_that_is_none_says_what_it_should_be(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_settings(tmp_path / name)
    assert name in refused.value.where


@pytest.mark.parametrize(
    ("option", "nearest"),
    [
        ("polices", "policies"),
        ("agent", "agents"),
        ("max_step", "max_steps"),
        ("run-money", "run_money"),
        ("concurency", "concurrency"),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest_known_one(option: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Did you mean {nearest}") as refused:
        configure({option: 1}, "run.toml")
    assert refused.value.where == f"run.toml: {option}"


def test_one_that_is_like_none_is_told_all() -> None:
    with pytest.raises(ConfigurationError, match="The settings are tasks, split, only"):
        configure({"zzzz": 1})


def test_a_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"seeds\.1: .*integer"):
        configure({"seeds": [1, "x"]})


def test_flags_that_are_given_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TOML)
    flags = {"seeds": [9], "agents": [], "max_steps": None}
    found = read_configuration(tmp_path / "a.toml", flags)
    assert (found.seeds, found.agents, found.max_steps) == ((9,), ("react", "dfsdt?breadth=3"), 16)
    assert read_configuration(None, flags) == RunConfiguration(seeds=(9,))


def test_what_is_wrong_in_a_flag_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("1: x\n")
    with pytest.raises(ConfigurationError, match="There is no such setting") as refused:
        read_configuration(tmp_path / "a.yaml", {"first": 3})
    assert refused.value.where == f"{tmp_path / 'a.yaml'}: 1"
    (tmp_path / "a.yaml").write_text("first: 3\nmax_steps: none\n")
    with pytest.raises(ConfigurationError) as refused:
        read_configuration(tmp_path / "a.yaml", {"first": 0})
    assert refused.value.where == "first"
    with pytest.raises(ConfigurationError) as refused:
        read_configuration(tmp_path / "a.yaml", {})
    assert refused.value.where == f"{tmp_path / 'a.yaml'}: max_steps"
