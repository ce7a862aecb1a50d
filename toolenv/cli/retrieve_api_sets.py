"""``toolenv retrieve api-sets``: pass rates with gold, retrieved and all APIs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.folder import RunFolder

__all__ = ["api_sets"]


def api_sets(
    retriever: Annotated[str, typer.Argument(help="hybrid:FOLDER and the like.")],
    out: Annotated[Path, typer.Option(help="A folder for the three runs.")],
    config: Annotated[
        Path | None, typer.Option(help="A file of the options of 'toolenv run'; flags override it.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Tasks that list what is relevant. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    simulator: Annotated[
        list[str] | None, typer.Option(help="What answers calls; several: in turn.")
    ] = None,
    agent: Annotated[list[str] | None, typer.Option(help="A strategy; repeatable.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="A policy; repeatable.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="A seed; repeatable.")] = None,
    retrieve_k: Annotated[int | None, typer.Option(help="How many are retrieved.")] = None,
    search_apis: Annotated[
        bool | None, typer.Option("--search-apis", help="Let the policy search.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run tasks with the APIs they need, with retrieved ones, and with all of them.

    Example:

      toolenv retrieve api-sets hybrid:mini.index --policy openai:gpt-4o-mini --out runs/open
    """
    with friendly_errors():
        from toolenv.cli.progress import progress
        from toolenv.running.api_sets import run_api_sets
        from toolenv.running.configuration_files import read_configuration

        flags = {
            "tasks": tasks,
            "split": split,
            "first": first,
            "simulator": simulator,
            "agents": agent,
            "policies": policy,
            "seeds": seed,
            "retriever": retriever,
            "retrieve_k": retrieve_k,
            "search_apis": search_apis,
        }
        given = {name: value for name, value in flags.items() if value not in (None, [])}
        configuration = read_configuration(config, given)
        with progress(quiet=as_json) as report:
            folders = run_api_sets(configuration, out, resume=resume, report=lambda name: report)
        _tell(folders, out, as_json)


def _tell(folders: dict[str, RunFolder], out: Path, as_json: bool) -> None:
    from rich.table import Table

    from toolenv.report.summary import Group, group_results

    rows: list[tuple[str, str, str, Group]] = []
    for name, folder in folders.items():
        groups = group_results(folder.results(), lambda row: (row.agent, row.policy))
        rows += [(name, agent, policy, group) for (agent, policy), group in groups.items()]
    if as_json:
        print_json(
            {
                "runs": str(out),
                "pass rates": [
                    {
                        "apis": name,
                        "agent": agent,
                        "policy": policy,
                        "episodes": group.episodes,
                        "decided": group.decided,
                        "rate": group.rate,
                        "interval": list(group.interval),
                    }
                    for name, agent, policy, group in rows
                ],
            }
        )
        return
    table = Table("APIs", "agent", "policy", "episodes", "decided", "pass rate", box=None)
    for name, agent, policy, group in rows:
        low, high = group.interval
        rate = "–" if group.rate is None else f"{group.rate:.1%} ({low:.1%} to {high:.1%})"
        cells = (str(group.episodes), str(group.decided), rate)
        table.add_row(name, plain(agent), plain(policy), *cells)
    console.print(table)
    console.print(plain(f"runs: {out}"), soft_wrap=True)
