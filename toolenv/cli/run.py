"""``toolenv run``: tasks × agents × policies × seeds, written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.configuration import RunConfiguration
    from toolenv.running.folder import RunFolder

__all__ = ["run"]

_EXAMPLES = """
Examples:

  toolenv run --out runs/first
      the embedded tasks, a random policy, ReACT

  toolenv run --tasks G1_instruction.json --agent react --agent dfsdt
      --policy openai:gpt-4o-mini --simulator snapshot:stb.snap --out runs/g1

  toolenv run --policy 'openai:qwen3-32b?base_url=http://127.0.0.1:8000/v1' --out runs/local
"""


def run(
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    config: Annotated[
        Path | None, typer.Option(help="A JSON file of these options; flags override it.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function. Default: embedded.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Keep this split only.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A task's id; repeatable.")] = None,
    first: Annotated[int | None, typer.Option(help="The first so many tasks.")] = None,
    simulator: Annotated[
        list[str] | None,
        typer.Option(help="snapshot:FILE, store:FOLDER, local:module:name; several: in turn."),
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(help="react, react@n, dfsdt?breadth=3, tot-bfs, …; repeatable."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="openai:MODEL, random, oracle?noise=0.3, nothing, local:module:name; repeatable."
        ),
    ] = None,
    no_tools: Annotated[
        bool | None, typer.Option("--no-tools", help="Offer nothing but Finish: a control.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="A seed; repeatable.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of one branch.")] = None,
    policy_calls: Annotated[int | None, typer.Option(help="Policy calls of one episode.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens of one episode.")] = None,
    api_calls: Annotated[int | None, typer.Option(help="API calls of one episode.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Seconds of one episode.")] = None,
    money: Annotated[
        float | None, typer.Option(help="Cost of one episode; needs --prices.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="A TOML file of prices, for costs in money.")
    ] = None,
    completions: Annotated[
        Path | None,
        typer.Option(help="Replay the policy from a snapshot, or record it to a store as well."),
    ] = None,
    offline: Annotated[
        bool | None,
        typer.Option(help="Refuse simulators the network. Default: if all serve recordings."),
    ] = None,
    compatibility: Annotated[
        str | None, typer.Option(help="toolbench or stabletoolbench: their schemas and texts.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="A store to write what the simulator answers to.")
    ] = None,
    recording: Annotated[
        str | None, typer.Option(help="Name of the recording. Default: each task's id.")
    ] = None,
    record_failures: Annotated[
        bool | None, typer.Option("--record-failures", help="Record time-outs and rate limits too.")
    ] = None,
    record_time: Annotated[
        bool | None, typer.Option(help="Whether records carry the time; without, they are equal.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Episodes in flight.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run agents on tasks and write every step to a folder."""
    with friendly_errors():
        from toolenv.cli.progress import progress
        from toolenv.running.runner import run as run_all

        flags: dict[str, Any] = {
            "tasks": tasks,
            "split": split,
            "only": only,
            "first": first,
            "simulator": simulator,
            "agents": agent,
            "policies": policy,
            "no_tools": no_tools,
            "seeds": seed,
            "max_steps": max_steps,
            "policy_calls": policy_calls,
            "tokens": tokens,
            "api_calls": api_calls,
            "seconds": seconds,
            "money": money,
            "prices": str(prices) if prices else None,
            "completions": str(completions) if completions else None,
            "offline": offline,
            "compatibility": compatibility,
            "record": str(record) if record else None,
            "recording": recording,
            "record_failures": record_failures,
            "record_time": record_time,
            "concurrency": concurrency,
        }
        configuration = read_configuration(config, flags)
        with progress(quiet=as_json) as report:
            folder = run_all(configuration, out, resume=resume, report=report)
        show_results(folder, as_json=as_json)


run.__doc__ = f"{run.__doc__}\n{_EXAMPLES}"


def read_configuration(path: Path | None, flags: dict[str, Any]) -> RunConfiguration:
    """A configuration from a file and the flags that are given, which win.

    Raises:
        ConfigurationError: The file cannot be read, or a value does not fit.
    """
    from pydantic import ValidationError

    from toolenv.errors import ConfigurationError
    from toolenv.jsontext import parse
    from toolenv.running.configuration import RunConfiguration

    values: Any = {}
    if path is not None:
        try:
            values = parse(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The file cannot be read: {error}.", where=str(path), fix="Give a JSON file."
            ) from None
        if not isinstance(values, dict):
            raise ConfigurationError("The file holds no JSON object.", where=str(path))
    given = {name: value for name, value in flags.items() if value not in (None, [])}
    try:
        return RunConfiguration.model_validate({**values, **given})
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{first['msg']}.", where=option) from None


def show_results(folder: RunFolder, *, as_json: bool) -> None:
    """The table of a run's results, and where the run is."""
    from toolenv.report.summary import shares
    from toolenv.report.terminal import results_table
    from toolenv.running.results import row_of

    results = folder.results()
    if as_json:
        print_json({"run": str(folder.path), "results": [row_of(row) for row in results]})
        return
    console.print(results_table(results))
    console.print(shares(results), soft_wrap=True, highlight=False, markup=False)
    console.print(plain(f"run: {folder.path}"), soft_wrap=True)
