"""How a fidelity report and a rank agreement are shown: in tables of at most eighty columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolenv.cli.output import console, plain

if TYPE_CHECKING:
    from rich.table import Table

    from toolenv.running.fidelity_report import (
        Condition,
        FidelityReport,
        Interval,
        Measure,
        Stratum,
    )
    from toolenv.running.fidelity_split import Way
    from toolenv.running.rank_agreement import RankAgreement, Ranked

__all__ = ["tell_fidelity", "tell_ranks"]

_ROWS: tuple[tuple[str, Measure, Stratum], ...] = (
    ("answered", "answered", "all"),
    ("fits documented schema", "fits_document", "success"),
    ("fits recorded structure", "fits_recorded", "success"),
    ("keys, successes", "keys", "success"),
    ("keys, errors", "keys", "error"),
    ("types, successes", "types", "success"),
    ("types, errors", "types", "error"),
    ("error or success alike", "agreement", "all"),
    ("bad calls accepted", "accepted", "error"),
    ("good calls refused", "refused", "success"),
    ("neither of the two", "unclear", "all"),
    ("equal bodies", "equal", "all"),
    ("length ratio, successes", "length", "success"),
    ("length ratio, errors", "length", "error"),
)

_WAYS: dict[Way, str] = {"api": "by whole API", "distance": "by distance of the arguments"}


def tell_fidelity(report: FidelityReport) -> None:
    """Show what was held out, and a table for each way of holding out."""
    left_out = "; ".join(f"{count} {why}" for why, count in report.left_out.items())
    console.print(
        plain(
            f"examples: {report.example_responses} recorded responses; {report.near} calls near "
            f"to held-out ones are none" + (f"; left out: {left_out}" if left_out else "")
        ),
        soft_wrap=True,
    )
    for way, held_out in report.held_out.items():
        told = ", ".join(
            f"{held_out.recorded.get(kind, 0)} {name}"
            for kind, name in (
                ("success", "successes"),
                ("error", "errors"),
                ("unknown", "neither"),
            )
        )
        console.print()
        console.print(
            f"held out {_WAYS[way]}: {_plural(held_out.calls, 'call')} of "
            f"{_plural(held_out.apis, 'API')}",
            soft_wrap=True,
        )
        console.print(f"recorded: {told}", soft_wrap=True)
        if held_out.described < held_out.calls:
            console.print(
                f"documents describe the APIs of {held_out.described} of these calls; "
                "see --tools, --tasks"
            )
        if held_out.nearest is not None:
            least, middle = held_out.nearest
            console.print(f"nearest example: {least:.2f} away or more, median {middle:.2f}")
        if held_out.fit_document is not None:
            console.print(
                f"recorded successes that fit their documented schema: {held_out.fit_document:.1%}"
            )
        conditions = [one for one in report.conditions if one.way == way]
        console.print(_table(conditions))
        for one in conditions:
            if one.failed or one.unanswered:
                console.print(
                    f"{_name(one)}: {one.unanswered} of {one.asked} without an answer, "
                    f"{one.failed} failed",
                    soft_wrap=True,
                )
            if {"snapshot", "store", "canonical"} & one.sources.keys():
                console.print(
                    f"{_name(one)}: answers come from recordings, which may be those held out",
                    soft_wrap=True,
                )
    console.print()
    console.print(
        "In percent, over the calls that were answered; lengths as ratios. In brackets 95-percent "
        "intervals over APIs. Against copying: paired differences in points; of lengths, how "
        "much farther off the logarithm is."
    )


def _table(conditions: list[Condition]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("examples", "", "calls", "against copying"):
        table.add_column(name, justify="right", no_wrap=True)
    for label, measure, stratum in _ROWS:
        shown = label
        for one in conditions:
            found = one.figures[stratum].get(measure)
            if found is None:
                continue
            is_ratio = measure == "length"
            table.add_row(
                shown,
                _name(one),
                _ratio(found) if is_ratio else _share(found),
                str(found.calls),
                _difference(found.difference, 1 if is_ratio else 100),
            )
            shown = ""
    return table


def _name(condition: Condition) -> str:
    if condition.who == "copying":
        return "copying"
    return "none taken" if condition.examples is None else str(condition.examples)


def _plural(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _share(found: Interval) -> str:
    ends = "–" if found.low is None or found.high is None else f"{found.low:.0%}–{found.high:.0%}"
    return f"{100 * found.value:.1f} ({ends.replace('%', '')})"


def _ratio(found: Interval) -> str:
    ends = "–" if found.low is None or found.high is None else f"{found.low:.2f}–{found.high:.2f}"
    return f"{found.value:.2f} ({ends})"


def _difference(found: Interval | Ranked | None, scale: float) -> str:
    if found is None or found.value is None:
        return ""
    places = 0 if scale == 100 else 2
    ends = "–"
    if found.low is not None and found.high is not None:
        low, high = (round(scale * end, places) + 0.0 for end in (found.low, found.high))
        ends = f"{low:+.{places}f} to {high:+.{places}f}"
    return f"{round(scale * found.value, places) + 0.0:+.{places}f} ({ends})"


def tell_ranks(found: RankAgreement) -> None:
    """Show pass rates in both environments, and how far their orders agree."""
    from rich.table import Table

    agents = len({one.agent for one in found.policies}) > 1
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("policy", overflow="fold")
    for name in ("recorded", "simulated", "difference", "undecided"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.policies:
        table.add_row(
            plain(f"{one.policy} with {one.agent}" if agents else one.policy),
            f"{one.recorded:.1%}",
            f"{one.simulated:.1%}",
            _difference(one.difference, 100),
            str(one.undecided) if one.undecided else "",
        )
    console.print(table)
    console.print(
        f"{_plural(len(found.policies), 'policy').replace('policys', 'policies')}, "
        f"{_plural(found.tasks, 'task')}"
    )
    console.print(f"difference of pass rates, mean: {_difference(found.difference, 100)} points")
    console.print(f"how far they are apart, mean:   {100 * found.apart:.0f} points")
    console.print(f"Kendall's tau-b: {_correlation(found.kendall)}")
    console.print(f"Spearman's rho:  {_correlation(found.spearman)}")
    console.print("In brackets 95 % bootstrap intervals over tasks.")
    if not found.meaningful:
        console.print("Of so few policies the intervals of the correlations are meaningless.")
    if found.differing:
        console.print(
            plain(f"The environments also differ in: {', '.join(found.differing)}."),
            soft_wrap=True,
        )


def _correlation(found: Ranked) -> str:
    if found.value is None:
        return "not defined: all policies of one environment have the same pass rate"
    ends = "–" if found.low is None else f"{found.low:.2f} to {found.high:.2f}"
    return f"{found.value:.2f} ({ends})"
