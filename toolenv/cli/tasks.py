"""``toolenv tasks``: what a task file holds, and writing one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json
from toolenv.cli.tasks_leaks import find_task_leaks
from toolenv.cli.tasks_new import new_task, validate_tasks

if TYPE_CHECKING:
    from toolenv.formats.report import ReadReport
    from toolenv.tasks import Task

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look into task files, write them, validate them.")
app.command("new")(new_task)
app.command("validate")(validate_tasks)
app.command("leaks")(find_task_leaks)

_File = Annotated[
    Path | None, typer.Argument(help="A ToolBench instruction file or ours; default: embedded.")
]
_SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Go on after malformed entries, and count them.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_tasks(file: _File = None, skip_bad: _SkipBad = False, as_json: _Json = False) -> None:
    """List tasks: id, split, number of APIs, instruction.

    Example:

      toolenv tasks list G1_instruction.json --skip-bad
    """
    with friendly_errors():
        from rich.table import Table

        tasks, report = _read(file, skip_bad)
        if as_json:
            print_json(
                [
                    {
                        "id": task.id,
                        "split": task.split,
                        "apis": len(task.apis),
                        "checked": task.check is not None,
                        "instruction": task.instruction,
                    }
                    for task in tasks
                ]
            )
            return
        table = Table("id", "split", "APIs", "check", "instruction", box=None)
        for task in tasks:
            kind = task.check.kind if task.check else "–"
            row = (task.id, task.split, str(len(task.apis)), kind, task.instruction)
            table.add_row(*map(plain, row))
        console.print(table)
        console.print(plain(str(report)))


@app.command("show")
def show_task(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    file: _File = None,
    skip_bad: _SkipBad = False,
) -> None:
    """Print a task as the policy sees it: the instruction and the functions, as JSON."""
    with friendly_errors():
        from toolenv.errors import ConfigurationError

        tasks, _ = _read(file, skip_bad)
        found = next((one for one in tasks if one.id == task), None)
        if found is None:
            raise ConfigurationError(
                f"There is no task {task!r} among {len(tasks)}.",
                fix="'toolenv tasks list' names them.",
            )
        print_json(
            {"id": found.id, "instruction": found.instruction, "functions": list(found.functions)}
        )


def _read(file: Path | None, skip_bad: bool) -> tuple[list[Task], ReadReport]:
    from toolenv.formats import ReadReport, read_tasks

    report = ReadReport()
    if file is None:
        from toolenv.mini import mini_tasks

        return mini_tasks(), report
    return read_tasks(file, skip_bad=skip_bad, report=report), report
