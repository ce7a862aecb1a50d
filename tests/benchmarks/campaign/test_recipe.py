"""The recipe is made of commands that there are; a small one is carried out from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks.campaign.commands import carry_out, seconds_of
from benchmarks.campaign.curves import pairs_commands, search_commands
from benchmarks.campaign.recipe import (
    METHODS,
    RANDOM_SIDES,
    TASKS,
    Recipe,
    demonstrations,
    evaluations,
    trainings,
)
from toolenv.cli.main import app
from toolenv.jsontext import render
from toolenv.running.configuration import RunConfiguration
from toolenv.running.runner import run
from toolenv.training.compact_template import COMPACT_TEMPLATES, compact_template
from toolenv.training.data import open_rows
from toolenv.training.folder import TrainingRecord

pytest.importorskip("trl")

SMALL = Recipe(
    expert_tasks=24,
    careless=0.0,
    copying_rows=16,
    explored_tasks=12,
    attempts=1,
    policy_calls=12,
    grpo_steps=1,
    grpo_batch=8,
    workers=1,
)


def parse(arguments: list[str]) -> None:
    """Read a command line as ``toolenv`` does, and do nothing."""
    command: Any = get_command(app)
    left = [*arguments]
    while left and left[0] in getattr(command, "commands", ()):
        command = command.commands[left.pop(0)]
    command.make_context("toolenv", left)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All trainings of a seed, at their smallest; a script explores in its place."""
    root = tmp_path_factory.mktemp("campaign")
    carry_out(demonstrations(SMALL), root)
    commands = trainings(SMALL, 0)
    names = [command.out for command in commands]
    explored = names.index("seed-0/runs/explored")
    carry_out(commands[:explored], root)
    policy = "local:tests.benchmarks.campaign.made:Wavering?train_seed=0&train_count=36"
    configuration = RunConfiguration(
        tasks=f"toolenv.mini.benchmark:train_tasks?count={SMALL.explored_tasks}&start=24",
        simulator=("local:toolenv.mini.benchmark:benchmark_simulator",),
        agents=(SMALL.search,),
        policies=(policy,),
        policy_calls=SMALL.policy_calls,
    )
    run(configuration, root / "seed-0" / "runs" / "explored")
    (root / "done" / "seed-0-runs-explored.json").write_text(
        render({"out": "seed-0/runs/explored", "command": ["run"], "seconds": 0.0})
    )
    carry_out(commands, root)
    return root


def test_every_method_is_trained_from_nothing(campaign: Path) -> None:
    models = campaign / "seed-0" / "models"
    records = {method: TrainingRecord.read(models / method) for method in METHODS}
    assert all(record and record.state == "finished" for record in records.values())
    kinds = [record.kind for record in records.values() if record]
    assert kinds == ["sft", "dpo", "dpo", "sft", "grpo"]
    new, imitating = (models / name / "model.safetensors" for name in ("new", "sft"))
    assert new.read_bytes() != imitating.read_bytes()
    once, again = (
        (models / name / "chat_template.jinja").read_text() for name in ("imitation", "sft")
    )
    assert (once, again) == tuple(compact_template(name) for name in COMPACT_TEMPLATES)
    done = seconds_of(campaign)
    expected = [command.out for command in (*demonstrations(SMALL), *trainings(SMALL, 0))]
    assert set(done) == set(expected)


def test_every_command_has_options_that_there_are(campaign: Path) -> None:
    commands = [*demonstrations(SMALL), *trainings(SMALL, 0)]
    for on in TASKS:
        commands += evaluations(SMALL, 0, on, METHODS)
    for command in commands:
        arguments = command.arguments(campaign)
        if arguments[0] != RANDOM_SIDES:
            parse([*arguments, "--out", str(campaign / command.out)])
    assert len({command.out for command in commands}) == len(commands)


def test_commands_of_curves_have_options_that_there_are(campaign: Path) -> None:
    commands = [*search_commands(SMALL, 0), *pairs_commands(SMALL, 0)]
    for command in commands:
        parse([*command.arguments(campaign), "--out", str(campaign / command.out)])
    (fewer,) = (one for one in commands if one.out.endswith("models/dpo-quarter"))
    counted = len(open_rows(str(campaign / "seed-0/data/pairs"), "dpo"))
    assert f"rows={round(counted / 4)}" in fewer.arguments(campaign)


def test_equal_cost_is_measured_for_what_it_is_compared_with() -> None:
    found = [command.out for command in evaluations(SMALL, 3, "test", ("sft", "grpo"))]
    assert found == [
        *("seed-3/test/sft/react", "seed-3/test/sft/dfsdt", "seed-3/test/sft/react-n"),
        "seed-3/test/grpo/react",
    ]
    once = evaluations(SMALL, 3, "test", ("sft", "grpo"), ("react",))
    assert [command.out for command in once] == [found[0], found[3]]
