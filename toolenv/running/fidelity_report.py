"""The report of an evaluated simulation, and how the scores of single calls become its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, isnan
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolenv.judging.bootstrap import Estimate, median_estimate, ratio_estimates
from toolenv.running.fidelity_metrics import Scores
from toolenv.running.fidelity_split import Way
from toolenv.seeds import derive

__all__ = [
    "MEASURES",
    "STRATA",
    "Asked",
    "Condition",
    "FidelityReport",
    "HeldOutCalls",
    "Measure",
    "Measured",
    "Stratum",
    "figures",
]

Measure: TypeAlias = Literal[
    "answered",
    "fits_document",
    "fits_recorded",
    "keys",
    "types",
    "agreement",
    "accepted",
    "refused",
    "unclear",
    "equal",
    "length",
]
"""What is measured of a condition; ``docs/fidelity.md`` says what each means."""

Stratum: TypeAlias = Literal["all", "success", "error"]
"""All held-out calls, or those whose recorded response is a success or an error."""

MEASURES: Final[tuple[Measure, ...]] = get_args(Measure)
STRATA: Final[tuple[Stratum, ...]] = get_args(Stratum)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Strict):
    """A figure with the ends of its 95 % interval; no ends where only one API tells.

    Args:
        value: The figure.
        low: The lower end.
        high: The upper end.
        calls: Over how many calls.
        apis: Of how many APIs.
    """

    value: float
    low: float | None
    high: float | None
    calls: int
    apis: int


class Measured(Interval):
    """A figure, and how it differs from the baseline's over the calls that tell of both.

    Args:
        difference: The mean difference to the baseline, call by call; of ``length`` the median
            difference of how far off the logarithms are. None for the baseline itself, and where
            no call tells of both.
    """

    difference: Interval | None = None


class Condition(_Strict):
    """What became of the held-out calls in one condition.

    Args:
        way: How the calls were held out.
        who: ``simulator``, or ``copying``: the baseline that copies the nearest recorded response.
        examples: How many examples the simulator was given; None where it takes none.
        fingerprint: The simulator's.
        asked: Calls that were asked.
        answered: Those that were answered; every figure but ``answered`` is over these alone.
        unanswered: Those that it had no answer to.
        failed: Those at which it failed.
        sources: Answers by who gave them: ``snapshot`` or ``store`` here means that the simulator
            holds what it was to be tested with.
        figures: What was measured, by stratum and measure; without what no call tells of.
    """

    way: Way
    who: Literal["simulator", "copying"]
    examples: int | None
    fingerprint: str
    asked: int
    answered: int
    unanswered: int
    failed: int
    sources: dict[str, int]
    figures: dict[Stratum, dict[Measure, Measured]]


class HeldOutCalls(_Strict):
    """The calls that were held out one way.

    Args:
        calls: How many.
        apis: Of how many APIs.
        recorded: How many of their responses are successes, errors and neither.
        cut: How many of their responses were recorded in part.
        described: How many are of APIs that have a document at all.
        documented: How many are of APIs whose document states a schema of the response.
        fit_document: The share of recorded successes of these that fit it themselves: what a
            perfect simulator would reach. None where there are none.
        nearest: The least and the median distance of the nearest example; None where none is left.
    """

    calls: int
    apis: int
    recorded: dict[str, int]
    cut: int
    described: int
    documented: int
    fit_document: float | None
    nearest: tuple[float, float] | None


class FidelityReport(_Strict):
    """How good a simulation is.

    Args:
        version: Version of the report's form.
        recordings: Fingerprint of what was recorded.
        examples: Fingerprint of what was left as examples.
        example_responses: How many responses that is.
        near: Calls that are no examples because they are near to one that is held out.
        left_out: Responses that were neither asked for nor examples, by reason.
        settings: What the calls were chosen by and the intervals drawn by.
        held_out: The calls that were held out, by way.
        conditions: What became of them; for each way the baseline first, then the simulator by
            number of examples.
    """

    version: Literal[1] = 1
    recordings: str
    examples: str
    example_responses: int
    near: int
    left_out: dict[str, int]
    settings: dict[str, float | int | list[str] | None]
    held_out: dict[Way, HeldOutCalls]
    conditions: tuple[Condition, ...]

    def condition(self, way: Way, examples: int | None = None, who: str = "simulator") -> Condition:
        """One condition.

        Raises:
            KeyError: There is none like that.
        """
        for one in self.conditions:
            if (one.way, one.who) == (way, who) and (who == "copying" or one.examples == examples):
                return one
        raise KeyError((way, examples, who))


class Asked(NamedTuple):
    """What became of one held-out call.

    Args:
        api: The API, which is what intervals are drawn over.
        recorded: What the recorded response is.
        scores: How the answer compares with it; None where there was no answer.
    """

    api: str
    recorded: str
    scores: Scores | None


def figures(
    conditions: Sequence[Sequence[Asked]], baseline: int, *, seed: int, samples: int
) -> list[dict[Stratum, dict[Measure, Measured]]]:
    """The figures of some conditions, over the same calls in the same order.

    Args:
        conditions: What became of each call, by condition.
        baseline: The number of the condition that the others are compared with.
        seed: What the intervals are drawn by.
        samples: How often is drawn.
    """
    columns: dict[_Place, list[tuple[str, float]]] = {}
    for number, asked in enumerate(conditions):
        for stratum in STRATA:
            for measure, read in _READ.items():
                values = [(one.api, _value(read, one, stratum)) for one in asked]
                columns[number, stratum, measure, False] = _told(values)
                if number != baseline:
                    others = (_value(read, one, stratum) for one in conditions[baseline])
                    columns[number, stratum, measure, True] = _told(
                        (api, None if mine is None or other is None else mine - other)
                        for (api, mine), other in zip(values, others, strict=True)
                    )
    found = _means(columns, derive("fidelity", seed), samples)
    for number, asked in enumerate(conditions):
        for stratum in STRATA:
            ratios = [(one.api, _value(_log_length, one, stratum)) for one in asked]
            columns[number, stratum, "length", False] = _told(ratios)
            if number != baseline:
                others = (_value(_log_length, one, stratum) for one in conditions[baseline])
                columns[number, stratum, "length", True] = _told(
                    (api, None if mine is None or other is None else abs(mine) - abs(other))
                    for (api, mine), other in zip(ratios, others, strict=True)
                )
    for place, told in columns.items():
        if place[2] == "length" and told:
            shown = float if place[3] else exp
            found[place] = _median(told, derive("length", seed), samples, shown)
    return [
        {
            stratum: {
                measure: Measured(
                    **dict(one), difference=found.get((number, stratum, measure, True))
                )
                for measure in MEASURES
                if (one := found.get((number, stratum, measure, False))) is not None
            }
            for stratum in STRATA
        }
        for number in range(len(conditions))
    ]


_Place: TypeAlias = tuple[int, Stratum, Measure, bool]
_Read: TypeAlias = Callable[[Scores], float | None]


def _agreement(scores: Scores) -> float | None:
    return None if scores.recorded == "unknown" else float(scores.simulated == scores.recorded)


def _accepted(scores: Scores) -> float | None:
    return float(scores.simulated == "success") if scores.recorded == "error" else None


def _refused(scores: Scores) -> float | None:
    return float(scores.simulated == "error") if scores.recorded == "success" else None


def _unclear(scores: Scores) -> float | None:
    return None if scores.recorded == "unknown" else float(scores.simulated == "unknown")


def _log_length(scores: Scores) -> float | None:
    return scores.log_length


_READ: Final[Mapping[Measure, _Read | None]] = {
    "answered": None,
    "fits_document": lambda scores: scores.fits_document,
    "fits_recorded": lambda scores: scores.fits_recorded,
    "keys": lambda scores: scores.keys,
    "types": lambda scores: scores.types,
    "agreement": _agreement,
    "accepted": _accepted,
    "refused": _refused,
    "unclear": _unclear,
    "equal": lambda scores: scores.equal,
}


def _value(read: _Read | None, asked: Asked, stratum: Stratum) -> float | None:
    if stratum not in ("all", asked.recorded):
        return None
    if read is None:
        return float(asked.scores is not None)
    value = None if asked.scores is None else read(asked.scores)
    return None if value is None else float(value)


def _told(values: Iterable[tuple[str, float | None]]) -> list[tuple[str, float]]:
    return [(api, value) for api, value in values if value is not None]


def _means(
    columns: Mapping[_Place, list[tuple[str, float]]], seed: int, samples: int
) -> dict[_Place, Interval]:
    """The mean of each column, all of them over the same draws of APIs."""
    told = {place: values for place, values in columns.items() if values and place[2] != "length"}
    names = sorted({api for values in told.values() for api, _ in values})
    rows = {api: row for row, api in enumerate(names)}
    sums, counts = np.zeros((2, len(names), len(told)))
    for column, values in enumerate(told.values()):
        for api, value in values:
            sums[rows[api], column] += value
            counts[rows[api], column] += 1
    estimates = ratio_estimates(sums, counts, seed, samples=samples, widened=True)
    return {
        place: _interval(estimate, values)
        for (place, values), estimate in zip(told.items(), estimates, strict=True)
    }


def _median(
    values: Sequence[tuple[str, float]], seed: int, samples: int, shown: Callable[[float], float]
) -> Interval:
    clusters: dict[str, list[float]] = {}
    for api, value in sorted(values):
        clusters.setdefault(api, []).append(value)
    found = median_estimate(list(clusters.values()), seed, samples=samples, widened=True)
    return _interval(Estimate(*map(shown, found)), values)


def _interval(estimate: Estimate, values: Sequence[tuple[str, float]]) -> Interval:
    value, low, high = (None if isnan(end) else round(end, 6) + 0.0 for end in estimate)
    assert value is not None  # a column without calls is left out
    apis = len({api for api, _ in values})
    return Interval(value=value, low=low, high=high, calls=len(values), apis=apis)
