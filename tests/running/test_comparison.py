from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from toolenv.errors import ConfigurationError, JournalError
from toolenv.running.comparison import differing_parts, refuse_different
from toolenv.running.configuration import RunConfiguration
from toolenv.running.manifest import Manifest
from toolenv.running.runner import run

POLICY = "local:toolenv.mini:KeywordPolicy"


def manifest(path: Path, **changes: Any) -> Manifest:
    configuration = RunConfiguration(**{"policies": (POLICY,), "first": 1, **changes})
    return run(configuration, path).manifest


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return manifest(tmp_path_factory.mktemp("runs") / "plain")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"policies": ("random",), "agents": ("dfsdt",), "seeds": (3,)}, []),
        ({"max_steps": 3}, ["limits"]),
        ({"system_prompt": "Do it."}, ["prompt"]),
        ({"compatibility": "toolbench"}, ["action format"]),
        ({"simulator": ("local:toolenv.mini:mini_snapshot",)}, ["simulator"]),
        ({"split": "I2-cat"}, ["documents", "tasks"]),
        ({"observation_limit": 9, "system_prompt": ""}, ["limits", "prompt"]),
    ],
    ids=str,
)
def test_what_differs_is_named(
    plain: Manifest, tmp_path: Path, changes: dict[str, Any], parts: list[str]
) -> None:
    other = manifest(tmp_path / "other", **changes)
    assert differing_parts(plain, other) == parts
    assert refuse_different(plain, other, force=True) == parts
    assert refuse_different(plain, other, apart_from=parts) == []
    if parts:
        with pytest.raises(ConfigurationError, match=f"{parts[0]} \\(.* and ") as refused:
            refuse_different(plain, other)
        assert all(part in refused.value.what for part in parts) and refused.value.fix
    else:
        assert refuse_different(plain, other) == []


def test_a_run_of_before_there_were_parts_differs_as_a_whole(plain: Manifest) -> None:
    old = plain.model_copy(update={"environment": {}})
    assert differing_parts(plain, old) == []
    other = old.model_copy(update={"fingerprints": {"environment": "environment-0"}})
    assert differing_parts(plain, other) == ["environment"]


def test_runs_that_were_judged_differently_are_not_compared(plain: Manifest) -> None:
    one, other = (
        plain.model_copy(update={"fingerprints": {**plain.fingerprints, "judge": judge}})
        for judge in ("judge-1", "judge-2")
    )
    assert differing_parts(one, other) == ["judge"]
    assert differing_parts(one, plain) == []


def test_the_parts_are_in_the_manifest_and_make_up_the_fingerprint(plain: Manifest) -> None:
    assert list(plain.environment) == [
        "action format",
        "documents",
        "limits",
        "prompt",
        "simulator",
        "tasks",
    ]
    assert plain.configuration["offline"] is False and plain.network == {}


def test_a_resumed_run_names_the_part_that_changed(tmp_path: Path) -> None:
    manifest(tmp_path / "run")
    with pytest.raises(JournalError, match=r"environment\.prompt"):
        run(
            RunConfiguration(policies=(POLICY,), first=1, system_prompt=""),
            tmp_path / "run",
            resume=True,
        )
