"""The curves behind the contrasts: what is compared, and how tasks are told apart."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.campaign.curves import (
    BUDGETS,
    PORTIONS,
    STAGES,
    failures_seen,
    main,
    pairs_commands,
    search_commands,
)
from benchmarks.campaign.recipe import Recipe
from tests.benchmarks.campaign.made import measured_run
from toolenv.episodes import Status
from toolenv.mini.benchmark import benchmark_tasks
from toolenv.mini.benchmark.plans import plan_of
from toolenv.mini.benchmark.signs import FAILURES


def test_search_has_attempts_of_its_cost_beside_it_at_every_budget() -> None:
    commands = {command.out: command for command in search_commands(Recipe(), 2)}
    for stage in STAGES:
        assert f"seed-2/validation/{stage}/react" in commands
        for calls in BUDGETS:
            home = f"seed-2/validation/{stage}"
            searching = commands[f"{home}/dfsdt-{calls}"].arguments(Path("root"))
            assert searching[searching.index("--policy-calls") + 1] == str(calls)
            equal = commands[f"{home}/react-n-{calls}"].arguments(Path("root"))
            assert f"react@n?match=root/{home}/dfsdt-{calls}" in equal


def test_more_pairs_come_of_tasks_that_were_not_explored_before() -> None:
    recipe = Recipe(expert_tasks=100, explored_tasks=20)
    commands = {command.out: command for command in pairs_commands(recipe, 1)}
    for run in ("explored-more", "attempts-more"):
        words = commands[f"seed-1/runs/{run}"].arguments(Path("root"))
        assert words[2] == "toolenv.mini.benchmark:train_tasks?seed=1&count=60&start=120"
    assert "seed-1/models/dpo" not in commands  # the campaign's own
    measured = {f"seed-1/validation/{name}/react" for name in ("sft", *PORTIONS)}
    assert measured <= set(commands)


def test_tasks_are_told_apart_by_whether_failures_can_be_seen() -> None:
    silent = {name for name, (status, _) in FAILURES.items() if status is Status.OK}
    found = Counter[str]()
    for number in range(300):
        plan = plan_of(f"validation-{number}")
        told = failures_seen(plan)
        failing = {plan.fates[plan.offers.index(one)] for one in plan.relevant} - {None}
        assert (told == "not solvable") == (not plan.solvable)
        if plan.solvable:
            assert (told == "none") == (not failing)
            assert (told == "hidden") == bool(failing & silent)
        found[told] += 1
    assert set(found) == {"none", "seen", "hidden", "not solvable"}


def test_what_was_measured_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = list(benchmark_tasks("I1-inst"))[:60]
    solvable = [plan_of(task.id).solvable for task in tasks]
    measured_run(tmp_path, tasks, [0, 1], "sft", "react", lambda seed, task: False, calls=3)
    measured_run(
        tmp_path, tasks, [0, 1], "sft", "dfsdt", lambda seed, task: solvable[task], calls=6
    )
    monkeypatch.setattr(
        "sys.argv", ["curves", "visibility", "--out", str(tmp_path), "--seeds", "2"]
    )
    main()
    printed = capsys.readouterr().out
    assert "2 trainings, 60 tasks (test)" in printed
    lines = [line for line in printed.splitlines() if "sft, dfsdt − sft, react" in line]
    both = "+100.0 (+100.0 to +100.0)"
    assert sorted(lines[0].split(" | ")[2:]) == sorted([both, "+0.0 (+0.0 to +0.0) |"])
    assert lines[1].count("+100.0 (") == 3
    assert "react-n" not in printed


def test_a_campaign_that_measured_nothing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["curves", "visibility", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"error: .*Nothing was measured on test for all of"):
        main()
