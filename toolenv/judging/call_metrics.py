"""Metrics of an episode's calls and its end, from the record alone.

Of a tree, the chosen branch is measured, and the first where none was chosen; steps and cost to the
first answer are those of the whole tree. What a recording cut away is not guessed: where a metric
hangs on it, the metric cannot be computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from toolenv.apis import FINISH
from toolenv.episodes import Call, Episode, Response, Status, Step
from toolenv.formats.gold import Gold
from toolenv.jsontext import render_sorted
from toolenv.judging.metrics import Absent, Measured, Metric, judged_branch
from toolenv.snapshots.success import Success, classify

__all__ = ["CALL_METRICS", "api_calls", "is_cut", "is_untold", "relevant_functions", "success_of"]

_NO_CALLS: Final = Absent("no call")
_CUT: Final = Absent("responses are cut")
_CUT_CALLS: Final = Absent("calls are cut")


def api_calls(steps: Iterator[tuple[Call, Response]]) -> list[tuple[Call, Response]]:
    """The calls to something else than Finish."""
    return [(call, response) for call, response in steps if call.function != FINISH]


def is_untold(call: Call) -> bool:
    """Whether the recording was cut before the end of the call's arguments."""
    return call.arguments is None and not call.text


def is_cut(response: Response) -> bool:
    """Whether the recorded response is not all of it."""
    return response.completeness != "whole"


def success_of(call: Call, response: Response) -> Success:
    """Whether a call to an API succeeded; a call to no known function did not."""
    if call.api is None and call.function != FINISH:
        return "error"
    return classify(response.status, response.text)


def relevant_functions(episode: Episode) -> dict[tuple[str, str], set[str]]:
    """The relevant pairs of tool and API, each with the functions that stand for it."""
    relevant = dict.fromkeys(episode.task.relevant or ())
    offered: dict[tuple[str, str], set[str]] = {pair: set() for pair in relevant}
    for function, api in episode.task.named_apis.items():
        if (api.tool, api.name) in offered:
            offered[api.tool, api.name].add(function)
    return offered


def _calls(episode: Episode) -> list[tuple[Call, Response]]:
    return api_calls(judged_branch(episode).calls())


def _finished(episode: Episode, gold: Gold | None) -> Measured | Absent:
    return Measured(float(judged_branch(episode).ended in ("answer", "gave_up")))


def _answered(episode: Episode, gold: Gold | None) -> Measured | Absent:
    return Measured(float(judged_branch(episode).ended == "answer"))


def _finish_known(episode: Episode) -> bool:
    """Whether the last call's name is there: a branch that ends in a cut name may have finished."""
    last = judged_branch(episode).last
    return last is None or bool(last.ended) or all(call.function for call in last.calls)


def _guarded(episode: Episode, value: Measured | Absent) -> Measured | Absent:
    return value if _finish_known(episode) else _CUT_CALLS


def _passed(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if episode.outcome not in ("passed", "failed"):
        return Absent("nothing has decided")
    return Measured(float(episode.outcome == "passed"))


def _api_success(episode: Episode, gold: Gold | None) -> Measured | Absent:
    calls = [(call, response) for call, response in _calls(episode) if call.api is not None]
    if not calls:
        return _NO_CALLS
    told = [(success_of(call, response), is_cut(response)) for call, response in calls]
    if any(found == "unknown" and cut for found, cut in told):
        return _CUT
    known = [found for found, _ in told if found != "unknown"]
    if not known:
        return Absent("responses tell neither success nor error")
    return Measured(known.count("success"), len(known))


def _unknown_functions(episode: Episode, gold: Gold | None) -> Measured | Absent:
    calls = _calls(episode)
    if any(not call.function and is_cut(response) for call, response in calls):
        return _CUT_CALLS
    if not calls:
        return _NO_CALLS
    return Measured(sum(call.api is None for call, _ in calls), len(calls))


def _invalid_arguments(episode: Episode, gold: Gold | None) -> Measured | Absent:
    calls = [call for call, _ in _calls(episode) if call.api is not None]
    if any(map(is_untold, calls)):
        return _CUT_CALLS
    return Measured(sum(bool(call.invalid) for call in calls), len(calls)) if calls else _NO_CALLS


def _repeated(episode: Episode, gold: Gold | None) -> Measured | Absent:
    calls = [call for call, _ in _calls(episode)]
    if any(map(is_untold, calls)):
        return _CUT_CALLS
    if not calls:
        return _NO_CALLS
    distinct = {
        (call.function, call.text if call.arguments is None else render_sorted(call.arguments))
        for call in calls
    }
    return Measured(len(calls) - len(distinct), len(calls))


def _recovery(episode: Episode, gold: Gold | None) -> Measured | Absent:
    calls = _calls(episode)
    told = [success_of(call, response) for call, response in calls]
    if any(found == "unknown" and is_cut(one[1]) for found, one in zip(told, calls, strict=True)):
        return _CUT
    errors = [place for place, found in enumerate(told) if found == "error"]
    if not errors:
        return Absent("no error") if calls else _NO_CALLS
    last_success = max((place for place, found in enumerate(told) if found == "success"), default=0)
    return Measured(sum(place < last_success for place in errors), len(errors))


def _calls_made(episode: Episode, gold: Gold | None) -> Measured | Absent:
    return Measured(len(_calls(episode)))


def _first_answer(episode: Episode) -> list[Step] | None:
    """The steps up to the first answer, in pre-order."""
    for number, step in enumerate(episode.steps):
        if step.ended == "answer":
            return list(episode.steps[: number + 1])
    return None


def _steps_to_answer(episode: Episode, gold: Gold | None) -> Measured | Absent:
    steps = _first_answer(episode)
    return Absent("no answer") if steps is None else Measured(len(steps))


def _calls_to_answer(episode: Episode, gold: Gold | None) -> Measured | Absent:
    steps = _first_answer(episode)
    if steps is None:
        return Absent("no answer")
    return Measured(sum(call.function != FINISH for step in steps for call in step.calls))


def _tokens_to_answer(episode: Episode, gold: Gold | None) -> Measured | Absent:
    steps = _first_answer(episode)
    if steps is None:
        return Absent("no answer")
    used = sum(sum(step.message.usage) for step in steps)
    return Measured(used) if used else Absent("no tokens were counted")


def _relevant_coverage(episode: Episode, gold: Gold | None) -> Measured | Absent:
    relevant = relevant_functions(episode)
    if not relevant:
        return Absent("relevant APIs are not known")
    called = {call.function for call, _ in _calls(episode) if call.api is not None}
    return Measured(sum(bool(names & called) for names in relevant.values()), len(relevant))


def _relevant_share(episode: Episode, gold: Gold | None) -> Measured | Absent:
    relevant = relevant_functions(episode)
    if not relevant:
        return Absent("relevant APIs are not known")
    calls, names = _calls(episode), set().union(*relevant.values())
    if not calls:
        return _NO_CALLS
    return Measured(sum(call.function in names for call, _ in calls), len(calls))


def _missed(episode: Episode, gold: Gold | None) -> Measured | Absent:
    responses = [response for call, response in _calls(episode) if call.api is not None]
    if not responses:
        return _NO_CALLS
    if any(map(is_cut, responses)):  # read from files that keep no status
        return _CUT
    return Measured(sum(one.status == Status.MISS for one in responses), len(responses))


CALL_METRICS: Final = (
    Metric("pass_rate", "pass rate", _passed),
    Metric("finish_rate", "finish rate", lambda e, g: _guarded(e, _finished(e, g))),
    Metric("answer_rate", "answer rate", lambda e, g: _guarded(e, _answered(e, g))),
    Metric("api_success", "API-call success", _api_success),
    Metric("unknown_functions", "unknown functions", _unknown_functions, better="less"),
    Metric("invalid_arguments", "invalid arguments", _invalid_arguments, better="less"),
    Metric("repeated_calls", "repeated calls", _repeated, better="less"),
    Metric("unanswered_calls", "calls nothing answered", _missed, better="neither"),
    Metric("recovery", "recovery after an error", _recovery),
    Metric("relevant_coverage", "relevant APIs called", _relevant_coverage),
    Metric("relevant_calls", "calls to relevant APIs", _relevant_share),
    Metric("calls", "API calls", _calls_made, "count", "neither"),
    Metric("steps_to_answer", "steps to first answer", _steps_to_answer, "count", "less"),
    Metric("calls_to_answer", "calls to first answer", _calls_to_answer, "count", "less"),
    Metric("tokens_to_answer", "tokens to first answer", _tokens_to_answer, "count", "less"),
)
"""The metrics that need nothing but the record and the task."""
