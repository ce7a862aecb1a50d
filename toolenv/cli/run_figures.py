"""The figures of a run while it goes on, as text: for the live table and for plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from toolenv.judging.intervals import wilson
from toolenv.report.summary import percentages
from toolenv.running.tally import Tally

__all__ = ["figures", "line", "seconds", "stopping"]


def figures(tally: Tally) -> Iterator[tuple[str, str]]:
    """The figures of a run by name, those that there is something to say of."""
    passed, decided = _passed(tally)
    if decided:
        yield "passed", f"{_rate(passed, decided)} of {decided:,} decided"
    yield "speed", f"{_speed(tally)}, {tally.flying():,} episodes in flight"
    yield from _spent(tally)
    if calls := _calls(tally):
        yield "calls", calls
    if tally.errors:
        yield "broken", _counts(tally.errors)
    for name, places in tally.servers().items():
        limit = "" if places.limit is None else f" of at most {places.limit:,}"
        refused = f", {places.refusals:,} refused as too many" if places.refusals else ""
        if limit or refused or places.under_way:
            yield name, f"{places.under_way:,}{limit} requests under way{refused}"
    if tally.stopping:
        yield "stopping", stopping(tally)


def line(tally: Tally) -> str:
    """The most important of them in one line."""
    passed, decided = _passed(tally)
    parts = [f"episodes {tally.done}/{tally.total}"]
    if tally.flying():
        parts.append(f"{tally.flying()} in flight")
    if decided:
        parts.append(f"passed {_rate(passed, decided)}")
    if tally.done > tally.done_before or tally.flying():
        parts.append(_speed(tally))
    parts += [f"{name} {text}" for name, text in _spent(tally)]
    if calls := _calls(tally):
        parts.append(f"calls {calls}")
    if tally.errors:
        parts.append(f"broken {_counts(tally.errors)}")
    left = tally.seconds_left()
    if left is not None and tally.done < tally.total and not tally.stopping:
        parts.append(f"left {seconds(left)}")
    return "; ".join(parts)


def stopping(tally: Tally) -> str:
    """Why a run stops, and what it waits for."""
    flying = tally.flying()
    if not flying:
        return tally.stopping
    return (
        f"{tally.stopping}; {flying:,} episode{'s' if flying > 1 else ''} in flight "
        f"finish{'' if flying > 1 else 'es'} (Ctrl-C{' again' if _interrupted(tally) else ''} "
        "stops at once)"
    )


def seconds(number: float) -> str:
    """A duration.

    Example:
        >>> seconds(3.2), seconds(75), seconds(7265)
        ('0:03', '1:15', '2:01:05')
    """
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _interrupted(tally: Tally) -> bool:
    return tally.stopping == "interrupted"


def _passed(tally: Tally) -> tuple[int, int]:
    passed = tally.outcomes["passed"]
    return passed, passed + tally.outcomes["failed"]


def _rate(passed: int, decided: int) -> str:
    low, high = wilson(passed, decided)
    return f"{passed / decided:.1%} ({100 * low:.1f}–{100 * high:.1f})"


def _speed(tally: Tally) -> str:
    return f"{tally.steps_a_second():,.0f} steps/s"


def _spent(tally: Tally) -> Iterator[tuple[str, str]]:
    spent, limits = tally.spending(), tally.limits
    if spent.tokens or limits.tokens:
        most = f" of {_short(limits.tokens)}" if limits.tokens else ""
        yield "tokens", f"{_short(spent.tokens)}{most} ({_short(spent.output_tokens)} out)"
    if spent.money or limits.money:
        most = f" of {limits.money:,.2f}" if limits.money else ""
        yield "money", f"{spent.money:,.4g}{most}"
    if limits.seconds:
        yield "time", f"{seconds(tally.seconds)} of {seconds(limits.seconds)}"


def _calls(tally: Tally) -> str:
    sources = {name: number for name, number in tally.sources.most_common() if number}
    return percentages(sources) if sources else ""


def _counts(counts: Mapping[str, int]) -> str:
    """How many in all, and of each kind."""
    each = list(counts.items())
    kinds = ", ".join(f"{name} {number:,}" for name, number in each)
    return f"{sum(number for _, number in each):,} ({kinds})"


def _short(number: float) -> str:
    """A large number in three digits.

    Example:
        >>> _short(950), _short(12_345), _short(3_400_000)
        ('950', '12.3k', '3.4M')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"
