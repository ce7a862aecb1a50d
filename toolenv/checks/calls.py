"""The checks of what was called: calls that must be there, and calls that must not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from toolenv.apis import API, FINISH
from toolenv.checks.given import Given
from toolenv.checks.structures import Judge
from toolenv.checks.verdicts import Found, Verdict
from toolenv.episodes import Call, Response
from toolenv.errors import CheckError
from toolenv.jsontext import JsonValue, render_sorted
from toolenv.tasks import Check, WantedCall

__all__ = ["WantedCalls", "forbidden_calls", "names_function", "read_calls", "required_calls"]


class WantedCalls(NamedTuple):
    """Calls that a check looks for, and whether their order counts."""

    calls: tuple[WantedCall, ...]
    ordered: bool


def read_calls(check: Check) -> WantedCalls:
    """The calls to look for."""
    if not check.calls:
        raise CheckError(
            f"A check of kind {check.kind!r} needs calls.",
            where="check.calls",
            fix='Name them: "calls": [{"function": "…", "arguments": {…}}].',
        )
    return WantedCalls(check.calls, check.ordered)


def names_function(written: str, function: str, apis: Mapping[str, API]) -> bool:
    """Whether a check's name for a function means this one: the function's, or its API's."""
    api = apis.get(function)
    return written == function or (api is not None and written == api.name)


def required_calls(wanted: WantedCalls, given: Given, judge: Judge) -> Verdict:
    """Each wanted call was made by a call of its own that did not fail, in order if that counts."""
    made = [call for call, response in _made(given) if not response.failed]
    expected = ", ".join(map(_written, wanted.calls))
    fits = [[_fits(one, call, given, judge) for call in made] for one in wanted.calls]
    missing = _unordered(fits) if not wanted.ordered else _in_order(fits)
    found = tuple(Found(call.function, _shown(call)) for call in made[:20])
    if not missing:
        how = " in this order" if wanted.ordered and len(wanted.calls) > 1 else ""
        return Verdict(
            "correct", f"made all {len(wanted.calls)} required calls{how}", expected, found
        )
    names = ", ".join(_written(wanted.calls[number]) for number in missing)
    how = " or not in this order" if wanted.ordered and len(wanted.calls) > 1 else ""
    return Verdict("incorrect", f"not called with success{how}: {names}", expected, found)


def forbidden_calls(wanted: WantedCalls, given: Given, judge: Judge) -> Verdict:
    """None of the wanted calls was made, with or without success."""
    for call, _ in _made(given):
        for one in wanted.calls:
            if _fits(one, call, given, judge):
                found = (Found(call.function, _shown(call)),)
                return Verdict("incorrect", f"called {_shown(call)}", _written(one), found)
    expected = ", ".join(map(_written, wanted.calls))
    return Verdict("correct", f"made none of {len(wanted.calls)} forbidden calls", expected)


def _made(given: Given) -> list[tuple[Call, Response]]:
    return [(call, answer) for call, answer in given.branch.calls() if call.function != FINISH]


def _fits(wanted: WantedCall, call: Call, given: Given, judge: Judge) -> bool:
    if not names_function(wanted.function, call.function, given.branch.task.named_apis):
        return False
    arguments = call.arguments or {}
    return all(
        key in arguments and _same(arguments[key], value) for key, value in wanted.arguments.items()
    ) and all(
        key in arguments
        and judge(check, Given(arguments[key], given.branch, False)).decision == "correct"
        for key, check in wanted.checks.items()
    )


def _same(given: JsonValue, wanted: JsonValue) -> bool:
    """Whether an argument is the wanted one, also where one is a number and one its text."""
    if given == wanted:
        return isinstance(given, bool) == isinstance(wanted, bool)
    if isinstance(given, str) != isinstance(wanted, str):
        text, other = (given, wanted) if isinstance(given, str) else (wanted, given)
        if isinstance(other, bool):
            return str(text).strip().lower() == str(other).lower()
        if isinstance(other, int | float):
            try:
                return float(str(text)) == other
            except ValueError:
                return False
    return False


def _unordered(fits: Sequence[Sequence[bool]]) -> list[int]:
    """The wanted calls that are left over when each is given a call of its own, best possible."""
    taken: dict[int, int] = {}

    def place(number: int, seen: set[int]) -> bool:
        for made, fit in enumerate(fits[number]):
            if fit and made not in seen:
                seen.add(made)
                if made not in taken or place(taken[made], seen):
                    taken[made] = number
                    return True
        return False

    return [number for number in range(len(fits)) if not place(number, set())]


def _in_order(fits: Sequence[Sequence[bool]]) -> list[int]:
    """The wanted calls that are left over when each must come after the one before it."""
    at = 0
    for number, row in enumerate(fits):
        at = next((made + 1 for made in range(at, len(row)) if row[made]), -1)
        if at < 0:
            return list(range(number, len(fits)))
    return []


def _written(wanted: WantedCall) -> str:
    arguments = {**wanted.arguments, **dict.fromkeys(wanted.checks, "…")}
    return f"{wanted.function}({render_sorted(arguments)})" if arguments else wanted.function


def _shown(call: Call) -> str:
    return f"{call.function}({call.text})"[:200]
