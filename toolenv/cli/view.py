"""``toolenv view``: the report of runs that may still grow, in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import friendly_errors

__all__ = ["view"]


def view(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    port: Annotated[int, typer.Option(help="The port; 0 for any that is free.")] = 8765,
    title: Annotated[str, typer.Option(help="The page's heading. Default: the runs' names.")] = "",
    labels: Annotated[
        Path | None, typer.Option(help="What people say: JSON Lines, or CSV with a header.")
    ] = None,
) -> None:
    """Look at runs in a browser while they grow; on this machine alone, until Ctrl-C.

    The page is that of 'toolenv report', with episodes read from the run folders once they are
    opened. It is renewed every two seconds while something is written.

    Example:

      toolenv view runs/first runs/second
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.judging.agreement import read_labels

        try:
            from toolenv.report.growing import GrowingRuns
            from toolenv.report.live import make_application
            from toolenv.server.hosting import address_of, host_application, listen
        except ImportError as error:
            raise ConfigurationError(
                f"Viewing needs {error.name}.", fix="Install it: pip install 'toolenv[server]'."
            ) from error

        said = read_labels(labels) if labels is not None else ()
        application = make_application(GrowingRuns(runs, title=title, labels=said))
        listening = listen("127.0.0.1", port)
        address = address_of(listening)

        def say() -> None:
            sys.stdout.write(f"viewing at {address}\n")
            sys.stdout.flush()

        host_application(application, listening, ready=say, stop_seconds=1)
