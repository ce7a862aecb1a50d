"""``toolenv doctor``: what is configured and reachable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolenv.cli.output import DIFFERS, console, friendly_errors, plain, print_json

__all__ = ["doctor"]


def doctor(
    base_url: Annotated[
        list[str] | None,
        typer.Option(help="An OpenAI-compatible server that must list its models; repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model that must be listed; repeatable.")
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="A policy whose server is asked what it can do: openai:MODEL?base_url=…"),
    ] = None,
    simulator: Annotated[
        list[str] | None,
        typer.Option(help="What must open: snapshot:FILE, mcp:COMMAND, …; repeatable."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="An environment variable that must be set; repeatable."),
    ] = None,
    extra: Annotated[
        list[str] | None, typer.Option(help="An extra that must be installed; repeatable.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="There must be a GPU.")] = False,
    browser: Annotated[bool, typer.Option("--browser", help="There must be a Chromium.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder of runs.")] = Path("runs"),
    timeout: Annotated[float, typer.Option(min=0.1, max=600.0, help="Seconds for each.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is configured and reachable; exit code 1 where something asked for is not.

    Keys are named and never shown. The key in OPENAI_API_KEY is sent to the servers of --base-url.

    Examples:

      toolenv doctor

      toolenv doctor --base-url http://127.0.0.1:8000/v1 --simulator snapshot:stb.snap
    """
    with friendly_errors():
        from toolenv.running.doctor import Asked, examine

        asked = Asked(
            endpoints=base_url or (),
            models=model or (),
            probes=probe or (),
            simulators=simulator or (),
            keys=key or (),
            extras=extra or (),
            gpu=gpu,
            browser=browser,
            folder=runs,
            timeout=timeout,
        )
        findings = list(examine(asked))
        bad = sum(finding.bad for finding in findings)
        if as_json:
            print_json({"ok": not bad, "findings": [finding._asdict() for finding in findings]})
        else:
            from rich.table import Column, Table

            columns = [Column(name, overflow="fold") for name in ("which", "found")]
            table = Table("", "what", *columns, box=None)
            for finding in findings:
                mark = "[bold red]✗" if finding.bad else _MARKS[finding.state]
                table.add_row(
                    mark, finding.part, plain(finding.name), plain(" ".join(finding.detail.split()))
                )
            console.print(table)
            console.print(
                f"{bad} of what was asked for does not work"
                if bad
                else "everything asked for works",
                highlight=False,
            )
        if bad:
            raise typer.Exit(DIFFERS)


_MARKS = {"ok": "[green]✓", "absent": "[dim]–", "failed": "[yellow]!"}
