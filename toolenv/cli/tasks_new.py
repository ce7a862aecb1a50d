"""``toolenv tasks new`` and ``tasks validate``: tasks that a person writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.apis import API
    from toolenv.jsontext import JsonValue
    from toolenv.tasks import Check, Task

__all__ = ["new_task", "validate_tasks"]

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def new_task(
    file: Annotated[Path, typer.Argument(help="The task file to write (.json or .jsonl).")],
    apis: Annotated[
        str | None,
        typer.Option(
            "--apis",
            help="Where the APIs are: an OpenAPI description, a tool folder, a task file, mcp:….",
        ),
    ] = None,
    instruction: Annotated[str, typer.Option(help="What the user asks for.")] = "",
    offer: Annotated[
        list[str] | None,
        typer.Option(help="A function or API that the task offers; repeatable. Default: all."),
    ] = None,
    check: Annotated[
        str, typer.Option(help="The kind of check, or a whole check as JSON.")
    ] = "contains",
    value: Annotated[
        str | None, typer.Option(help="The right answer: JSON where it reads as such, else text.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="How far off a number may be.")] = 0.0,
    unit: Annotated[str, typer.Option(help="A quantity's unit or currency.")] = "",
    right: Annotated[
        list[str] | None, typer.Option(help="An answer that must be accepted; repeatable.")
    ] = None,
    wrong: Annotated[
        list[str] | None, typer.Option(help="An answer that must not be; repeatable.")
    ] = None,
    id_: Annotated[str, typer.Option("--id", help="The task's id; default: numbered.")] = "",
    split: Annotated[str, typer.Option(help="The set it belongs to.")] = "",
    add: Annotated[bool, typer.Option("--add", help="Add to the file, which exists.")] = False,
) -> None:
    """Write a task: an instruction, the APIs, and a check of the answer.

    What is not given is left for an editor: 'toolenv tasks validate' names what is missing. A check
    whose kind is unknown, or whose value is given and does not fit, is refused.

    Example:

      toolenv tasks new tea.json --apis shop.yaml

      toolenv tasks new tea.json --add --instruction "What does tea 7 cost?" --offer getTea
      --check quantity --value 4.5 --unit EUR --right "It costs €4.50." --wrong "4.50 USD"
    """
    with friendly_errors():
        from toolenv.checks.kinds import KINDS
        from toolenv.checks.problems import problems_of
        from toolenv.errors import ConfigurationError
        from toolenv.formats import read_tasks, write_tasks
        from toolenv.tasks import Task

        if file.suffix not in (".json", ".jsonl"):
            raise ConfigurationError(
                "A task file's name ends in .json or .jsonl.", where=str(file), fix="Rename it."
            )
        if file.exists() and not add:
            raise ConfigurationError(
                "The file exists.", where=str(file), fix="Use --add to add a task to it."
            )
        tasks = read_tasks(file) if add else []
        known = _apis_of(apis) if apis is not None else _apis_in(file, tasks)
        if not known:
            raise ConfigurationError(
                "There are no APIs to offer.", where="--apis", fix="Name a description of some."
            )
        task = Task(
            id=id_ or _free_id(file, tasks),
            instruction=instruction,
            apis=tuple(_offered(known, offer or [])),
            check=_check(check, value, tolerance, unit, right or [], wrong or []),
            split=split,
        )
        assert task.check is not None
        problems = problems_of(task.check, task)
        if problems and (value is not None or task.check.kind not in KINDS):
            raise ConfigurationError(
                problems[0].what,
                where=_option(problems[0].where),
                fix=problems[0].fix,
            )
        write_tasks([*tasks, task], file, shared=known)
        console.print(plain(f"written: {file}, {len(tasks) + 1} tasks"), soft_wrap=True)
        left = len(problems) + (not instruction.strip())
        if left:
            console.print(plain(f"edit it, then: toolenv tasks validate {file}"), soft_wrap=True)


def validate_tasks(
    files: Annotated[list[Path], typer.Argument(help="Task files.")], as_json: _Json = False
) -> None:
    """Say everything that is wrong with task files; exit code 1 where there is anything.

    Malformed records, ids that are there twice, unknown kinds and options of checks, functions and
    arguments that a task does not offer, checks that nothing can pass, and examples that a check
    decides otherwise.

    Example:

      toolenv tasks validate tea.json
    """
    with friendly_errors():
        from toolenv.formats.task_problems import find_problems

        told: list[JsonValue] = []
        lines: list[str] = []
        wrong = 0
        for file in files:
            tasks, problems = find_problems(file)
            wrong += len(problems)
            checked = sum(task.check is not None for task in tasks)
            for where, what, fix in problems:
                told.append({"file": str(file), "where": where, "what": what, "fix": fix})
                lines.append(f"{where}: {what} {fix}".rstrip())
            lines.append(
                f"{file}: {len(tasks)} tasks, {checked} with a check, {len(problems)} problems"
            )
        if as_json:
            print_json(told)
        else:
            for line in lines:
                console.print(plain(line), soft_wrap=True)
    if wrong:
        raise typer.Exit(DIFFERS)


def _apis_of(source: str) -> list[API]:
    from toolenv.cli.tools import apis_of_mcp
    from toolenv.formats.openapi import read_apis

    return apis_of_mcp(source, "", None) if source.startswith("mcp:") else read_apis(source)


def _apis_in(file: Path, tasks: list[Task]) -> list[API]:
    """Those that the file's tasks share, and those that they offer."""
    from toolenv.apis import name_apis
    from toolenv.formats.tasks import read_entries

    shared = read_entries(file).apis if tasks else ()
    return list(name_apis([*shared, *(api for task in tasks for api in task.apis)]).values())


def _offered(apis: list[API], wanted: list[str]) -> list[API]:
    from toolenv.apis import name_apis
    from toolenv.errors import ConfigurationError
    from toolenv.suggestions import did_you_mean

    named = name_apis(apis)
    offered: list[API] = []
    for name in wanted:
        found = [api for function, api in named.items() if name in (function, api.name)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{name!r} names {len(found) or 'none'} of {len(named)} APIs.",
                where="--offer",
                fix=did_you_mean(name, [*named, *(api.name for api in named.values())])
                or "'toolenv tools list' names them.",
            )
        offered += found
    return offered or list(named.values())


def _option(field: str) -> str:
    """The option that a check's field comes from."""
    given = ("value", "tolerance", "unit", "right", "wrong")
    name = field.removeprefix("check.").removeprefix("examples.").partition("[")[0]
    return f"--{name}" if name in given else "--check"


def _free_id(file: Path, tasks: list[Task]) -> str:
    """The first number behind the file's name that is free."""
    taken = {task.id for task in tasks}
    number = len(tasks) + 1
    while f"{file.stem}-{number}" in taken:
        number += 1
    return f"{file.stem}-{number}"


def _check(
    kind: str, value: str | None, tolerance: float, unit: str, right: list[str], wrong: list[str]
) -> Check:
    from pydantic import ValidationError

    from toolenv.checks.kinds import KINDS
    from toolenv.errors import ConfigurationError
    from toolenv.jsontext import parse
    from toolenv.tasks import Check

    written: dict[str, Any] = {"kind": kind}
    if kind.lstrip().startswith("{"):
        try:
            whole = parse(kind)
        except ValueError as error:
            raise ConfigurationError(f"It is not JSON: {error}.", where="--check") from None
        written = whole if isinstance(whole, dict) else {}
    if value is not None:
        try:
            written["value"] = parse(value)
        except ValueError:
            written["value"] = value
        if written.get("kind") in ("exact", "contains", "date", "time", "name") and not isinstance(
            written["value"], str | list
        ):
            written["value"] = value
    elif written == {"kind": kind} and "value" in getattr(KINDS.get(kind), "options", ()):
        written["value"] = ""  # for the editor
    written |= {"tolerance": tolerance} if tolerance else {}
    written |= {"unit": unit} if unit else {}
    if right or wrong:
        written["examples"] = {"right": right, "wrong": wrong}
    try:
        return Check.model_validate(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{place}: {first['msg']}.", where="--check") from None
