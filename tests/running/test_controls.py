"""Controls of a benchmark, on task files of a user's own and on the embedded world."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running.tea_shop import PRICES, priced
from toolenv.errors import ConfigurationError
from toolenv.formats import write_tasks
from toolenv.jsontext import render
from toolenv.running.configuration import RunConfiguration
from toolenv.running.controls import run_controls
from toolenv.tasks import Check, Task

SHOP = ("local:tests.running.tea_shop:shop",)


def configured(tasks: list[Task], place: Path, **more: object) -> RunConfiguration:
    write_tasks(tasks, place / "tasks.json")
    given = {"tasks": str(place / "tasks.json"), "simulator": SHOP, "seeds": (0, 1), **more}
    return RunConfiguration.model_validate(given)


def tea(number: int) -> float:
    return list(PRICES.values())[number % len(PRICES)]


def test_a_task_file_with_checks_puts_the_oracle_first(tmp_path: Path) -> None:
    tasks = [priced(n, Check(kind="quantity", value=tea(n), unit="EUR")) for n in range(40)]
    found = run_controls(configured(tasks, tmp_path), tmp_path / "run", noise=0.4)
    assert found.order.verdict == "ordered", found.order.statement
    assert found.order.rates["oracle"].value == 1 and found.order.rates["nothing"].value == 0
    assert not found.unsolved and not found.unknown and not found.by_calls
    assert len(found.run.outcomes()) == 40 * 4 * 2


def test_gold_calls_are_enough(tmp_path: Path) -> None:
    tasks = [priced(n, None) for n in range(30)]
    gold = tmp_path / "gold.jsonl"
    teas = list(PRICES)
    rows = [
        {
            "task": f"{n}",
            "calls": [{"function": "price_for_tea_shop", "arguments": {"tea": teas[n % 4]}}],
        }
        for n in range(29)
    ]
    gold.write_text("\n".join(map(render, rows)), encoding="utf-8")
    found = run_controls(configured(tasks, tmp_path), tmp_path / "run", gold=gold)
    assert found.by_calls == 29 and found.unknown == ("29",)
    assert found.order.rates["oracle"].value == 1
    assert 0.4 < found.order.rates["noisy oracle"].value < 0.9
    assert found.order.rates["nothing"].value == 0 and found.order.verdict == "ordered"


def test_a_check_that_everything_passes_is_a_broken_benchmark(tmp_path: Path) -> None:
    idle = Check(kind="forbidden_calls", calls=({"function": "price", "arguments": {"tea": "x"}},))  # type: ignore[arg-type]
    found = run_controls(
        configured([priced(n, idle) for n in range(30)], tmp_path), tmp_path / "run"
    )
    assert found.order.verdict == "broken"
    assert found.order.statement.startswith("The benchmark is broken: ")


def test_a_wrong_check_is_named(tmp_path: Path) -> None:
    tasks = [priced(n, Check(kind="quantity", value=tea(n), unit="EUR")) for n in range(4)]
    missing = {"function": "price", "arguments": {"tea": "Mate", "cup": 1}}
    wrong = Check.model_validate({"kind": "required_calls", "calls": [missing]})
    found = run_controls(configured([*tasks, priced(7, wrong)], tmp_path), tmp_path / "run")
    assert found.unsolved == ("7",)


def test_what_has_no_solution_is_refused(tmp_path: Path) -> None:
    for given, problem in [
        ({}, "Of none of 2 tasks is the solution known"),
        ({"agents": ("react", "dfsdt")}, "one agent"),
    ]:
        configuration = configured([priced(n, None) for n in range(2)], tmp_path, **given)
        with pytest.raises(ConfigurationError, match=problem):
            run_controls(configuration, tmp_path / "run")
    with pytest.raises(ConfigurationError, match="spoils some"):
        run_controls(RunConfiguration(), tmp_path / "run", noise=1)


def test_without_tools_only_finish_is_offered(tmp_path: Path) -> None:
    from toolenv.running.runner import run

    tasks = [priced(n, Check(kind="quantity", value=tea(n), unit="EUR")) for n in range(3)]
    configuration = configured(tasks, tmp_path, policies=("random",), no_tools=True)
    folder = run(configuration, tmp_path / "run")
    assert all(not one.apis for one in folder.tasks.values())
    called = {
        call.function for one in folder.episodes() for step in one.steps for call in step.calls
    }
    assert called == {"Finish"}
    assert configuration.identity()["no_tools"] is True
    assert "no_tools" not in RunConfiguration().identity()
