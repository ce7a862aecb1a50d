"""``toolenv compare-agents``: strategies on the same tasks, seeds, policy and budget."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.agent_comparison import AgentComparison

__all__ = ["compare_agents"]


def compare_agents(
    out: Annotated[Path, typer.Option(help="A folder for the runs, the table and the curves.")],
    config: Annotated[
        Path | None, typer.Option(help="A TOML, JSON or YAML file; flags override it.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="As for 'toolenv run'; several: in turn.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="The policy that all agents drive.")] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(help="Default: react, react@n, tot-bfs, tot-dfs, dfsdt; repeatable."),
    ] = None,
    matched_with: Annotated[
        str, typer.Option(help="The agent whose cost react@n is given, task by task.")
    ] = "dfsdt",
    seed: Annotated[list[int] | None, typer.Option(help="A seed; repeatable.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one branch.")] = None,
    policy_calls: Annotated[int | None, typer.Option(help="Policy calls of one episode.")] = 60,
    prices: Annotated[Path | None, typer.Option(help="A TOML file of prices.")] = None,
    completions: Annotated[
        Path | None, typer.Option(help="A store or snapshot of completions. Default: in --out.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Episodes in flight.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Compare strategies at equal cost: pass rates with intervals, policy calls, tokens.

    Example:

      toolenv compare-agents --policy local:toolenv.mini:KeywordPolicy --out compared
    """
    with friendly_errors():
        from toolenv.cli.progress import progress
        from toolenv.files import replacing
        from toolenv.jsontext import render
        from toolenv.report.curves import curves_svg
        from toolenv.running.agent_comparison import AGENTS
        from toolenv.running.agent_comparison import compare_agents as compare
        from toolenv.running.configuration_files import read_configuration

        configuration = read_configuration(
            config,
            {
                "tasks": tasks,
                "split": split,
                "first": first,
                "simulator": simulator,
                "policies": [policy] if policy else None,
                "seeds": seed,
                "max_steps": max_steps,
                "policy_calls": policy_calls,
                "prices": str(prices) if prices else None,
                "completions": str(completions) if completions else None,
                "concurrency": concurrency,
            },
        )
        with progress(quiet=as_json) as report:
            found = compare(
                configuration,
                out,
                agents=agent or AGENTS,
                matched_with=matched_with,
                resume=resume,
                report=report,
            )
        selected = {row.agent: row.curve for row in found.rows}
        any_of = {f"{row.agent}, any branch": row.any_curve for row in found.rows if row.regret}
        for name, text in (
            ("comparison.json", render(asdict(found)) + "\n"),
            ("curves.svg", curves_svg({**selected, **any_of})),
        ):
            with replacing(out / name) as new:
                new.write_text(text, encoding="utf-8")
        if as_json:
            print_json(asdict(found))
        else:
            _tell(found, out)


def _tell(found: AgentComparison, out: Path) -> None:
    from toolenv.report.agents import comparison_notes, comparison_table

    console.print(comparison_table(found))
    for line in comparison_notes(found):
        console.print(line, highlight=False, markup=False)
    console.print(plain(f"curves: {out / 'curves.svg'}"), soft_wrap=True)
    console.print(plain(f"runs: {out}"), soft_wrap=True)
