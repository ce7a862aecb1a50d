"""Reading what a judge replies: one JSON object with an answer, or a problem that says why not.

Overlooked is what leaves one reading: a thought before the object, a code fence, text around it.
Everything else is no answer: prose, an unknown word, an object that says two things, two objects
that differ, a reply that was cut off, a refusal. None of these is guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from toolenv.chat import ChatReply

__all__ = ["JudgeReply", "read_judge_reply", "read_status_word"]

_LONGEST = 1 << 20
_MOST_OBJECTS = 50
_LONGEST_TEXT = 2_000
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class JudgeReply(NamedTuple):
    """What a judge said.

    Args:
        answer: One of the allowed words; empty where there is a problem.
        evidence: What it quotes.
        reason: Why, in its words.
        problem: Why there is no answer; empty where there is one.
    """

    answer: str = ""
    evidence: str = ""
    reason: str = ""
    problem: str = ""


class _TwoThingsError(ValueError):
    """One object gives a field twice, with different values."""


def read_judge_reply(reply: ChatReply, allowed: Collection[str]) -> JudgeReply:
    """Read a reply whose answer must be one of some words.

    Example:
        >>> read_judge_reply(ChatReply('{"answer": "Solved"}'), {"solved", "unsolved"}).answer
        'solved'
        >>> read_judge_reply(ChatReply("It is solved."), {"solved", "unsolved"}).problem
        'the judge answered in prose'
    """
    text = reply.text
    if not text.strip():
        problem = "the judge refused" if reply.refusal else "the judge's reply is empty"
        return JudgeReply(problem=problem)
    if found := _THOUGHT.match(text):
        text = text[found.end() :]
    try:
        objects = _objects_within(text)
    except _TwoThingsError:
        return JudgeReply(problem="the judge contradicts itself within one object")
    if not objects:
        if reply.finish_reason == "length":
            return JudgeReply(problem="the judge's reply was cut off")
        return JudgeReply(problem="the judge answered in prose")
    words = {_word(one.get("answer")) for one in objects}
    if len(words) > 1:
        return JudgeReply(problem="the judge contradicts itself")
    (word,) = words
    if word not in allowed:
        return JudgeReply(problem=f"the judge answered {word[:40]!r}, which is no answer here")
    last = objects[-1]
    return JudgeReply(word, _text(last.get("evidence")), _text(last.get("reason")))


def read_status_word(reply: ChatReply) -> JudgeReply:
    """Read a status as StableToolBench's final answer correctness does: by substring.

    Example:
        >>> read_status_word(ChatReply("Answer Status: Unsolved")).answer
        'unsolved'
    """
    text = reply.text.lower()
    if not text.strip():
        return JudgeReply(problem="the judge's reply is empty")
    if "unsolved" in text:
        return JudgeReply("unsolved", reason=_text(reply.text))
    if "solved" in text:
        return JudgeReply("solved", reason=_text(reply.text))
    return JudgeReply(problem="the judge named no status")


def _objects_within(text: str) -> list[dict[str, Any]]:
    """The outermost objects that have an answer."""
    found: list[dict[str, Any]] = []
    start, text = -1, text[:_LONGEST]
    for _ in range(_MOST_OBJECTS):
        start = text.find("{", start + 1)
        if start < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, start)
        except _TwoThingsError:
            raise
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and "answer" in value:
            found.append(value)
        start = end - 1
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name == "answer" and name in fields and _word(fields[name]) != _word(value):
            raise _TwoThingsError
        fields[name] = value
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_once, strict=False)


def _word(value: object) -> str:
    return value.strip().strip(".").casefold() if isinstance(value, str) else repr(value)[:40]


def _text(value: object) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
