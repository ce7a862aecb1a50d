"""``toolenv tools``: descriptions of APIs as tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors, plain, print_json

if TYPE_CHECKING:
    from toolenv.apis import API
    from toolenv.formats import ReadReport
    from toolenv.jsontext import JsonValue

__all__ = ["apis_of_mcp", "app"]

app = typer.Typer(no_args_is_help=True, help="Import OpenAPI descriptions, and look into them.")

_File = Annotated[
    Path, typer.Argument(help="A description, a file of tasks, or a folder of tool files.")
]
_SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Go on after what is malformed, and count it.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("import")
def import_description(
    description: Annotated[
        str, typer.Argument(help="OpenAPI 3.0 or 3.1, JSON or YAML; or mcp:COMMAND, mcp:http://….")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="A file of tasks (.json, .jsonl) or a folder of tool files to write."),
    ] = None,
    instruction: Annotated[
        list[str] | None,
        typer.Option(help="A task's instruction, for a file of tasks; repeatable."),
    ] = None,
    tool: Annotated[str, typer.Option(help="The tool's name; default: the title.")] = "",
    category: Annotated[
        str | None, typer.Option(help="The tool's category; default: each operation's first tag.")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the description; it is an address.")
    ] = False,
    allow_private: Annotated[
        list[str] | None,
        typer.Option(help="With --fetch: a host that may have a private address; repeatable."),
    ] = None,
    skip_bad: _SkipBad = False,
    as_json: _Json = False,
) -> None:
    """Turn a description into a tool with its APIs.

    The file of tasks has one task for each instruction, all of which offer every API; without
    one, a task whose instruction is left to you. It documents the APIs in full, and answers their
    calls as the description does: --simulator openapi:FILE.

    Example:

      toolenv tools import openapi.yaml --out shop.json --instruction "What does tea cost?"

      toolenv tools import openapi.yaml --out tools --category Shopping

      toolenv tools import "mcp:python my_server.py" --out tasks.json
    """
    with friendly_errors():
        from toolenv.errors import ConfigurationError
        from toolenv.formats import ReadReport
        from toolenv.formats.openapi import read_openapi

        is_folder = out is not None and out.suffix not in (".json", ".jsonl")
        if instruction and (out is None or is_folder):
            raise ConfigurationError(
                "Instructions go into a file of tasks.",
                where="--out",
                fix="Name a file that ends in .json or .jsonl.",
            )
        is_address = description.startswith(("http://", "https://"))
        if is_address and not fetch:
            raise ConfigurationError(
                "This is an address, which is fetched only when asked for.",
                where=description,
                fix="Add --fetch, or download the file.",
            )
        report = ReadReport()
        if description.startswith("mcp:"):
            apis = apis_of_mcp(description, tool, category)
            report.read = len(apis)
        elif is_address:
            from toolenv.simulators.openapi_fetching import fetch_openapi

            apis = fetch_openapi(
                description,
                tool=tool,
                category=category,
                skip_bad=skip_bad,
                report=report,
                allow_private=allow_private or (),
            )
        else:
            apis = read_openapi(
                description, tool=tool, category=category, skip_bad=skip_bad, report=report
            )
        written = _write(apis, out, instruction or []) if out is not None else []
        if as_json:
            print_json(
                {
                    "tool": apis[0].tool if apis else "",
                    "apis": _listed(apis),
                    "written": [str(path) for path in written],
                    "found": dict(sorted(report.found.items())),
                    "skipped": [{"where": one.where, "why": one.why} for one in report.skipped],
                }
            )
            return
        _tell(apis, report)
        for path in written:
            console.print(plain(f"written: {path}"), soft_wrap=True)


@app.command("list")
def list_apis(file: _File, skip_bad: _SkipBad = False, as_json: _Json = False) -> None:
    """List APIs: function, method and path, parameters, what they need.

    Example:

      toolenv tools list shop.json
    """
    with friendly_errors():
        from toolenv.formats import ReadReport
        from toolenv.formats.openapi import read_apis

        report = ReadReport()
        apis = read_apis(file, skip_bad=skip_bad, report=report)
        if as_json:
            print_json(_listed(apis))
            return
        _tell(apis, report)


@app.command("show")
def show_api(
    api: Annotated[str, typer.Argument(help="The API's function, or its name.")],
    file: _File,
    skip_bad: _SkipBad = False,
) -> None:
    """Print an API as the function that a policy sees, as JSON.

    Example:

      toolenv tools show getprice_for_shop shop.json
    """
    with friendly_errors():
        from toolenv.apis import name_apis
        from toolenv.errors import ConfigurationError
        from toolenv.formats.openapi import read_apis

        apis = read_apis(file, skip_bad=skip_bad)
        named = name_apis(apis)
        found = next((name for name, one in named.items() if api in (name, one.name)), None)
        if found is None:
            raise ConfigurationError(
                f"There is no API {api!r} among {len(apis)}.",
                fix=f"'toolenv tools list {file}' names them.",
            )
        print_json(named[found].function_schema(found))


def apis_of_mcp(server: str, tool: str, category: str | None) -> list[API]:
    """The tools that an MCP server lists."""
    from urllib.parse import parse_qsl

    from toolenv.simulators.mcp import open_mcp

    place, _, query = server.removeprefix("mcp:").partition("?")
    named = {"tool": tool, "category": category}
    options = dict(parse_qsl(query, keep_blank_values=True))
    with open_mcp(place, {**options, **{k: v for k, v in named.items() if v}}) as simulator:
        return list(simulator.apis)


def _write(apis: list[API], out: Path, instructions: list[str]) -> list[Path]:
    from toolenv.formats import write_tasks, write_tools
    from toolenv.formats.toolbench.tools import safe_stem
    from toolenv.tasks import Task

    if out.suffix not in (".json", ".jsonl"):
        return write_tools(apis, out)
    stem = safe_stem(apis[0].tool if apis else "")
    tasks = [
        Task(id=f"{stem}-{number}", instruction=instruction, apis=tuple(apis))
        for number, instruction in enumerate(instructions or [""], start=1)
    ]
    write_tasks(tasks, out)
    return [out]


def _listed(apis: list[API]) -> list[JsonValue]:
    from toolenv.apis import name_apis
    from toolenv.formats.openapi import route_of

    listed: list[JsonValue] = []
    for function, api in name_apis(apis).items():
        route = route_of(api)
        listed.append(
            {
                "function": function,
                "category": api.category,
                "tool": api.tool,
                "name": api.name,
                "method": api.method,
                "path": route.path if route is not None else "",
                "parameters": [parameter.key for parameter in api.parameters],
                "required": [parameter.key for parameter in api.parameters if parameter.required],
                "keys": _keys(api),
            }
        )
    return listed


def _keys(api: API) -> list[JsonValue]:
    """The environment variables, each alternative as one text."""
    from toolenv.formats.openapi import route_of
    from toolenv.simulators.openapi_keys import variable_of

    route = route_of(api)
    return [
        " and ".join(variable_of(api.tool, scheme) for scheme in alternative)
        for alternative in (route.security if route is not None else ())
        if alternative
    ]


def _tell(apis: list[API], report: ReadReport) -> None:
    from rich.table import Column, Table

    from toolenv.apis import name_apis
    from toolenv.formats.openapi import route_of

    whole = (Column("function", overflow="fold"), "method", Column("path", overflow="fold"))
    table = Table(*whole, "parameters", "what it does", box=None)
    variables: dict[str, int] = {}
    for function, api in name_apis(apis).items():
        route = route_of(api)
        required = sum(parameter.required for parameter in api.parameters)
        row = (
            function,
            api.method,
            route.path if route is not None else "–",
            f"{len(api.parameters)}, {required} required" if api.parameters else "–",
            api.description.partition("\n")[0],
        )
        table.add_row(*map(plain, row))
        needed = " or ".join(map(str, _keys(api)))
        if needed:
            needed += " or none" if route is not None and () in route.security else ""
            variables[needed] = variables.get(needed, 0) + 1
    console.print(table)
    console.print(plain(str(report)), soft_wrap=True)
    for needed, count in variables.items():
        console.print(plain(f"{count} take a key: {needed}"), soft_wrap=True)
