"""What every command shares: consoles, exit codes, errors as one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from toolenv.errors import ToolenvError

if TYPE_CHECKING:
    from toolenv.jsontext import JsonValue

__all__ = ["CANNOT", "DIFFERS", "console", "friendly_errors", "print_json"]

DIFFERS = 1
"""Exit code of a command that worked and found a difference or a failure."""

CANNOT = 2
"""Exit code of a command that could not do what was asked."""

_INTERRUPTED = 130

console = Console()
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
        _errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(CANNOT) from None
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        if not isinstance(first, ToolenvError):
            raise
        _errors.print(f"[bold red]error:[/] {escape(str(first))}", soft_wrap=True)
        raise typer.Exit(CANNOT) from None
    except KeyboardInterrupt:
        _errors.print("interrupted: what had finished is kept")
        raise typer.Exit(_INTERRUPTED) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None
