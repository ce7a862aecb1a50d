"""What ``toolenv run --dry-run`` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from rich.table import Table

from toolenv.cli.output import console, plain, print_json
from toolenv.cli.run_figures import seconds
from toolenv.running.configuration import RunConfiguration
from toolenv.running.forecast import Forecast

__all__ = ["tell_forecast"]


def tell_forecast(found: Forecast, configuration: RunConfiguration, *, as_json: bool) -> None:
    """Print what a run would do and cost."""
    if as_json:
        print_json(asdict(found))
        return
    left = found.episodes - found.finished
    lines = [
        f"episodes: {left:,} to do: {found.tasks:,} tasks × {len(found.agents)} agents × "
        f"{len(found.policies)} policies × {found.seeds} seeds = {found.episodes:,}, of which "
        f"{found.finished:,} are finished",
        f"at once: {configuration.concurrency} episodes in {configuration.processes} process"
        f"{'es' if configuration.processes > 1 else ''}",
        *(f"policy: {name}{f' at {at}' if at else ''}" for name, at in found.policies.items()),
        *(f"simulator: {one}" for one in found.simulators),
        f"network: {'simulators are refused it' if found.offline else 'simulators may use it'}",
        *(f"would write: {place}" for place in found.writes),
    ]
    for text in lines:
        console.print(plain(text), soft_wrap=True)
    console.print(_table(found))
    if configuration.run_money is not None:
        console.print(f"the whole run stops at: {configuration.run_money:,.2f}", highlight=False)
    if found.seconds is not None:
        console.print(f"time, at the pace before: {seconds(found.seconds)}", highlight=False)
    console.print("nothing was contacted or written")


def _table(found: Forecast) -> Table:
    table = Table("agent", "policy")
    for name in ("episodes", "policy calls", "tokens", "money"):
        table.add_column(name, justify="right")
    table.add_column("estimate")
    for group in found.groups:
        cells = [_number(group.policy_calls), _number(group.tokens), _money(group.money)]
        names = [plain(group.agent), plain(group.policy)]
        table.add_row(*names, f"{group.episodes:,}", *cells, group.basis)
    if len(found.groups) > 1:
        table.add_section()
        table.add_row(
            "all",
            "",
            f"{sum(group.episodes for group in found.groups):,}",
            _number(_sum(group.policy_calls for group in found.groups)),
            _number(_sum(group.tokens for group in found.groups)),
            _money(_sum(group.money for group in found.groups)),
            "",
        )
    return table


def _sum(numbers: Iterable[float | None]) -> float | None:
    """The sum; None where a part is unknown."""
    total = 0.0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def _number(number: float | None) -> str:
    return "?" if number is None else f"{number:,.0f}"


def _money(number: float | None) -> str:
    return "?" if number is None else f"{number:,.2f}"
