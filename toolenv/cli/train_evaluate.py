"""``toolenv train evaluate``: checkpoints side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.train_options import (
    Json,
    Out,
)
from toolenv.cli.training_output import checkpoint_table, quiet_libraries, write_rows_beside

if TYPE_CHECKING:
    from toolenv.running.tally import Progress

__all__ = ["evaluate"]


def evaluate(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(help="Folders of trainings (all their checkpoints), or of models."),
    ],
    out: Out,
    config: Annotated[
        Path | None, typer.Option(help="A JSON file of the options of 'toolenv run'.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="What answers, as for 'toolenv run'; repeatable.")
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="react, dfsdt, …; repeatable. Default: react.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="A seed; repeatable.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one branch.")] = None,
    policy_calls: Annotated[
        int | None, typer.Option(help="Most policy calls of an episode.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Episodes in flight: many fill a policy's batches.")
    ] = None,
    policy_options: Annotated[
        str, typer.Option(help="Options of the policy, as temperature=0&max_new_tokens=128.")
    ] = "",
    figure: Annotated[bool, typer.Option(help="Draw the learning curve.")] = True,
    as_json: Json = False,
) -> None:
    """Run checkpoints on the same tasks, side by side, and draw the learning curve.

    Examples:

      toolenv train evaluate models/sft models/dpo --split I1-tool --out evaluations/first

      toolenv train evaluate models/sft --agent react --agent dfsdt --seed 0 --seed 1
          --policy-options 'temperature=0&max_new_tokens=128' --out evaluations/curve
    """
    with friendly_errors():
        from toolenv.cli.progress import counted
        from toolenv.running.configuration_files import read_configuration
        from toolenv.training.evaluating import checkpoints_at, evaluate
        from toolenv.training.learning_curve import draw_learning_curve

        flags: dict[str, Any] = {
            "tasks": tasks,
            "split": split,
            "first": first,
            "simulator": simulator,
            "agents": agent,
            "seeds": seed,
            "max_steps": max_steps,
            "policy_calls": policy_calls,
            "concurrency": concurrency,
        }
        given = {name: value for name, value in flags.items() if value not in (None, [])}
        configuration = read_configuration(config, given)
        found = checkpoints_at(checkpoints)
        with quiet_libraries(), counted("episodes", quiet=as_json) as report:
            before = dict.fromkeys((one.name for one in found), 0)

            def told(name: str, progress: Progress) -> None:
                before[name] = progress.done
                report(sum(before.values()), progress.total * len(found))

            rows = evaluate(found, configuration, out, options=policy_options, report=told)
        curve = out / "learning-curve.svg"
        drawn = figure and draw_learning_curve(rows, curve)
        write_rows_beside(rows, out / "evaluation.json")
        if as_json:
            print_json({"out": str(out), "rows": [row.as_json() for row in rows]})
            return
        console.print(checkpoint_table(rows))
        if drawn:
            console.print(plain(f"learning curve: {curve}"), soft_wrap=True)
        console.print(plain(f"runs: {out}"), soft_wrap=True)
