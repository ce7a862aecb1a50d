"""The win rate of a set of verdicts, and what it owes to the order in which answers were shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from toolenv.judging.bootstrap import Estimate, ratio_estimates
from toolenv.judging.bradley_terry import Comparison
from toolenv.judging.length_control import LengthControlled, length_controlled
from toolenv.judging.pass_rate import score_interval
from toolenv.judging.verdicts import Winner, WinVerdict
from toolenv.seeds import derive

__all__ = ["WinRate", "comparisons", "win_rate"]

_SCORES: Final[dict[Winner, float]] = {"candidate": 1.0, "tie": 0.5, "reference": 0.0}


class WinRate(NamedTuple):
    """How often a candidate beats a reference; ties count one half.

    Args:
        pairs: All of them.
        wins: How many the candidate won.
        losses: How many the reference won.
        ties: How many neither won.
        unsure: How many have no verdict; the distance between ``low`` and ``high``.
        by_rule: How many were decided without a vote, by rule.
        low: The rate where all unsure pairs are lost.
        high: The rate where all unsure pairs are won.
        interval: 95 %, over tasks: from the lower end at ``low`` to the upper end at ``high``.
        flip_rate: Of votes on one pair in both orders, how often swapping changed the winner.
        first_rate: Of votes that name one side, how often it was the one shown first.
        position_biased: Whether the interval of ``first_rate`` leaves out one half.
        length_controlled: The rate at equal lengths, of pairs that votes decided.
        warned: How many pairs are unsure because text in the data spoke to the judge.
        problems: Why votes say nothing, and how many.
    """

    pairs: int
    wins: int
    losses: int
    ties: int
    unsure: int
    by_rule: dict[str, int]
    low: float
    high: float
    interval: tuple[float, float]
    flip_rate: Estimate
    first_rate: Estimate
    position_biased: bool
    length_controlled: LengthControlled
    warned: int
    problems: dict[str, int]


def win_rate(verdicts: Iterable[WinVerdict], *, seed: int = 0) -> WinRate:
    """Count verdicts on one candidate and one reference.

    Args:
        verdicts: One for each pair that was to be compared.
        seed: What the bootstraps draw from.
    """
    found = list(verdicts)
    decisions = Counter(verdict.decision for verdict in found)
    tasks = [verdict.task for verdict in found]
    lows = [_SCORES.get(verdict.decision, 0.0) for verdict in found]
    highs = [_SCORES.get(verdict.decision, 1.0) for verdict in found]
    low = score_interval(tasks, lows, derive(seed, "win rate"))
    high = score_interval(tasks, highs, derive(seed, "win rate"))
    first = _first_rate(found, derive(seed, "first"))
    votes = [vote for verdict in found for vote in verdict.votes]
    decided = [v for v in found if v.votes and v.decision != "unsure"]
    return WinRate(
        len(found),
        decisions["candidate"],
        decisions["reference"],
        decisions["tie"],
        decisions["unsure"],
        dict(Counter(verdict.rule for verdict in found if verdict.rule).most_common()),
        low.value,
        high.value,
        (low.low, high.high),
        _flip_rate(found, derive(seed, "flips")),
        first,
        not first.low <= 0.5 <= first.high and first.low == first.low,
        length_controlled(
            [verdict.task for verdict in decided],
            [_SCORES[verdict.decision] for verdict in decided],
            [float(verdict.lengths[0] - verdict.lengths[1]) for verdict in decided],
            derive(seed, "lengths"),
        ),
        sum(bool(verdict.warnings) for verdict in found),
        dict(Counter(vote.problem for vote in votes if vote.problem).most_common()),
    )


def comparisons(verdicts: Iterable[WinVerdict]) -> list[Comparison]:
    """The comparisons of verdicts on any candidates and references, without the unsure ones."""
    return [
        Comparison(v.task, f"{v.agent} {v.policy}".strip(), v.reference, _SCORES[v.decision])
        for v in verdicts
        if v.decision != "unsure"
    ]


def _flip_rate(verdicts: Sequence[WinVerdict], seed: int) -> Estimate:
    """Votes come in pairs of the two orders; a pair counts where both say something."""
    flips, pairs = [], []
    for verdict in verdicts:
        both = [
            (one.winner, other.winner)
            for one, other in zip(verdict.votes[::2], verdict.votes[1::2], strict=True)
            if "unsure" not in (one.choice, other.choice)
        ]
        flips.append([float(sum(one != other for one, other in both))])
        pairs.append([float(len(both))])
    return _ratio(flips, pairs, seed)


def _first_rate(verdicts: Sequence[WinVerdict], seed: int) -> Estimate:
    firsts, named = [], []
    for verdict in verdicts:
        chosen = [v.choice for v in verdict.votes if v.choice in ("first", "second")]
        firsts.append([float(sum(choice == "first" for choice in chosen))])
        named.append([float(len(chosen))])
    return _ratio(firsts, named, seed)


def _ratio(parts: list[list[float]], wholes: list[list[float]], seed: int) -> Estimate:
    used = [number for number, (whole,) in enumerate(wholes) if whole]
    if not used:
        return Estimate(float("nan"), float("nan"), float("nan"))
    above, below = [parts[n] for n in used], [wholes[n] for n in used]
    return ratio_estimates(above, below, seed, widened=True)[0]
