"""A comparison of agents as a table for a terminal, and what it means in words."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from toolenv.report.visible import visible
from toolenv.running.agent_comparison import AgentComparison

__all__ = ["comparison_notes", "comparison_table"]


def comparison_table(found: AgentComparison) -> Table:
    """One row for each agent: what it selected, what any branch reached, what it spent."""
    undecided = any(row.undecided for row in found.rows)
    money = any(row.money for row in found.rows)
    table = Table(
        caption="Pass rates with Wilson's 95 % intervals; calls and tokens of one episode.",
        caption_justify="left",
        padding=(0, 0) if money or undecided else (0, 1),
    )
    table.add_column("agent", overflow="fold")
    for name in ("episodes", *(["undecided"] if undecided else []), "passed", "95 %", "any"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("policy calls", "tokens", *(["money"] if money else [])):
        table.add_column(name, justify="right")
    for row in found.rows:
        low, high = row.interval
        of = row.episodes or 1
        table.add_row(
            Text(visible(row.agent)),
            str(row.episodes),
            *([str(row.undecided)] if undecided else []),
            "–" if row.rate is None else f"{row.rate:.1%}",
            f"{low * 100:.1f}–{high * 100:.1f}",
            f"{row.any_passed / of:.1%}",
            f"{row.policy_calls / of:.1f}",
            f"{row.tokens / of:,.0f}",
            *([f"{row.money / of:.4f}"] if money else []),
        )
    return table


def comparison_notes(found: AgentComparison) -> Iterator[str]:
    """What the table does not say by itself."""
    if found.headroom is not None:
        yield (
            f"headroom: {found.headroom:.1%} of ReACT's episodes ended without an answer; where "
            "a wrong answer cannot be seen, searching on can gain no more"
        )
    for row in found.rows:
        gained, lost = found.gained.get(row.agent, 0), found.lost.get(row.agent, 0)
        if row.agent != "react" and found.gained:
            yield (
                f"{visible(row.agent)}: of {found.shared} episodes {gained} passed by some branch "
                f"that ReACT failed, {lost} the other way; {row.regret} lost by the choice alone"
            )
