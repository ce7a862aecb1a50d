"""What goes wrong in episodes, by kind: counted over all steps, abandoned branches included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from toolenv.apis import FINISH
from toolenv.episodes import ROOT, Call, Episode, Response, Status
from toolenv.jsontext import render_sorted
from toolenv.judging.call_metrics import api_calls, is_cut, is_untold, success_of
from toolenv.judging.grounding import ground
from toolenv.judging.metrics import judged_branch

__all__ = ["ERROR_KINDS", "ErrorCount", "count_errors", "errors_of"]

ERROR_KINDS: Final = {
    "no_call": "a message without a call",
    "unknown_function": "a function that is not offered",
    "unreadable_arguments": "arguments that are no JSON object",
    "invalid_arguments": "arguments that do not fit the documentation",
    "invalid_finish": "Finish with arguments that it does not take",
    "loop": "an equal call, repeated on the branch after an equal response",
    "irrelevant_api": "an API that is not relevant, where that is known",
    "not_found": "the API or what it was asked for does not exist",
    "unauthorised": "the API refuses: not subscribed, not authorised",
    "rate_limited": "too many requests",
    "timeout": "the API did not answer in time",
    "api_error": "the API answers with another error",
    "unanswered": "no simulator had an answer",
    "simulator_failed": "a simulator failed",
    "untold": "a response that was cut before it tells success or error",
    "gave_up": "the episode ends by giving up",
    "limit": "the episode ends at a limit",
    "no_finish": "the episode ends without Finish",
    "infrastructure": "infrastructure broke the episode",
    "answer_without_call": "an answer without a successful call to an API",
    "unsupported_claims": "an answer with claims that no observation holds",
}
"""Every kind, by name, in words; those of calls come before those of episodes."""

_BY_STATUS: Final = {
    Status.NOT_FOUND: "not_found",
    Status.NOT_SUBSCRIBED: "unauthorised",
    Status.UNAUTHORISED: "unauthorised",
    Status.TOO_MANY_REQUESTS: "rate_limited",
    Status.RATE_LIMITED: "rate_limited",
    Status.TIMEOUT: "timeout",
    Status.MISS: "unanswered",
    Status.SIMULATOR_FAILED: "simulator_failed",
}


class ErrorCount(NamedTuple):
    """How often something went wrong.

    Args:
        times: How often in all.
        episodes: In how many episodes.
    """

    times: int
    episodes: int


def errors_of(episode: Episode) -> Counter[str]:
    """What went wrong in an episode, by kind; one call may go wrong in several ways."""
    found: Counter[str] = Counter()
    relevant = _relevant(episode)
    for step in episode.steps:
        if not step.calls:
            found["no_call"] += 1
        for call, response in zip(step.calls, step.responses, strict=True):
            found.update(_of_call(call, response, relevant))
    found["loop"] += _loops(episode)
    found.update(_of_end(episode))
    return +found


def count_errors(episodes: Iterable[Episode]) -> dict[str, ErrorCount]:
    """What went wrong in a run, by kind, in the order of ``ERROR_KINDS``; what did not is left out.

    Args:
        episodes: The run's episodes.
    """
    times: Counter[str] = Counter()
    affected: Counter[str] = Counter()
    for episode in episodes:
        errors = errors_of(episode)
        times.update(errors)
        affected.update(errors.keys())
    return {kind: ErrorCount(times[kind], affected[kind]) for kind in ERROR_KINDS if times[kind]}


def _relevant(episode: Episode) -> set[str] | None:
    pairs = episode.task.relevant
    if not pairs:
        return None
    return {
        name for name, api in episode.task.named_apis.items() if (api.tool, api.name) in set(pairs)
    }


def _of_call(call: Call, response: Response, relevant: set[str] | None) -> list[str]:
    if call.function == FINISH:
        return ["invalid_finish"] if call.invalid and not is_untold(call) else []
    if not call.function and is_cut(response):
        return ["untold"]
    if call.api is None:
        return ["unknown_function"]
    found = []
    if relevant is not None and call.function not in relevant:
        found.append("irrelevant_api")
    if call.arguments is None and not is_untold(call):
        return [*found, "unreadable_arguments"]
    if call.invalid and not is_untold(call):
        return [*found, "invalid_arguments"]
    kind = _BY_STATUS.get(response.status)
    if kind is not None:
        return [*found, kind]
    success = success_of(call, response)
    if success == "error":
        found.append("api_error")
    elif success == "unknown" and is_cut(response):
        found.append("untold")
    return found


def _loops(episode: Episode) -> int:
    """Calls that repeat one of their path whose response they then get again."""
    seen: dict[int, frozenset[tuple[str, str, str]]] = {ROOT: frozenset()}
    found = 0
    for number, step in enumerate(episode.steps):
        known = set(seen[step.parent])
        for call, response in zip(step.calls, step.responses, strict=True):
            if call.function == FINISH or is_untold(call) or is_cut(response):
                continue
            arguments = call.text if call.arguments is None else render_sorted(call.arguments)
            key = (call.function, arguments, response.text)
            found += key in known
            known.add(key)
        seen[number] = frozenset(known)
    return found


def _of_end(episode: Episode) -> list[str]:
    if episode.outcome == "infrastructure_error":
        return ["infrastructure"]
    branch = judged_branch(episode)
    ended = branch.ended or episode.ended
    if ended == "gave_up":
        return ["gave_up"]
    if ended.startswith("limit:"):
        return ["limit"]
    if ended != "answer":
        return ["no_finish"]
    calls = api_calls(branch.calls())
    found = []
    cut = any(is_cut(response) for _, response in calls)
    if not cut and not any(success_of(*one) == "success" for one in calls):
        found.append("answer_without_call")
    grounding = ground(branch)
    if grounding is not None and grounding.unsupported and not grounding.cut:
        found.append("unsupported_claims")
    return found
