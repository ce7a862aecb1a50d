"""``toolenv simulate``: how good a simulated server is."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolenv.apis import API
    from toolenv.episodes import Origin
    from toolenv.snapshots import Recordings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Simulated servers: how good they are.")


@app.callback()
def _group() -> None:
    """Keep ``evaluate`` a command of its own while there is no other."""


@app.command("evaluate")
def evaluate(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(help="A snapshot, a store's folder, or answer trees and the like."),
    ] = None,
    simulator: Annotated[
        list[str] | None,
        typer.Option(help="What is tested, such as llm:MODEL?base_url=…; several: in turn."),
    ] = None,
    examples: Annotated[
        str, typer.Option(help="How many examples it is given: one condition each.")
    ] = "0,1,3,5",
    by: Annotated[
        Literal["api", "distance", "both"], typer.Option(help="How calls are held out.")
    ] = "both",
    api_share: Annotated[float, typer.Option(help="Share of APIs that are held out whole.")] = 0.2,
    call_share: Annotated[
        float, typer.Option(help="Share of calls that are held out of each other API.")
    ] = 0.2,
    distance: Annotated[
        float, typer.Option(help="How far away the nearest example of these is at least, 0 to 1.")
    ] = 0.3,
    per_api: Annotated[int, typer.Option(min=1, help="Calls held out of one API at most.")] = 10,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Calls held out each way at most.")
    ] = None,
    real: Annotated[
        list[str] | None,
        typer.Option(help="An origin that counts as real: live, local, unknown; repeatable."),
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option(help="A task file, or module:function; repeatable.")
    ] = None,
    tools: Annotated[
        list[Path] | None, typer.Option(help="A folder of tools that documents APIs; repeatable.")
    ] = None,
    recorded_runs: Annotated[
        list[Path] | None, typer.Option(help="A run in the recorded environment; repeatable.")
    ] = None,
    simulated_runs: Annotated[
        list[Path] | None, typer.Option(help="A run in the simulated environment; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the choice and the intervals derive from.")] = 0,
    samples: Annotated[int, typer.Option(min=100, help="Draws of the bootstrap.")] = 2_000,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls in flight.")] = 8,
    force: Annotated[
        bool, typer.Option("--force", help="Compare fewer than 8 policies, or unlike runs.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A file for the report as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold recorded responses out, simulate them, and compare; and compare runs in both worlds.

    Where a specification has {examples} and {count}, they are the file of examples and how many
    of them are shown; llm: is given both by itself. Beside the simulator stands a baseline that
    copies the recorded response of the nearest call. With --recorded-runs and --simulated-runs,
    pass rates of at least 8 policies and their order are compared.

    Example:

      toolenv simulate evaluate stb.snap --tools tools
          --simulator 'llm:qwen3-32b?base_url=http://localhost:8000/v1'

      toolenv simulate evaluate --recorded-runs runs/real --simulated-runs runs/simulated
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats.files import write_json

        if bool(recordings) != bool(simulator):
            raise ConfigurationError(
                "Recordings and a simulator go together.", fix="Give FILE and --simulator."
            )
        if bool(recorded_runs) != bool(simulated_runs):
            raise ConfigurationError(
                "Runs in one environment alone cannot be compared.",
                fix="Give --recorded-runs and --simulated-runs.",
            )
        if not recordings and not recorded_runs:
            raise ConfigurationError(
                "What is to be evaluated?",
                fix="Give recordings and --simulator, or --recorded-runs and --simulated-runs.",
            )
        found: dict[str, Any] = {}
        if recordings and simulator:
            from toolenv.cli.coverage import read_apis
            from toolenv.cli.fidelity_tables import tell_fidelity
            from toolenv.cli.progress import counted
            from toolenv.running.fidelity import evaluate_simulation
            from toolenv.running.fidelity_split import REAL, WAYS

            with ExitStack() as stack:
                opened, own = _open(recordings, stack)
                report = evaluate_simulation(
                    opened,
                    simulator,
                    examples=_numbers(examples),
                    apis=[*read_apis(tasks, tools), *own],
                    ways=[way for way in WAYS if by in (way, "both")],
                    api_share=api_share,
                    call_share=call_share,
                    min_distance=distance,
                    per_api=per_api,
                    limit=limit,
                    real=_origins(real) if real else REAL,
                    seed=seed,
                    samples=samples,
                    concurrency=concurrency,
                    report=stack.enter_context(counted("calls", quiet=as_json)),
                )
            found["fidelity"] = report.model_dump(mode="json")
            if not as_json:
                tell_fidelity(report)
        if recorded_runs and simulated_runs:
            from toolenv.cli.fidelity_tables import tell_ranks
            from toolenv.running.folder import RunFolder
            from toolenv.running.rank_agreement import rank_agreement

            ranks = rank_agreement(
                map(RunFolder.open, recorded_runs),
                map(RunFolder.open, simulated_runs),
                seed=seed,
                samples=samples,
                force=force,
            )
            found["ranks"] = ranks.model_dump(mode="json")
            if not as_json:
                tell_ranks(ranks)
        if out is not None:
            write_json(out, found)
        if as_json:
            print_json(found)
        elif out is not None:
            console.print(plain(f"report: {out}"), soft_wrap=True)
        answers = [
            one["answered"]
            for one in found.get("fidelity", {}).get("conditions", ())
            if one["who"] == "simulator"
        ]
        if answers and not any(answers):
            raise typer.Exit(DIFFERS)


def _open(paths: Sequence[Path], stack: ExitStack) -> tuple[Recordings, list[API]]:
    """The recordings in some files and folders, and the documents that answer trees bring along."""
    from tempfile import TemporaryDirectory

    from toolenv.errors import FormatError
    from toolenv.running.reproduction import read_answers
    from toolenv.snapshots import Snapshot, Store, freeze, import_records

    if len(paths) == 1 and paths[0].suffix == ".snap":
        return stack.enter_context(Snapshot(paths[0])), []
    if len(paths) == 1 and (paths[0] / "cache.db").is_file():
        return stack.enter_context(Store(paths[0])), []
    place = Path(stack.enter_context(TemporaryDirectory(prefix="toolenv-"))) / "recorded.snap"
    freeze(import_records(paths), place)
    try:
        own = [api for episode in read_answers(paths) for api in episode.task.apis]
    except FormatError:  # none of them is an answer tree
        own = []
    return stack.enter_context(Snapshot(place)), own


def _numbers(text: str) -> list[int]:
    from toolenv.errors import ConfigurationError

    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigurationError(
            f"{text!r} are no numbers.", where="--examples", fix="Write 0,1,3,5."
        ) from None


def _origins(names: Sequence[str]) -> list[Origin]:
    from typing import get_args

    from toolenv.episodes import Origin
    from toolenv.errors import ConfigurationError

    unknown = sorted(set(names) - set(get_args(Origin)))
    if unknown:
        raise ConfigurationError(
            f"Unknown origin: {unknown[0]!r}.",
            where="--real",
            fix=f"Use {', '.join(get_args(Origin))}.",
        )
    return [cast("Origin", name) for name in names]
