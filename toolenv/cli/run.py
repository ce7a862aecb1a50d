"""``toolenv run``: tasks × agents × policies × seeds, written to a folder."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from toolenv.cli.output import (
    DIFFERS,
    INTERRUPTED,
    STOPPED,
    console,
    friendly_errors,
    plain,
    print_json,
    tell,
)

if TYPE_CHECKING:
    from toolenv.episodes import Outcome
    from toolenv.running.configuration import RunConfiguration
    from toolenv.running.folder import RunFolder
    from toolenv.running.journal import Durability
    from toolenv.running.results import Result

__all__ = ["run"]

_BUDGETS = "Budgets"
_IN_FLIGHT = "What is in flight"
_GOING_ON = "Going on"

_EXAMPLES = """
Examples:

  toolenv run --out runs/first
      the embedded tasks, a random policy, ReACT

  toolenv run --tasks G1_instruction.json --agent react --agent dfsdt
      --policy openai:gpt-4o-mini --simulator snapshot:stb.snap --out runs/g1

  toolenv run --tasks open_domain.json --retriever hybrid:tools.index --retrieve-k 5
      --policy openai:gpt-4o-mini --simulator snapshot:stb.snap --out runs/open

  toolenv run --policy 'openai:qwen3-32b?base_url=http://127.0.0.1:8000/v1' --out runs/local
      --concurrency 256 --policy-concurrency 64

  toolenv run --config g1.toml --out runs/g1 --dry-run
      what would be done, and what it would cost

  toolenv run --out runs/g1 --resume
      go on with it; --retry-failed also redoes what infrastructure broke

  toolenv run --out runs/g1 --extend --seed 1 --seed 2
      two more seeds
"""


def run(
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML, JSON or YAML file of these options; flags override it."),
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
    policy_calls: Annotated[
        int | None, typer.Option(help="Policy calls of one episode.", rich_help_panel=_BUDGETS)
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Tokens of one episode.", rich_help_panel=_BUDGETS)
    ] = None,
    api_calls: Annotated[
        int | None, typer.Option(help="API calls of one episode.", rich_help_panel=_BUDGETS)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Seconds of one episode.", rich_help_panel=_BUDGETS)
    ] = None,
    money: Annotated[
        float | None,
        typer.Option(help="Cost of one episode; needs --prices.", rich_help_panel=_BUDGETS),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(help="A TOML file of prices, for costs in money.", rich_help_panel=_BUDGETS),
    ] = None,
    completions: Annotated[
        Path | None,
        typer.Option(help="Replay the policy from a snapshot, or record it to a store as well."),
    ] = None,
    offline: Annotated[
        bool | None,
        typer.Option(help="Refuse simulators the network. Default: if all serve recordings."),
    ] = None,
    retriever: Annotated[
        str | None,
        typer.Option(help="hybrid:FOLDER and the like: find APIs instead of those listed."),
    ] = None,
    retrieve_k: Annotated[int | None, typer.Option(help="How many it finds; default 5.")] = None,
    search_apis: Annotated[
        bool | None,
        typer.Option("--search-apis", help="Let the policy search, instead of offering them."),
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
    concurrency: Annotated[
        int | None, typer.Option(help="Episodes in flight.", rich_help_panel=_IN_FLIGHT)
    ] = None,
    policy_concurrency: Annotated[
        list[str] | None,
        typer.Option(
            help="Requests under way at each policy server; HOST:PORT=N for one.",
            rich_help_panel=_IN_FLIGHT,
        ),
    ] = None,
    simulator_concurrency: Annotated[
        int | None,
        typer.Option(help="Calls under way at the simulator.", rich_help_panel=_IN_FLIGHT),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            help="Worker processes, where Python is the limit.", rich_help_panel=_IN_FLIGHT
        ),
    ] = None,
    run_money: Annotated[
        float | None,
        typer.Option(help="Cost of the whole run; needs --prices.", rich_help_panel=_BUDGETS),
    ] = None,
    run_tokens: Annotated[
        int | None, typer.Option(help="Tokens of the whole run.", rich_help_panel=_BUDGETS)
    ] = None,
    run_seconds: Annotated[
        float | None,
        typer.Option(help="Seconds after which no episode begins.", rich_help_panel=_BUDGETS),
    ] = None,
    run_overrun: Annotated[
        float | None,
        typer.Option(
            help="Share by which episodes in flight may exceed these. Default: 0.1.",
            rich_help_panel=_BUDGETS,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in the folder, by default as it began.",
            rich_help_panel=_GOING_ON,
        ),
    ] = False,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend",
            help="Resume with more seeds, tasks, agents or policies.",
            rich_help_panel=_GOING_ON,
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Resume, and redo what infrastructure broke.",
            rich_help_panel=_GOING_ON,
        ),
    ] = False,
    retry: Annotated[
        list[str] | None,
        typer.Option(
            help="Resume, and redo episodes of this outcome: unsure, failed, ….",
            rich_help_panel=_GOING_ON,
        ),
    ] = None,
    durability: Annotated[
        str,
        typer.Option(
            help="What survives a kill: each finished episode, or each step.",
            rich_help_panel=_GOING_ON,
        ),
    ] = "episode",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be done and cost; contact nothing."),
    ] = False,
    estimate_from: Annotated[
        Path | None, typer.Option(help="With --dry-run: a run whose episodes cost alike.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Run agents on tasks and write every step to a folder.

    Exits with 1 if infrastructure broke every episode, with 3 if a budget of the run is spent.
    """
    with friendly_errors():
        flags = {
            name: value
            for name, value in {
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
                "retriever": retriever,
                "retrieve_k": retrieve_k,
                "search_apis": search_apis,
                "record": str(record) if record else None,
                "recording": recording,
                "record_failures": record_failures,
                "record_time": record_time,
                "concurrency": concurrency,
                "policy_concurrency": _read_limits(policy_concurrency),
                "simulator_concurrency": simulator_concurrency,
                "processes": processes,
                "run_money": run_money,
                "run_tokens": run_tokens,
                "run_seconds": run_seconds,
                "run_overrun": run_overrun,
            }.items()
            if value not in (None, [])
        }
        outcomes = _read_outcomes(retry, retry_failed)
        resume = resume or extend or bool(outcomes)
        if resume and not flags and config is None:
            _require_run(out)
        configuration = _configuration(out, config, flags, resume=resume, extend=extend)
        if dry_run:
            from toolenv.cli.forecast import tell_forecast
            from toolenv.running.forecast import forecast

            found = forecast(configuration, out, retry=outcomes, estimate_from=estimate_from)
            tell_forecast(found, configuration, as_json=as_json)
            return
        folder = _run(
            configuration,
            out,
            as_json,
            resume=resume,
            extend=extend,
            retry=outcomes,
            durability=_read_durability(durability),
        )
        manifest = folder.manifest
        if manifest.stopped:
            raise typer.Exit(STOPPED)
        if manifest.counts.get("infrastructure_error") == manifest.counts["episodes"]:
            raise typer.Exit(DIFFERS)


run.__doc__ = f"{run.__doc__}\n{_EXAMPLES}"


def _run(configuration: RunConfiguration, out: Path, as_json: bool, **how: Any) -> RunFolder:
    """Run, and show what came of it."""
    from toolenv.cli.progress import progress
    from toolenv.running.runner import run as run_all

    try:
        with progress(quiet=as_json) as report:
            folder = run_all(configuration, out, report=report, **how)
    except KeyboardInterrupt:
        tell(f"interrupted: {_how_to_go_on(out)}")
        raise typer.Exit(INTERRUPTED) from None
    show_results(folder, as_json=as_json)
    stopped = folder.manifest.stopped
    if stopped:
        tell(f"stopped: {_why(stopped)}; {_how_to_go_on(out, stopped)}")
    return folder


def _require_run(out: Path) -> None:
    """Refuse to begin a run of defaults where one was to be gone on with."""
    from toolenv.errors import ConfigurationError

    if not (out / "manifest.json").exists():
        raise ConfigurationError(
            "There is no run to go on with.",
            where=str(out),
            fix="Check the path, or say what to run: without other settings, nothing begins here.",
        )


def _why(stopped: str) -> str:
    name = stopped.removeprefix("budget: ")
    return f"the budget --{name.replace('_', '-')} is spent" if name != stopped else stopped


def _how_to_go_on(out: Path, stopped: str = "") -> str:
    from toolenv.running.folder import RunFolder

    command = f"toolenv run --out {shlex.quote(str(out))} --resume"
    if stopped in ("budget: run_money", "budget: run_tokens"):
        command += f" {stopped.removeprefix('budget: ').replace('run_', '--run-')} MORE"
    if not (out / "manifest.json").exists():
        return "nothing has begun"
    folder = RunFolder.open(out)
    planned = folder.manifest.counts.get("planned", 0)
    return (
        f"{len(folder.finished()):,} of {planned:,} episodes are finished and "
        f"kept; go on with: {command}"
    )


def _configuration(
    out: Path, config: Path | None, flags: Mapping[str, Any], *, resume: bool, extend: bool
) -> RunConfiguration:
    """From the run that is resumed, the file and the flags, of which the later win."""
    from toolenv.running.configuration_files import configure
    from toolenv.running.folder import RunFolder
    from toolenv.settings import read_settings

    values: dict[str, Any] = {}
    chosen: dict[str, Any] = {**(read_settings(config) if config else {}), **flags}
    if resume and (out / "manifest.json").exists():
        values = dict(RunFolder.open(out).manifest.settings())
        if extend:
            for name in ("agents", "policies", "seeds", "only"):
                if values.get(name) and chosen.get(name):
                    chosen[name] = list(dict.fromkeys([*values[name], *chosen[name]]))
    return configure({**values, **chosen}, config)


def _read_limits(texts: Sequence[str] | None) -> int | dict[str, int] | None:
    """``64`` for every server, ``HOST:PORT=64`` for one."""
    from toolenv.errors import ConfigurationError

    by_server: dict[str, int] = {}
    for text in texts or ():
        server, _, number = text.rpartition("=")
        if not number.isdecimal() or (not server and len(texts or ()) > 1):
            raise ConfigurationError(
                f"{text!r} is no limit.",
                where="policy_concurrency",
                fix="Write a number for all servers, or HOST:PORT=NUMBER for each.",
            )
        if not server:
            return int(number)
        by_server[server] = int(number)
    return by_server or None


def _read_durability(text: str) -> Durability:
    from toolenv.errors import ConfigurationError
    from toolenv.running.journal import Durability

    known: dict[str, Durability] = {one: one for one in get_args(Durability)}
    if text not in known:
        raise ConfigurationError(
            f"It is {text!r}.", where="durability", fix=f"Use {' or '.join(known)}."
        )
    return known[text]


def _read_outcomes(texts: Sequence[str] | None, retry_failed: bool) -> list[Outcome]:
    from toolenv.episodes import Outcome
    from toolenv.errors import ConfigurationError

    known: dict[str, Outcome] = {outcome: outcome for outcome in get_args(Outcome)}
    for text in texts or ():
        if text not in known:
            raise ConfigurationError(
                f"There is no outcome {text!r}.",
                where="retry",
                fix=f"The outcomes are {', '.join(known)}.",
            )
    wanted = [*(texts or ()), *(["infrastructure_error"] if retry_failed else [])]
    return [outcome for name, outcome in known.items() if name in wanted]


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
    _tell_broken(results, folder.path)
    console.print(plain(f"run: {folder.path}"), soft_wrap=True)


def _tell_broken(results: Sequence[Result], path: Path) -> None:
    """What infrastructure broke: the most frequent reason, and how to do it again."""
    reasons = Counter(row.ended for row in results if row.outcome == "infrastructure_error")
    if not reasons:
        return
    ((reason, times),) = reasons.most_common(1)
    again = f"toolenv run --out {shlex.quote(str(path))} --retry-failed"
    tell(f"broken: {reasons.total():,} episodes, of which {times:,} by {reason}")
    tell(f"once that is put right: {again}")
