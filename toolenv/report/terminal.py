"""Episodes and results in a terminal. Whatever comes from data is shown, never obeyed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from toolenv.episodes import Call, Episode, Response
from toolenv.report.labels import labels
from toolenv.report.summary import Group as Results
from toolenv.report.summary import group_results
from toolenv.report.tree import Line, arguments_text, lines, status_text
from toolenv.report.visible import cut, visible
from toolenv.running.results import Result

__all__ = ["render_episode", "results_table"]

_OUTCOME_STYLES = {
    "passed": "bold green",
    "failed": "bold red",
    "unsure": "bold yellow",
    "infrastructure_error": "bold magenta",
}

_ROOM = 16
"""What 80 columns leave for agent and policy together."""

_ROOM_CROWDED = 15
"""What they leave for each where cells are not padded."""


def render_episode(episode: Episode, *, length: int = 300) -> RenderableType:
    """An episode as a tree: branches indented, the chosen path marked by a filled dot and bar.

    Args:
        episode: The episode.
        length: How many characters of a thought, of arguments and of a response are shown; what
            is cut is said.
    """
    parts: list[RenderableType] = [_heading(episode)]
    parts += [_step(line, length) for line in lines(episode)]
    if not episode.steps:
        parts.append(Text("No step was taken.", style="dim"))
    return Group(*parts)


def results_table(results: Iterable[Result]) -> RenderableType:
    """Agents and policies with their pass rates, intervals and costs.

    The rate is that of the episodes that something has decided on; the others are counted apart.
    Long specifications have labels, which are explained below.
    """
    groups = group_results(results, lambda result: (result.agent, result.policy))
    missed = any(group.missed for group in groups.values())
    unsure = any(group.unsure for group in groups.values())
    broken = any(group.infrastructure_errors for group in groups.values())
    caption = "Pass rates with Wilson's 95 % intervals."
    if missed:
        caption += (
            " bounds: the rate if all episodes with a miss (a call that nothing answered, which "
            "says nothing of the policy) failed, and if all of them passed. no miss: the share "
            "of episodes without one."
        )
    shown = [labels(column) for column in zip(*groups, strict=True)] or [{}, {}]
    widths = [
        max(len(word) for text in (name, *column.values()) for word in text.split())
        for name, column in zip(("agent", "policy"), shown, strict=True)
    ]
    many = missed or unsure or broken
    crowded = many or sum(widths) > _ROOM
    table = Table(caption=caption, caption_justify="left", padding=(0, 0) if crowded else (0, 1))
    for name, width in zip(("agent", "policy"), widths, strict=True):
        whole = len(name) if many else min(width, _ROOM_CROWDED)
        table.add_column(name, overflow="fold", min_width=whole)
    table.add_column("episodes", justify="right", no_wrap=True)
    table.add_column("pass rate", justify="right", no_wrap=True)
    if missed:
        table.add_column("bounds", justify="right", no_wrap=True)
        table.add_column("no miss", justify="right")
    if unsure:
        table.add_column("unsure", justify="right", no_wrap=True)
    if broken:
        table.add_column("broken", justify="right", no_wrap=True)
    for name in ("steps", "policy calls", "API calls"):
        heading = name.replace(" ", "\n") if crowded else name
        table.add_column(heading, justify="right", min_width=max(map(len, name.split())))
    for (agent, policy), group in groups.items():
        censored = [_bounds(group), f"{group.without_miss:.1%}"] if missed else []
        apart = [str(group.unsure)] if unsure else []
        apart += [str(group.infrastructure_errors)] if broken else []
        table.add_row(
            _text(shown[0][agent]),
            _text(shown[1][policy]),
            str(group.episodes),
            _rate(group),
            *censored,
            *apart,
            f"{group.mean_steps:.1f}",
            f"{group.mean_policy_calls:.1f}",
            f"{group.mean_api_calls:.1f}",
        )
    legend = Table.grid(padding=(0, 2, 0, 0))
    legend.add_column(style="bold", no_wrap=True)
    legend.add_column(overflow="fold")
    for column in shown:
        for name, label in column.items():
            if label != name:
                legend.add_row(_text(label), _text(name))
    return Group(table, legend) if legend.row_count else table


def _rate(group: Results) -> Text:
    if group.rate is None:
        return Text("–", style="dim")
    low, high = group.interval
    return Text.assemble(
        (f"{group.rate:.1%}", "bold"), (f"  {low * 100:.1f}–{high * 100:.1f}", "dim")
    )


def _bounds(group: Results) -> str:
    if group.bounds is None:
        return "–"
    low, high = group.bounds
    return f"{low * 100:.1f}–{high * 100:.1f}"


def _heading(episode: Episode) -> RenderableType:
    facts = Text.assemble(
        (episode.outcome.replace("_", " "), _OUTCOME_STYLES.get(episode.outcome, "bold")),
        f"  reward {episode.reward:g}  ended: ",
        _text(episode.ended or "not at all"),
    )
    cost = episode.cost
    who = Text.assemble(
        _text(episode.agent or "?"),
        " with ",
        _text(episode.policy or "?"),
        f", seed {episode.seed}  ·  {len(episode.steps)} steps, {cost.policy_calls} policy calls, "
        f"{cost.api_calls} API calls, {cost.input_tokens + cost.output_tokens} tokens",
        style="dim",
    )
    body: list[RenderableType] = [_text(episode.task.instruction), Text(), facts, who]
    if episode.answer is not None:
        body += [Text(), Text.assemble(("answer  ", "dim"), _text(episode.answer))]
    return Panel(
        Group(*body), title=Text.assemble("task ", _text(episode.task.id)), title_align="left"
    )


def _step(line: Line, length: int) -> RenderableType:
    step, chosen = line.step, line.chosen
    colour = "green" if chosen else "bright_black"
    rows: list[tuple[str, Text]] = []
    thought = step.message.content.strip()
    if thought:
        rows.append(("", _shown(thought, length)))
    for call, response in zip_longest(step.calls, step.responses):
        if call is not None:
            rows.append(("→", _call(call, length)))
        if response is not None:
            rows.append(("←", _response(call, response, length)))
    if not step.responses and step.observation:
        rows.append(("←", _shown(step.observation, length, style="dim")))
    if step.ended:
        rows.append(("■", Text.assemble("ended: ", _text(step.ended), style="bold")))
    title = Text.assemble((f"step {line.number}", f"bold {colour}"))
    if line.siblings > 1:
        title.append(f"  branch {line.branch} of {line.siblings}", "dim")
    if step.reward:
        title.append(f"  reward {step.reward:g}", "dim")
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1, no_wrap=True)
    grid.add_column(width=1, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text("●" if chosen else "○", style=colour), "", title)
    for sign, text in rows:
        grid.add_row(Text("┃" if chosen else "│", style=colour), Text(sign, style="cyan"), text)
    return Padding(grid, (0, 0, 0, 3 * min(line.level, 12)))


def _call(call: Call, length: int) -> Text:
    text = Text.assemble(
        (visible(call.function), "bold cyan"), "(", _shown(arguments_text(call), length), ")"
    )
    if call.api is None and call.function != "Finish":
        text.append("  no such function", "red")
    if call.invalid:
        text.append_text(Text.assemble(("  invalid: ", "red"), _shown(call.invalid, length)))
    return text


def _response(call: Call | None, response: Response, length: int) -> Text:
    origin = "" if response.origin == response.source else f" ({response.origin})"
    about = f"{status_text(call, response)} · {response.source}{origin}"
    if response.completeness != "whole":
        about += f" · {response.completeness}"
    return Text.assemble(
        (visible(about), "red" if response.failed else "green"),
        "  ",
        _shown(response.text, length, style="dim"),
    )


def _shown(text: str, length: int, *, style: str = "") -> Text:
    """The beginning of a text from outside, saying what was cut."""
    kept, missing = cut(text, length)
    shown = Text(visible(kept), style=style)
    if missing:
        shown.append(f" … {missing:,} more characters", "italic yellow")
    return shown


def _text(text: str) -> Text:
    return Text(visible(text))
