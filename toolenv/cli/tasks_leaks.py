"""``toolenv tasks leaks``: what tests share with training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.formats.task_leaks import Leaks
    from toolenv.jsontext import JsonValue

__all__ = ["find_task_leaks"]

_SOURCE = "a task file, or module:function with options, as module:function?seed=0&count=5000"


def find_task_leaks(
    training: Annotated[str, typer.Argument(help=f"The training tasks: {_SOURCE}.")],
    tests: Annotated[list[str], typer.Argument(help="The test tasks, each the same.")],
    level: Annotated[
        str, typer.Option(help="What is to be new: inst, tool or cat. Default: as a split's name.")
    ] = "",
    unseen: Annotated[
        list[str] | None,
        typer.Option(help="A kind that must be unseen as well, such as names; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what tests share with training; exit code 1 where that is not as their level promises.

    Levels are those of ToolBench: inst (new instructions for tools that were seen), tool (tools
    that were not), cat (categories that were not). They hold for the relevant APIs; what is merely
    offered is reported.

    Example:

      toolenv tasks leaks train.json test.json --level tool

      toolenv tasks leaks "toolenv.mini.benchmark:train_tasks?count=5000"
      toolenv.mini.benchmark:benchmark_tasks --unseen names
    """
    with friendly_errors():
        from typing import get_args

        from toolenv.env_settings import load_tasks
        from toolenv.errors import ConfigurationError
        from toolenv.formats.task_leaks import LEVELS as levels
        from toolenv.formats.task_leaks import Kind, find_leaks

        chosen = next((one for one in levels if one == level), None)
        if level and chosen is None:
            raise ConfigurationError(
                f"There is no level {level!r}.", where="--level", fix=f"Use {', '.join(levels)}."
            )
        kinds: list[Kind] = [kind for kind in get_args(Kind) if kind in (unseen or ())]
        unknown = set(unseen or ()) - set(kinds)
        if unknown:
            raise ConfigurationError(
                f"There is no kind {', '.join(sorted(unknown))}.",
                where="--unseen",
                fix=f"Use one of {', '.join(get_args(Kind))}.",
            )
        trained = load_tasks(training, None)
        tested = [task for source in tests for task in load_tasks(source, None)]
        found = find_leaks(trained, tested, level=chosen, also_unseen=kinds)
        if as_json:
            print_json([_as_json(one) for one in found])
        else:
            for one in found:
                _show(one)
    if any(one.leaking for one in found):
        raise typer.Exit(DIFFERS)


def _as_json(found: Leaks) -> JsonValue:
    return {
        "split": found.split,
        "level": found.level,
        "tasks": found.tasks,
        "leaking": list(found.leaking),
        "shared": [
            {**one._asdict(), "examples": list(one.examples), "leaks": one.leaks}
            for one in found.shared
        ],
    }


def _show(found: Leaks) -> None:
    from rich.table import Table

    table = Table(box=None)
    title = found.split or "tests"
    for column in (title, "in training", "tasks with one", "must be unseen", "for example"):
        table.add_column(column)
    for one in found.shared:
        share = f"{one.seen} of {one.total}"
        rule = "LEAKS" if one.leaks else "yes" if one.must_be_unseen else ""
        examples = one.examples[0] if one.examples and one.leaks else ""
        table.add_row(*map(plain, (one.kind, share, str(one.tasks), rule, examples)))
    console.print(table)
    verdict = f"leaks: {', '.join(found.leaking)}" if found.leaking else "holds"
    console.print(
        plain(f"{title}: level {found.level}, {found.tasks} tasks: {verdict}"), soft_wrap=True
    )
