"""The ``toolenv`` command; one module per subcommand, each importing what it needs when run."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from toolenv.cli.compare import compare
from toolenv.cli.compare_agents import compare_agents
from toolenv.cli.controls import controls
from toolenv.cli.dataset import app as dataset
from toolenv.cli.demo import demo
from toolenv.cli.doctor import doctor
from toolenv.cli.export import export
from toolenv.cli.judge import judge
from toolenv.cli.metrics import metrics
from toolenv.cli.output import CANNOT, tell_misuse
from toolenv.cli.pairs import pairs
from toolenv.cli.replay import replay
from toolenv.cli.report import report
from toolenv.cli.retrieve import app as retrieve
from toolenv.cli.run import run
from toolenv.cli.serve import serve
from toolenv.cli.show import show
from toolenv.cli.simulate import app as simulate
from toolenv.cli.snapshot import app as snapshot
from toolenv.cli.tables import tables
from toolenv.cli.tasks import app as tasks
from toolenv.cli.tools import app as tools
from toolenv.cli.train import app as train
from toolenv.cli.verify import verify
from toolenv.cli.view import view

__all__ = ["app", "main"]

_Misuse: type[Exception] = typer.BadParameter.__mro__[1]
"""What is raised for a command line that is mistyped; Typer gives it no name of its own."""

app = typer.Typer(
    name="toolenv",
    help="Tool use as a simulated environment that anyone can reproduce.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,  # locals may hold keys
    epilog="Start with: toolenv demo",
)
app.command()(run)
app.command()(show)
app.command()(report)
app.command()(view)
app.command()(metrics)
app.command()(tables)
app.command()(judge)
app.command()(verify)
app.command()(controls)
app.command()(replay)
app.command()(compare)
app.command()(export)
app.command("compare-agents")(compare_agents)
app.command()(demo)
app.command()(doctor)
app.command()(serve)
app.command()(pairs)
app.add_typer(tasks, name="tasks")
app.add_typer(tools, name="tools")
app.add_typer(snapshot, name="snapshot")
app.add_typer(simulate, name="simulate")
app.add_typer(dataset, name="dataset")
app.add_typer(retrieve, name="retrieve")
app.add_typer(train, name="train")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        from toolenv import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the ``toolenv`` command: what is wrong is one line, whatever it is."""
    try:
        code = app(standalone_mode=False, prog_name="toolenv")
        sys.stdout.flush()
    except _Misuse as error:
        tell_misuse(error)
        code = CANNOT
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
