"""An episode as the page's script reads it: JSON in which no text acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import TypeAlias

from toolenv.apis import FINISH
from toolenv.episodes import Call, Episode, Response, Step
from toolenv.errors import FormatError
from toolenv.jsontext import JsonValue, render
from toolenv.judging.decision_tree import TREES
from toolenv.judging.verdicts import PassVerdict, PassVote, WinVote, leaf_of
from toolenv.report.step_states import step_states
from toolenv.report.tree import arguments_text, status_text
from toolenv.report.visible import cut, visible
from toolenv.running.verdict_sets import AnyVerdict

__all__ = ["TEXT_LENGTH", "episode_data"]

TEXT_LENGTH = 100_000
"""How many characters of one text a page holds unless told otherwise; what is cut is said."""

Show: TypeAlias = Callable[[str], JsonValue]
"""Gives a text as it is shown; of one that is too long its beginning, and how much is missing."""


def episode_data(
    episode: Episode,
    verdicts: Iterable[tuple[str, AnyVerdict]] = (),
    *,
    text_length: int = TEXT_LENGTH,
) -> bytes:
    """Everything that the page shows of an episode beside its row, as JSON.

    Args:
        episode: The episode.
        verdicts: What judges said of it, each with the name of its set.
        text_length: How many characters of one text are kept.
    """

    def show(text: str) -> JsonValue:
        kept, missing = cut(text, text_length)
        return [visible(kept), missing] if missing else visible(kept)

    states = step_states(episode)
    data: dict[str, JsonValue] = {
        "fingerprints": [[visible(a), visible(b)] for a, b in sorted(episode.fingerprints.items())],
        "functions": [
            [visible(name), visible(api.description[:300])]
            for name, api in episode.task.named_apis.items()
        ],
        "chosen": list(episode.branch.numbers()),
        "steps": [
            _step(step, state, show) for step, state in zip(episode.steps, states, strict=True)
        ],
        "verdicts": [_verdict(name, verdict, show) for name, verdict in verdicts],
    }
    return render(data).encode()


def _step(step: Step, state: str, show: Show) -> JsonValue:
    message = step.message
    found: dict[str, JsonValue] = {
        "parent": step.parent,
        "state": state,
        "calls": [
            _call(call, response, show)
            for call, response in zip_longest(step.calls, step.responses)
        ],
    }
    for name, text in (
        ("thought", message.content),
        ("reasoning", message.reasoning),
        ("diversity", message.diversity),
        ("repaired", message.repaired),
        ("ended", step.ended),
    ):
        if text:
            found[name] = show(text)
    if step.observation and (
        len(step.responses) != 1 or step.observation != step.responses[0].text
    ):
        found["observation"] = show(step.observation)
    if step.reward:
        found["reward"] = step.reward
    if any(message.usage):
        found["tokens"] = list(message.usage)
    return found


def _call(call: Call | None, response: Response | None, show: Show) -> JsonValue:
    found: dict[str, JsonValue] = {}
    if call is not None:
        found["function"] = visible(call.function)
        found["arguments"] = show(arguments_text(call))
        if call.invalid:
            found["invalid"] = show(call.invalid)
        if call.api is None and call.function != FINISH:
            found["unknown"] = True
    if response is not None:
        found |= {
            "text": show(response.text),
            "status": visible(status_text(call, response)),
            "failed": response.failed,
            "source": visible(response.source),
            "origin": visible(response.origin),
        }
        if response.completeness != "whole":
            found["completeness"] = visible(response.completeness)
        if response.recording:
            found["recording"] = f"{visible(response.recording)} #{response.ordinal}"
    return found


def _verdict(name: str, verdict: AnyVerdict, show: Show) -> JsonValue:
    found: dict[str, JsonValue] = {
        "set": name,
        "decision": visible(verdict.decision),
        "reason": show(verdict.reason),
        "check": visible(verdict.check),
        "warnings": [show(one) for one in verdict.warnings],
    }
    if isinstance(verdict, PassVerdict):
        found["tree"] = visible(verdict.tree)
        found["votes"] = [_pass_vote(vote, verdict, show) for vote in verdict.votes]
    else:
        found["reference"] = visible(verdict.reference)
        found["rule"] = visible(verdict.rule)
        found["votes"] = [_win_vote(vote, show) for vote in verdict.votes]
    return found


def _pass_vote(vote: PassVote, verdict: PassVerdict, show: Show) -> JsonValue:
    tree = TREES.get(verdict.tree)
    questions = tree.questions if tree is not None else {}
    path: list[JsonValue] = []
    for step in vote.path:
        question = questions.get(step.node)
        path.append(
            {
                "node": visible(step.node),
                "asks": question.asks if question is not None else "",
                "fact": question is not None and question.shows == "nothing",
                "answer": visible(step.answer),
                "evidence": show(step.evidence),
                "quoted": step.quoted,
                "reason": show(step.reason),
            }
        )
    return {
        "decision": visible(vote.decision),
        "problem": show(vote.problem),
        "path": path,
        "leaf": _leaf(vote, verdict.tree),
    }


def _leaf(vote: PassVote, tree: str) -> str:
    """What the leaf means that a vote's path leads to."""
    try:
        leaf = leaf_of(vote, tree)
    except FormatError as error:
        return visible(error.what)
    return TREES[tree].leaves[leaf].meaning if leaf else ""


def _win_vote(vote: WinVote, show: Show) -> JsonValue:
    return {
        "decision": visible(vote.winner),
        "problem": show(vote.problem),
        "shown": list(vote.shown),
        "choice": visible(vote.choice),
        "evidence": show(vote.evidence),
        "quoted": vote.quoted,
        "reason": show(vote.reason),
    }
