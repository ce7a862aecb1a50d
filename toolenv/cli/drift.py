"""``toolenv snapshot probe`` and ``drift``: what changes, and what that does to a pass rate."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.coverage import read_apis, read_task_files
from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.running.drift import Drift, Movement, Shift
    from toolenv.running.folder import RunFolder
    from toolenv.running.probing import Probed

__all__ = ["drift", "probe"]

_Tasks = Annotated[
    list[str] | None, typer.Option(help="A task file, or module:function; repeatable.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def probe(
    snapshot: Annotated[Path, typer.Argument(help="A snapshot file.")],
    simulator: Annotated[
        list[str], typer.Option(help="What answers now, such as local:module:name; repeatable.")
    ],
    out: Annotated[
        Path, typer.Option(help="Where observations go: FILE.snap, or a store's folder.")
    ],
    tasks: _Tasks = None,
    tools: Annotated[
        list[Path] | None, typer.Option(help="A folder of tools that documents APIs; repeatable.")
    ] = None,
    times: Annotated[int, typer.Option(min=1, help="How often each call is made at once.")] = 2,
    limit: Annotated[int | None, typer.Option(min=1, help="Make so many calls at most.")] = None,
    first: Annotated[int, typer.Option(min=0, help="APIs that are named, of each kind.")] = 5,
    as_json: _Json = False,
) -> None:
    """Make recorded calls again and sort APIs: static, slow, time-dependent, stateful, dead.

    Only calls that the documents of --tasks or --tools know to change nothing are made. A store
    keeps the observations of several probes, hours or days apart, which count together; what the
    kinds mean is in docs/drift.md.

    Example:

      toolenv snapshot probe stb.snap --simulator local:world:make --tasks tasks.json --out seen
    """
    with friendly_errors():
        from contextlib import closing

        from toolenv.cli.progress import counted
        from toolenv.running import probing
        from toolenv.simulators import open_simulator
        from toolenv.snapshots import Recorded, Snapshot, Store, freeze

        apis = read_apis(tasks, tools)
        is_file = out.suffix == ".snap"
        seen: list[Recorded] = []
        with (
            Snapshot(snapshot) as recorded,
            closing(open_simulator(simulator)) as live,
            counted("calls made again", quiet=as_json) as report,
        ):
            if is_file:
                found = probing.probe(
                    recorded,
                    live,
                    seen.append,
                    apis=apis,
                    times=times,
                    limit=limit,
                    report=lambda calls: report(calls, limit),
                )
                freeze(seen, out, notes=f"probe of {recorded.manifest.digest}")
            else:
                with Store(out) as store:
                    found = probing.probe(
                        recorded,
                        live,
                        store.add,
                        apis=apis,
                        earlier=list(store.records()),
                        times=times,
                        limit=limit,
                        report=lambda calls: report(calls, limit),
                    )
        if as_json:
            print_json(_probed_as_json(found, out))
        else:
            _tell_probed(found, first)
            console.print(plain(f"observations: {out}"), soft_wrap=True)


def drift(
    before: Annotated[Path, typer.Argument(help="A snapshot file.")],
    after: Annotated[Path, typer.Argument(help="A later one.")],
    tasks: Annotated[
        str | None, typer.Option(help="A task file, or module:function: which tasks it touches.")
    ] = None,
    tasks_after: Annotated[
        str | None, typer.Option(help="The tasks as they are true for the later snapshot.")
    ] = None,
    run_policy: Annotated[
        str | None, typer.Option(help="A policy to run on both, such as local:module:name.")
    ] = None,
    agent: Annotated[str, typer.Option(help="The agent that drives it.")] = "react",
    policy_calls: Annotated[int | None, typer.Option(help="Of one episode.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="A seed of the runs; repeatable.")] = None,
    runs: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Two run folders to compare, instead of running a policy."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder to keep the two runs in: before and after.")
    ] = None,
    samples: Annotated[int, typer.Option(min=100, help="Draws of the bootstrap.")] = 2_000,
    force: Annotated[
        bool, typer.Option("--force", help="Compare runs of different environments all the same.")
    ] = False,
    first: Annotated[int, typer.Option(min=0, help="Changed APIs that are named.")] = 10,
    as_json: _Json = False,
) -> None:
    """What changed between two snapshots, and how much the pass rate of one policy moves.

    The rate is a mean over tasks, with a paired bootstrap interval over tasks, split by the first
    response that differs: changed, or missing now. Tasks whose check differs in --tasks-after are
    told apart.

    Example:

      toolenv snapshot drift spring.snap autumn.snap --tasks tasks.json
          --run-policy local:toolenv.mini:KeywordPolicy
    """
    with friendly_errors():
        from contextlib import ExitStack
        from tempfile import TemporaryDirectory

        from toolenv.errors import ConfigurationError
        from toolenv.running import drift as drifting
        from toolenv.running.folder import RunFolder
        from toolenv.snapshots import Snapshot

        if run_policy and runs:
            raise ConfigurationError(
                "A policy to run and runs to compare are both named.",
                fix="Give --run-policy or --runs.",
            )
        if run_policy and not tasks:
            raise ConfigurationError("No tasks are named to run.", fix="Give --tasks FILE.")
        with ExitStack() as stack:
            one, other = (stack.enter_context(Snapshot(path)) for path in (before, after))
            named = read_task_files([tasks] if tasks else [])
            found = drifting.compare_snapshots(one, other, named)
            folders: tuple[RunFolder, RunFolder] | None = None
            if run_policy:
                place = out or Path(stack.enter_context(TemporaryDirectory(prefix="toolenv-")))
                options = {
                    "policies": (run_policy,),
                    "agents": (agent,),
                    "policy_calls": policy_calls,
                    "seeds": tuple(seed or [0]),
                }
                folders = (
                    _run(before, tasks or "", place / "before", options),
                    _run(after, tasks_after or tasks or "", place / "after", options),
                )
            elif runs:
                folders = (RunFolder.open(runs[0]), RunFolder.open(runs[1]))
            moved = (
                drifting.movement(
                    *folders,
                    samples=samples,
                    other_tasks=tasks_after is not None,
                    force=force,
                )
                if folders
                else {}
            )
        if as_json:
            print_json(_drift_as_json(found, moved))
        else:
            _tell_drift(found, moved, first)
            if out and run_policy:
                console.print(plain(f"runs: {out}"), soft_wrap=True)


def _run(snapshot: Path, tasks: str, out: Path, options: dict[str, Any]) -> RunFolder:
    """One policy on one snapshot, offline."""
    from toolenv.cli.progress import progress
    from toolenv.running.configuration import RunConfiguration
    from toolenv.running.runner import run

    configuration = RunConfiguration(
        tasks=tasks, simulator=(f"snapshot:{snapshot}",), offline=True, **options
    )
    with progress() as report:
        return run(configuration, out, report=report)


def _tell_probed(found: Probed, first: int) -> None:
    from toolenv.running.probing import KINDS

    console.print(
        f"{found.calls} recorded calls of {len(found.kinds)} APIs made again, "
        f"{found.observations} answers observed"
    )
    for reason, count in sorted(found.skipped.items()):
        console.print(plain(f"not made again: {count}, because {reason}"), soft_wrap=True)
    for kind in (*KINDS, None):
        names = [api.function for api, of in found.kinds.items() if of == kind]
        if names:
            more = f", and {len(names) - first} more" if len(names) > first else ""
            named = f": {', '.join(names[:first])}{more}" if first else ""
            shown = f"{kind or 'too few observations':<14} {len(names):>5}{named}"
            console.print(plain(shown), soft_wrap=True)


def _probed_as_json(found: Probed, out: Path) -> dict[str, Any]:
    return {
        "observations_at": str(out),
        "calls": found.calls,
        "observations": found.observations,
        "skipped": dict(sorted(found.skipped.items())),
        "kinds": dict(sorted(Counter(kind or "too few" for kind in found.kinds.values()).items())),
        "apis": [
            {**api._asdict(), "kind": kind, "calls": dict(sorted(found.by_call[api].items()))}
            for api, kind in found.kinds.items()
        ],
    }


def _tell_drift(found: Drift, moved: dict[str, Movement], first: int) -> None:
    console.print(
        f"APIs: {len(found.changed)} of {found.apis} changed; calls: {found.changed_calls} of "
        f"{found.common} in both answered otherwise, {found.only_before} only before, "
        f"{found.only_after} only after",
        soft_wrap=True,
    )
    for one in found.changed[:first]:
        calls = f"{one.changed} call{'' if one.changed == 1 else 's'}"
        console.print(plain(f"  {calls:>9}  {one.api.function}"), soft_wrap=True)
    if len(found.changed) > first:
        console.print(f"  and {len(found.changed) - first} more APIs")
    for split, touched in found.splits.items():
        share = touched.touched / touched.tasks
        console.print(
            plain(
                f"tasks of {split or 'no split'}: {touched.touched} of {touched.tasks} "
                f"({share:.1%}) offer a changed API"
            ),
            soft_wrap=True,
        )
    for group, rate in moved.items():
        title = "pass rate" if group == "all" else f"pass rate, tasks with the {group}"
        undecided = f", {rate.undecided} episodes undecided" if rate.undecided else ""
        console.print(
            f"{title}: {rate.before:.1%} → {rate.after:.1%}, {_points(rate.shift)}; "
            f"{rate.tasks} tasks{undecided}",
            soft_wrap=True,
        )
        for cause, shift in rate.causes.items():
            turned = f"{rate.turned[cause]} episode{'' if rate.turned[cause] == 1 else 's'}"
            console.print(f"  by {cause}: {_points(shift)}; {turned} otherwise", soft_wrap=True)
    if moved:
        console.print("In percentage points, with paired 95 % bootstrap intervals over tasks.")


def _points(shift: Shift) -> str:
    value, low, high = (100 * end + 0.0 for end in shift)  # never minus zero
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def _drift_as_json(found: Drift, moved: dict[str, Movement]) -> dict[str, Any]:
    return {
        "apis": found.apis,
        "apis_changed": len(found.changed),
        "calls_in_both": found.common,
        "calls_changed": found.changed_calls,
        "calls_only_before": found.only_before,
        "calls_only_after": found.only_after,
        "changed": [{**one.api._asdict(), "calls": one.changed} for one in found.changed],
        "splits": {split: one._asdict() for split, one in found.splits.items()},
        "pass_rate": {
            group: {
                "tasks": rate.tasks,
                "episodes": rate.episodes,
                "undecided": rate.undecided,
                "before": rate.before,
                "after": rate.after,
                "shift": rate.shift._asdict(),
                "causes": {
                    cause: {**shift._asdict(), "episodes": rate.turned[cause]}
                    for cause, shift in rate.causes.items()
                },
            }
            for group, rate in moved.items()
        },
    }
