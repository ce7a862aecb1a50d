"""``toolenv controls``: whether a benchmark puts what must be best above what must be worst."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.controls import ControlRun

__all__ = ["controls"]

_SHOWN = 10


def controls(
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    gold: Annotated[
        Path | None, typer.Option(help="JSON Lines of gold calls and answers by task.")
    ] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="As for 'toolenv run'; several: in turn.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="The strategy. Default: react.")] = None,
    noise: Annotated[
        float, typer.Option(help="The chance that the noisy oracle spoils a message.")
    ] = 0.3,
    seed: Annotated[
        list[int] | None, typer.Option(help="A seed; repeatable. Default: 0, 1 and 2.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A task's id; repeatable.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one branch.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Episodes in flight.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Test a benchmark with policies whose order is known: oracle, noisy oracle, random, nothing.

    The oracle makes the gold calls, or those that the check requires, and gives a right answer.
    Exits with 1 if the benchmark is broken: if one does not come above the next.

    Examples:

      toolenv controls --out runs/controls

      toolenv controls --tasks tea.json --simulator local:shop:make_shop --out runs/controls

      toolenv controls --tasks G1.json --gold gold.jsonl --simulator snapshot:g1.snap --out c
    """
    with friendly_errors():
        from toolenv.cli.progress import progress
        from toolenv.running.configuration_files import read_configuration
        from toolenv.running.controls import run_controls

        configuration = read_configuration(
            None,
            {
                "tasks": tasks,
                "simulator": simulator,
                "agents": [agent] if agent else None,
                "seeds": seed or [0, 1, 2],
                "split": split,
                "only": only,
                "first": first,
                "max_steps": max_steps,
                "concurrency": concurrency,
            },
        )
        with progress(quiet=as_json) as report:
            found = run_controls(
                configuration, out, gold=gold, noise=noise, resume=resume, report=report
            )
        if as_json:
            _print_json(found)
        else:
            _tell(found)
        if found.order.verdict == "broken":
            raise typer.Exit(DIFFERS)


def _tell(found: ControlRun) -> None:
    order = found.order
    for name, rate in order.rates.items():
        ends = f"{rate.low:.1%} to {rate.high:.1%}"
        console.print(plain(f"{name}: {rate.value:.1%} ({ends})"), soft_wrap=True)
    told = f"Mean score over {order.tasks} tasks, in brackets 95 % intervals over tasks."
    if found.by_calls:
        told += f" {found.by_calls} tasks have no check: their score is the gold calls made."
    console.print(plain(told), soft_wrap=True)
    for what, ids in (
        ("the oracle knows a solution that does not pass", found.unsolved),
        ("left out, since no solution is known", found.unknown),
    ):
        if ids:
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            listed = ", ".join(ids[:_SHOWN])
            console.print(plain(f"{what}: {len(ids)} tasks: {listed}{more}"), soft_wrap=True)
    console.print(plain(order.statement), soft_wrap=True)
    console.print(plain(f"run: {found.run.path}"), soft_wrap=True)


def _print_json(found: ControlRun) -> None:
    order = found.order
    print_json(
        {
            "run": str(found.run.path),
            "verdict": order.verdict,
            "statement": order.statement,
            "tasks": order.tasks,
            "rates": {name: rate._asdict() for name, rate in order.rates.items()},
            "gaps": [
                {**gap._asdict(), "difference": gap.difference._asdict()} for gap in order.gaps
            ],
            "unsolved": list(found.unsolved),
            "unknown": list(found.unknown),
            "by_calls": found.by_calls,
        }
    )
