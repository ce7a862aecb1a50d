"""Metrics against a known solution: the call graph, the calls as such, and ordered checkpoints.

- **Node F1**: functions called against functions of the gold calls, each as often as it occurs.
- **Parameter F1**: the same for triples of function, parameter and value.
- **Edge F1**: the same for pairs of functions where one call needs another's response. Of what was
  run, a call needs an earlier one if one of its argument values stands in that call's response (of
  several, the latest) and not in the instruction.
- **AST accuracy**: the share of gold calls that were made, each with exactly its arguments.
- **Hallucination rate**: the share of calls that name neither an offered nor a gold function.
- **Checkpoints**: how far a branch came in the order of the checkpoints: the first one not reached
  ends the count.

Values are compared as in requests: ``"3"`` and ``3.0`` are equal, texts apart from case and outer
blanks. F1 is twice the matches by all that was made and all that is gold, so that the micro average
is the F1 of all calls of a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Final

from toolenv.episodes import Call, Episode, Response
from toolenv.formats.gold import Checkpoint, Gold, GoldCall
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.judging.call_metrics import api_calls, is_cut, is_untold, success_of
from toolenv.judging.metrics import Absent, Measured, Metric, judged_branch
from toolenv.snapshots.success import structure_of

__all__ = ["AST_ACCURACY", "GOLD_METRICS", "checkpoints_met", "equal_form"]

_NO_GOLD: Final = Absent("gold calls are not known")
_CUT_CALLS: Final = Absent("calls are cut")
_SHORTEST: Final = 2
"""Characters of a value below which its place in a response proves nothing."""


def equal_form(value: JsonValue) -> str:
    """A text that is the same for values that a request would carry alike.

    Example:
        >>> equal_form("3") == equal_form(3.0), equal_form(" Paris") == equal_form("paris")
        (True, True)
    """
    if isinstance(value, str):
        text = " ".join(value.split()).casefold()
        try:
            return f"{float(text):.12g}"
        except ValueError:
            return text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        try:
            return f"{float(value):.12g}"
        except OverflowError:
            return str(value)
    if isinstance(value, dict):
        return render_sorted({key: equal_form(item) for key, item in value.items()})
    if isinstance(value, list):
        return render_sorted([equal_form(item) for item in value])
    return "null"


def checkpoints_met(steps: Iterable[tuple[Call, Response]], gold: tuple[Checkpoint, ...]) -> int:
    """How many checkpoints were reached in their order, counted to the first one that was not.

    Args:
        steps: Calls with their responses, in order; one may reach several checkpoints.
        gold: The checkpoints.
    """
    met = 0
    for call, response in steps:
        while met < len(gold) and _reaches(call, response, gold[met]):
            met += 1
    return met


def _reaches(call: Call, response: Response, wanted: Checkpoint) -> bool:
    if wanted.function:
        if call.function != wanted.function or success_of(call, response) == "error":
            return False
        given = call.arguments or {}
        for name, value in wanted.arguments.items():
            if name not in given or equal_form(given[name]) != equal_form(value):
                return False
    return wanted.observed.casefold() in response.text.casefold()


def _made(episode: Episode) -> list[tuple[Call, Response]]:
    return api_calls(judged_branch(episode).calls())


def _f1(made: Iterable[Hashable], gold: Iterable[Hashable]) -> Measured | Absent:
    ones, others = Counter(made), Counter(gold)
    whole = ones.total() + others.total()
    return Measured(2 * (ones & others).total(), whole) if whole else Absent("nothing to match")


def _node_f1(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or gold.calls is None:
        return _NO_GOLD
    calls = _made(episode)
    if any(not call.function and is_cut(response) for call, response in calls):
        return _CUT_CALLS
    return _f1((call.function for call, _ in calls), (call.function for call in gold.calls))


def _parameter_f1(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or gold.calls is None:
        return _NO_GOLD
    calls = [call for call, _ in _made(episode)]
    if any(map(is_untold, calls)):
        return _CUT_CALLS
    return _f1(
        _triples((call.function, call.arguments or {}) for call in calls),
        _triples((call.function, call.arguments) for call in gold.calls),
    )


def _triples(calls: Iterable[tuple[str, dict[str, JsonValue]]]) -> list[tuple[str, str, str]]:
    return [
        (function, name, equal_form(value))
        for function, arguments in calls
        for name, value in arguments.items()
    ]


def _edge_f1(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or gold.calls is None:
        return _NO_GOLD
    edges = gold.edges
    if edges is None:
        return Absent("gold edges are not known")
    calls = _made(episode)
    if any(is_untold(call) or is_cut(response) for call, response in calls):
        return Absent("calls or responses are cut")
    names = [call.function for call in gold.calls]
    made = [(calls[one][0].function, calls[other][0].function) for one, other in _needs(episode)]
    return _f1(made, ((names[one], names[other]) for one, other in edges))


def _needs(episode: Episode) -> set[tuple[int, int]]:
    """Which calls of the branch need which: by values that come from earlier responses."""
    calls = _made(episode)
    known = equal_form(episode.task.instruction)
    held = [_values(structure_of(response.text)) for _, response in calls]
    found = set()
    for place, (call, _) in enumerate(calls):
        for value in _values(dict(call.arguments or {})):
            if len(value) < _SHORTEST or value in known:
                continue
            before = [one for one in range(place) if value in held[one]]
            if before:
                found.add((before[-1], place))
    return found


def _values(value: JsonValue) -> set[str]:
    """Every scalar in a value, in its equal form; texts that hold JSON are read."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and one.lstrip()[:1] in ("{", "["):
            read = structure_of(one)
            if not isinstance(read, dict | list):
                found.add(equal_form(one))
            else:
                waiting.append(read)
        elif one is not None and not isinstance(one, bool):
            found.add(equal_form(one))
    return found


def _ast_accuracy(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or gold.calls is None:
        return _NO_GOLD
    if not gold.calls:
        return Absent("no call is needed")
    calls = [call for call, _ in _made(episode)]
    if any(map(is_untold, calls)):
        return _CUT_CALLS
    made = Counter(_whole(call.function, call.arguments) for call in calls)
    wanted = Counter(_whole(call.function, call.arguments) for call in gold.calls)
    return Measured((made & wanted).total(), wanted.total())


def _whole(function: str, arguments: dict[str, JsonValue] | None) -> tuple[str, str]:
    return function, "" if arguments is None else equal_form(arguments)


def _hallucination(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or gold.calls is None:
        return _NO_GOLD
    calls = _made(episode)
    if any(not call.function and is_cut(response) for call, response in calls):
        return _CUT_CALLS
    if not calls:
        return Absent("no call")
    names = _names(gold.calls)
    made_up = sum(call.api is None and call.function not in names for call, _ in calls)
    return Measured(made_up, len(calls))


def _names(calls: Iterable[GoldCall]) -> set[str]:
    return {call.function for call in calls}


def _checkpoints(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if gold is None or not gold.checkpoints:
        return Absent("checkpoints are not known")
    calls = _made(episode)
    met = checkpoints_met(calls, gold.checkpoints)
    if met < len(gold.checkpoints) and any(
        is_untold(call) or is_cut(response) for call, response in calls
    ):
        return Absent("calls or responses are cut")
    return Measured(met, len(gold.checkpoints))


AST_ACCURACY: Final = Metric("ast_accuracy", "AST accuracy", _ast_accuracy)
"""The share of the gold calls that were made, with exactly their arguments."""

GOLD_METRICS: Final = (
    Metric("node_f1", "node F1", _node_f1),
    Metric("edge_f1", "edge F1", _edge_f1),
    Metric("parameter_f1", "parameter F1", _parameter_f1),
    AST_ACCURACY,
    Metric("hallucination", "hallucination rate", _hallucination, better="less"),
    Metric("checkpoints", "checkpoints in order", _checkpoints),
)
"""The metrics that need a known solution."""
