"""What every command shares: consoles, exit codes, errors as one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from toolenv.errors import ToolenvError

if TYPE_CHECKING:
    from toolenv.jsontext import JsonValue

__all__ = [
    "CANNOT",
    "DIFFERS",
    "INTERRUPTED",
    "STOPPED",
    "console",
    "friendly_errors",
    "plain",
    "print_json",
    "tell",
]

DIFFERS = 1
"""Exit code of a command that worked and found a difference or a failure."""

CANNOT = 2
"""Exit code of a command that could not do what was asked."""

STOPPED = 3
"""Exit code of a run that stopped in order before it was complete: its budget is spent."""

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


console = _Console()
"""Where results go."""

_errors = Console(stderr=True)


def print_json(value: JsonValue) -> None:
    """Print one JSON document, for machines."""
    from toolenv.jsontext import render

    sys.stdout.write(render(value) + "\n")


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Turn our exceptions into one line on standard error and an exit code."""
    try:
        yield
    except ToolenvError as error:
        _tell(str(error))
        raise typer.Exit(CANNOT) from None
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, ToolenvError):
            raise
        _tell(str(first))
        raise typer.Exit(CANNOT) from None
    except KeyboardInterrupt:
        _errors.print("interrupted: what had finished is kept; run goes on with --resume")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None


def tell_misuse(error: Any) -> None:
    """Say what was mistyped on the command line, and where its form is explained."""
    problem = error.format_message()
    if not problem:  # a command alone, whose help is already shown
        return
    command = error.ctx.command_path if error.ctx is not None else "toolenv"
    problem = problem.replace("Value error, ", "")
    end = "" if problem.endswith((".", "?", ")")) else "."
    _tell(f"{problem}{end} See '{command} --help'.")


def plain(text: str) -> Text:
    """Text from outside as it is: no markup, and nothing in it acts on the terminal."""
    from toolenv.report.visible import visible

    return Text(visible(text))


def tell(text: str) -> None:
    """A line on standard error, harmless to look at."""
    _errors.print(plain(text), soft_wrap=True)


def _tell(problem: str) -> None:
    """One line on standard error, harmless to look at."""
    from toolenv.report.visible import visible

    line = visible(" ".join(problem.splitlines()))
    _errors.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True, highlight=False)
