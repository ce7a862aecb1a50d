from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from toolenv.env import ToolEnv
from toolenv.limits import Budget
from toolenv.running.configuration import RunConfiguration
from toolenv.snapshots import Store


def test_the_default_is_the_embedded_world() -> None:
    env = RunConfiguration().open_environment()
    assert env.fingerprint == ToolEnv().fingerprint
    assert len(env.tasks) == 48


def test_it_survives_json() -> None:
    configuration = RunConfiguration(
        agents=("react", "dfsdt?breadth=3"), seeds=(1, 2), only=("a",), policy_calls=5
    )
    again = RunConfiguration.model_validate(json.loads(configuration.model_dump_json()))
    assert again == configuration


@pytest.mark.parametrize(
    "changes",
    [
        {"concurrency": 3},
        {"record": "somewhere"},
        {"record_failures": True},
        {"record_time": False},
    ],
    ids=str,
)
def test_what_results_do_not_depend_on_is_not_in_the_identity(changes: dict[str, Any]) -> None:
    assert RunConfiguration(**changes).identity() == RunConfiguration().identity()


@pytest.mark.parametrize(
    "changes",
    [
        {"tasks": "other.json"},
        {"split": "I1-inst"},
        {"only": ("a",)},
        {"first": 3},
        {"simulator": ("local:toolenv.mini:mini_snapshot",)},
        {"agents": ("dfsdt",)},
        {"policies": ("openai:m",)},
        {"seeds": (1,)},
        {"max_steps": 3},
        {"policy_calls": 3},
        {"observation_limit": 3},
        {"compatibility": "toolbench"},
        {"system_prompt": ""},
    ],
    ids=str,
)
def test_what_results_depend_on_is_in_the_identity(changes: dict[str, Any]) -> None:
    assert RunConfiguration(**changes).identity() != RunConfiguration().identity()


@pytest.mark.parametrize(
    "changes",
    [
        {"tsks": "x"},
        {"first": 0},
        {"concurrency": 0},
        {"max_steps": 0},
        {"policy_calls": -1},
        {"observation_limit": 0},
        {"seeds": ("x",)},
        {"compatibility": "toolbnch"},
        {"agents": "react"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_the_options_name(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        RunConfiguration(**changes)
    assert refused.value.errors()[0]["loc"][0] == next(iter(changes))


def test_the_environment_is_as_configured(tmp_path: Path) -> None:
    configuration = RunConfiguration(
        split="I1-cat", max_steps=2, system_prompt="Do it.", record=str(tmp_path / "store")
    )
    env = configuration.open_environment()
    env.reset(seed=1)
    assert {task.split for task in env.tasks} == {"I1-cat"}
    assert env.messages[0] == {"role": "system", "content": "Do it."}
    *_, truncated, _ = env.step("nothing")
    assert not truncated
    (name, *_) = env.task.named_apis
    *_, truncated, info = env.step({"name": name, "arguments": {"odd": 1}})
    assert truncated and info["ended"] == "limit:steps"
    env.simulator.close()
    with Store(tmp_path / "store") as store:
        (kept,) = store.records()
        assert kept.identity.function == name


def test_the_budget_is_of_policy_calls() -> None:
    assert RunConfiguration().budget() is None
    assert RunConfiguration(policy_calls=3).budget() == Budget(policy_calls=3)
