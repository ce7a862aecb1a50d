"""A scripted policy: it reads documents and matches words, and knows no task's solution.

It splits the instruction into clauses, picks for each the function whose documents share most with
it, fills parameters by simple patterns, and calls a function that gives a missing identifier first.
After an error it gives up the attempt, as policies trained for DFSDT do: it is the search that
comes back and asks for something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toolenv.apis import FINISH
from toolenv.episodes import FunctionCall, Message
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, parse, render
from toolenv.mini.reading import fill, leaves, mentioned_record, words
from toolenv.seeds import derive

__all__ = ["KeywordPolicy"]

_CLAUSES = re.compile(r"(?<=[.?!:;])\s+|,?\s+and\s+|,\s+then\s+")
_RELEVANT = 1.5
"""A function shares at least this much with a clause, or the clause asks for no call."""

_COMPARABLE = 0.3
"""A function is an alternative to the best one from this share of its score."""


class _Function(NamedTuple):
    name: str
    description: str
    parameters: Mapping[str, Any]
    words: frozenset[str]


class _Past(NamedTuple):
    """An earlier call and what came back; None for an error or for nothing."""

    name: str
    arguments: JsonValue
    response: JsonValue


class KeywordPolicy:
    """Picks functions by the words of their documents.

    Example:
        >>> KeywordPolicy().fingerprint.startswith("policy-")
        True
    """

    name = "keyword"
    """How records and reports name it."""

    version = 1
    """Raised with every change of behaviour."""

    @property
    def fingerprint(self) -> str:
        """A digest of its name and version."""
        return fingerprint("policy", {"name": self.name, "version": self.version})

    async def __call__(
        self,
        messages: Sequence[Mapping[str, JsonValue]],
        functions: Sequence[Mapping[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        """The next assistant message.

        Args:
            messages: The conversation. A last user message that is not the instruction names what
                was tried at this point already.
            functions: The functions offered.
            seed: Breaks ties between functions that suit a clause equally well.
        """
        return _Decision(messages, functions, seed).message()


class _Decision:
    """One decision: everything is derived anew from the conversation."""

    def __init__(
        self,
        messages: Sequence[Mapping[str, JsonValue]],
        functions: Sequence[Mapping[str, JsonValue]],
        seed: int,
    ) -> None:
        spoken = [str(m.get("content", "")) for m in messages if m.get("role") == "user"]
        self.instruction = spoken[0] if spoken else ""
        later = len(spoken) > 1 and messages[-1].get("role") == "user"
        self.functions = [f for f in map(_read_function, functions) if f.name != FINISH]
        self.tried = {
            name
            for name in [FINISH, *(f.name for f in self.functions)]
            if later and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", spoken[-1])
        }
        self.past = _read_past(messages)
        self.failed = {past.name for past in self.past if past.response is None}
        self.responses = [past.response for past in self.past if past.response is not None]
        self.seed = seed
        self.weights = self._weights()

    def message(self) -> Message:
        stuck = bool(self.past) and self.past[-1].response is None
        if stuck and FINISH not in self.tried:
            return self._give_up(f"{self.past[-1].name} did not answer.")
        answers: list[tuple[str, JsonValue]] = []
        for clause in _CLAUSES.split(self.instruction):
            ranked = self._ranked(clause)
            done = self._done(clause, ranked)
            if done is not None:
                answers.append((clause, done.response))
                continue
            call = self._next_call(clause, ranked)
            if call is not None:
                return Message(content=f"For: {clause.strip()}", calls=(call,))
            if ranked:
                return self._give_up(f"Nothing offered does this: {clause.strip()}")
        if not answers:
            return self._give_up("Nothing offered is about this.")
        arguments = {"return_type": "give_answer", "final_answer": self._answer(answers)}
        return Message(calls=(self._call(FINISH, arguments),))

    def _weights(self) -> dict[str, float]:
        """Each word's weight: rare among the functions offered is telling."""
        count = len(self.functions)
        known = {word for function in self.functions for word in function.words}
        return {
            word: math.log(1 + count / sum(word in f.words for f in self.functions))
            for word in known
        }

    def _ranked(self, clause: str) -> list[_Function]:
        """The functions that suit a clause, the best first."""
        asked = set(words(clause))
        scored: list[tuple[float, int, _Function]] = []
        for function in self.functions:
            named = set(words(function.name))
            score = sum(
                self.weights[word] * (2 if word in named else 1) for word in asked & function.words
            )
            scored.append((score, derive(self.seed, function.name), function))
        scored.sort(key=lambda item: item[:2], reverse=True)
        best = scored[0][0] if scored else 0.0
        return [
            function for score, _, function in scored if score >= max(_RELEVANT, _COMPARABLE * best)
        ]

    def _done(self, clause: str, ranked: Sequence[_Function]) -> _Past | None:
        """The call that has already served a clause."""
        for function in ranked:
            for past in self.past:
                if past.name == function.name and past.response is not None:
                    arguments, _ = fill(function.parameters, clause, self.instruction, ())
                    given = past.arguments if isinstance(past.arguments, dict) else {}
                    if all(given.get(key) == value for key, value in arguments.items()):
                        return past
        return None

    def _next_call(self, clause: str, ranked: Sequence[_Function]) -> FunctionCall | None:
        for function in sorted(ranked, key=self._continues, reverse=True):
            if function.name in self.tried | self.failed:
                continue
            arguments, missing = fill(function.parameters, clause, self.instruction, self.responses)
            if not missing:
                return self._call(function.name, arguments)
            call = self._provide(missing[0], clause)
            if call is not None:
                return call
        return None

    def _continues(self, function: _Function) -> bool:
        """Whether the last response gave what the function was waiting for."""
        given = {key for key, _ in leaves(self.responses[-1])} if self.responses else set()
        return any(name in given for name in function.parameters.get("required", []))

    def _provide(self, missing: str, clause: str) -> FunctionCall | None:
        """A call of a function whose documents say that it gives the missing parameter."""
        for function in self.functions:
            gives = missing in function.description and missing not in function.parameters.get(
                "required", []
            )
            if not gives or function.name in self.failed | self.tried:
                continue
            arguments, unknown = fill(function.parameters, clause, self.instruction, self.responses)
            new = all(p.name != function.name or p.arguments != arguments for p in self.past)
            if not unknown and new:
                return self._call(function.name, arguments)
        return None

    def _answer(self, answers: Sequence[tuple[str, JsonValue]]) -> str:
        if " alone" in self.instruction:
            record = mentioned_record(answers[-1][1], self.instruction) or {}
            asked = set(words(self.instruction))
            for key, value in record.items():
                if asked & set(words(key)) and not isinstance(value, dict | list):
                    return str(value)
        sentences = []
        for _, response in answers:
            stated = ", ".join(
                f"{key.replace('_', ' ')} {value}" for key, value in leaves(response)
            )
            sentences.append(f"I found: {stated}.")
        return " ".join(sentences)

    def _give_up(self, why: str) -> Message:
        return Message(why, (self._call(FINISH, {"return_type": "give_up_and_restart"}),))

    def _call(self, name: str, arguments: Mapping[str, JsonValue]) -> FunctionCall:
        return FunctionCall(name, render(arguments), f"call_{len(self.past)}")


def _read_function(function: Mapping[str, Any]) -> _Function:
    inner = function.get("function", function)
    parameters = inner.get("parameters", {})
    described = " ".join(str(p.get("description", "")) for p in parameters["properties"].values())
    text = f"{inner['name']} {inner.get('description', '')} {described}"
    return _Function(
        inner["name"], str(inner.get("description", "")), parameters, frozenset(words(text))
    )


def _read_past(messages: Sequence[Mapping[str, Any]]) -> list[_Past]:
    written: list[tuple[str, str]] = []
    past: list[_Past] = []
    for message in messages:
        if message.get("role") == "assistant":
            calls = [item["function"] for item in message.get("tool_calls") or ()]
            written = [(call["name"], call["arguments"]) for call in calls]
        elif message.get("role") in ("tool", "function") and written:
            name, arguments = written.pop(0)
            past.append(_Past(name, _parsed(arguments), _response(str(message.get("content", "")))))
    return past


def _response(observation: str) -> JsonValue:
    """What an observation holds; None for an error, or where it holds nothing."""
    value = _parsed(observation)
    if isinstance(value, dict) and "response" in value:
        if value.get("error"):
            return None
        value = value["response"]
    return value if any(True for _ in leaves(value)) else None


def _parsed(text: str) -> JsonValue:
    try:
        return parse(text)
    except ValueError:
        return text
