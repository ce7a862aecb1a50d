"""``toolenv show``: an episode or a tree, readable in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolenv.cli.output import console, friendly_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from toolenv.episodes import Episode
    from toolenv.running.records import EpisodeKey

__all__ = ["show"]


def show(
    path: Annotated[Path, typer.Argument(help="A run folder, or a ToolBench answer file.")],
    task: Annotated[str | None, typer.Argument(help="The task's id; default: the first.")] = None,
    agent: Annotated[str | None, typer.Option(help="Of several agents, this one.")] = None,
    policy: Annotated[str | None, typer.Option(help="Of several policies, this one.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of several seeds, this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the episode as JSON.")] = False,
) -> None:
    """Show an episode as a tree: thoughts, calls, observations, and the chosen branch.

    Examples:

      toolenv show runs/first

      toolenv show runs/first 17 --agent dfsdt

      toolenv show 10_ChatGPT_DFS_woFilter_w2.json
    """
    with friendly_errors():
        if not path.exists():
            from toolenv.errors import ConfigurationError

            raise ConfigurationError(
                "There is no such file or folder.", where=str(path), fix="Check the path."
            )
        episode = _of_run(path, task, agent, policy, seed) if path.is_dir() else _of_answer(path)
        if as_json:
            from toolenv.jsontext import render
            from toolenv.running.step_records import step_record

            typer.echo(
                render(
                    {
                        "task": episode.task.model_dump(mode="json"),
                        "agent": episode.agent,
                        "policy": episode.policy,
                        "seed": episode.seed,
                        "chosen": episode.chosen,
                        "ended": episode.ended,
                        "outcome": episode.outcome,
                        "answer": episode.answer,
                        "steps": [
                            step_record(0, number, step)
                            for number, step in enumerate(episode.steps)
                        ],
                    }
                )
            )
            return
        from toolenv.report.terminal import render_episode

        console.print(render_episode(episode))


def _of_run(
    path: Path, task: str | None, agent: str | None, policy: str | None, seed: int | None
) -> Episode:
    from toolenv.errors import ConfigurationError
    from toolenv.running.folder import RunFolder

    folder = RunFolder.open(path)
    wanted = {"task": task, "agent": agent, "policy": policy, "seed": seed}
    keys = [
        key
        for key in sorted(folder.finished())
        if all(value is None or getattr(key, name) == value for name, value in wanted.items())
    ]
    found = folder.episode(*keys[0]) if keys else None
    if found is None:
        raise ConfigurationError(
            "No finished episode fits.",
            where=str(path),
            fix=_what_there_is(wanted, folder.finished()),
        )
    return found


def _what_there_is(wanted: Mapping[str, object], keys: Collection[EpisodeKey]) -> str:
    """The nearest of what was named and is not there, or all there is of it."""
    from toolenv.suggestions import did_you_mean

    for name, value in wanted.items():
        known = sorted({str(getattr(key, name)) for key in keys})
        if value is not None and str(value) not in known:
            some = f"{', '.join(known[:10])}{', …' if len(known) > 10 else ''}" or "nothing yet"
            near = did_you_mean(value, known) if name != "task" else ""
            return f"There is no {name} {value!r}. {near or f'The run has {some}.'}"
    return "Each is there, but not together: leave one out."


def _of_answer(path: Path) -> Episode:
    from toolenv.formats import read_answer

    return read_answer(path)
