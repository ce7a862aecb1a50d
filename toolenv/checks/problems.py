"""What is wrong with a check, before any answer is checked with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from toolenv.apis import API, FINISH
from toolenv.checks.calls import names_function
from toolenv.checks.kinds import KINDS, unknown_kind
from toolenv.checks.mentions import normal
from toolenv.checks.trying import about_answers, try_answer
from toolenv.errors import CheckError
from toolenv.suggestions import did_you_mean
from toolenv.tasks import Check, Task, WantedCall

__all__ = ["Problem", "problems_of"]

_DEEPEST = 16


class Problem(NamedTuple):
    """Something wrong.

    Args:
        where: The field, as ``check.calls[0].function``.
        what: What is wrong with it.
        fix: What to do about it.
    """

    where: str
    what: str
    fix: str = ""


def problems_of(check: Check, task: Task) -> list[Problem]:
    """Everything that is wrong with a task's check.

    Args:
        check: The check.
        task: The task, whose functions the check may name.

    Returns:
        Unknown kinds, options that the kind does not have or cannot use, functions and arguments
        that the task does not offer, parts that contradict each other, and, where nothing else is
        wrong, examples that the check decides otherwise. Empty where the check is sound.
    """
    problems = list(_problems(check, task, "check", 0))
    return problems or list(_failing_examples(check, task))


def _problems(check: Check, task: Task, where: str, depth: int) -> Iterator[Problem]:
    kind = KINDS.get(check.kind)
    if kind is None:
        yield _told(unknown_kind(check.kind), where)
        return
    if depth == _DEEPEST:
        yield Problem(where, f"Checks are nested deeper than {_DEEPEST}.", "Join fewer of them.")
        return
    sound = True
    for problem in _options(check, kind.options, where, top=depth == 0):
        sound = False
        yield problem
    try:
        kind.read(check)
    except CheckError as error:
        sound = False
        yield _told(error, where)
    for number, part in enumerate(check.checks):
        yield from _problems(part, task, f"{where}.checks[{number}]", depth + 1)
    for number, wanted in enumerate(check.calls):
        yield from _wanted_call(wanted, task, f"{where}.calls[{number}]", depth)
    if sound and check.kind == "all":
        yield from _contradictions(check, where)


def _told(error: CheckError, where: str) -> Problem:
    return Problem(f"{where}{error.where.removeprefix('check')}", error.what, error.fix or _CURE)


_CURE = "docs/checks.md says what each kind takes."


def _options(check: Check, options: Iterable[str], where: str, *, top: bool) -> Iterator[Problem]:
    known = list(Check.model_fields)
    for key in check.unknown:
        yield Problem(f"{where}.{key}", "A check has no such option.", did_you_mean(key, known))
    for name, field in Check.model_fields.items():
        if name in ("kind", *options) or getattr(check, name) == field.get_default():
            continue
        if name != "examples":
            fix = f"It takes {' and '.join(options)}." if options else "It takes no options."
            yield Problem(f"{where}.{name}", f"It means nothing to the kind {check.kind!r}.", fix)
        elif not top:
            yield Problem(
                f"{where}.examples", "Only the whole check has examples.", "Move them up."
            )
    for name in ("tolerance", "relative_tolerance"):
        value = getattr(check, name)
        if not (math.isfinite(value) and value >= 0):
            yield Problem(f"{where}.{name}", f"It is {value}.", "Give a number from 0.")


def _wanted_call(wanted: WantedCall, task: Task, where: str, depth: int) -> Iterator[Problem]:
    for key in wanted.unknown:
        fix = did_you_mean(key, WantedCall.model_fields)
        yield Problem(f"{where}.{key}", "A call has no such option.", fix)
    for name, part in wanted.checks.items():
        yield from _problems(part, task, f"{where}.checks.{name}", depth + 1)
        if part.kind in KINDS and KINDS[part.kind].needs not in ("answer", "parts"):
            place = f"{where}.checks.{name}.kind"
            yield Problem(place, f"{part.kind!r} does not look at a value.", "Use another kind.")
    apis = task.named_apis
    named = [one for one in apis if names_function(wanted.function, one, apis)]
    if wanted.function == FINISH:
        fix = "Check the answer instead."
        yield Problem(f"{where}.function", "Finish is no call of an API.", fix)
    elif not named:
        names = [*apis, *(api.name for api in apis.values())]
        near = did_you_mean(wanted.function, names) or _some_of(apis)
        what = f"The task offers no function {wanted.function!r}."
        yield Problem(f"{where}.function", what, near)
    elif len(named) == 1:
        yield from _arguments(wanted, apis[named[0]], where)


def _some_of(apis: Mapping[str, API]) -> str:
    names = list(apis)[:5]
    return f"It offers {', '.join(names)}{' …' if len(apis) > 5 else ''}." if names else ""


def _arguments(wanted: WantedCall, api: API, where: str) -> Iterator[Problem]:
    """Arguments that no valid call of the API can have."""
    from jsonschema_rs import ValidationError, validator_for

    schema = api.arguments_schema()
    properties = schema.get("properties")
    if not isinstance(properties, dict):  # a recorded function, whose parameters are not known
        return
    for key in (*wanted.arguments, *wanted.checks):
        part = "arguments" if key in wanted.arguments else "checks"
        if key not in properties:
            fix = did_you_mean(key, properties) or f"It has {', '.join(properties) or 'none'}."
            yield Problem(f"{where}.{part}.{key}", f"{api.name} has no such parameter.", fix)
        elif part == "arguments":
            accepted = properties[key]
            try:
                validator_for(accepted if isinstance(accepted, dict) else True).validate(
                    wanted.arguments[key]
                )
            except ValidationError as error:
                what = f"No valid call gives it: {error.message}."
                yield Problem(f"{where}.arguments.{key}", what, "Give a value that fits.")
            except ValueError:
                pass  # a schema that cannot be read refuses nothing


def _contradictions(check: Check, where: str) -> Iterator[Problem]:
    """Parts of ``all`` that cannot be correct together."""
    parts = list(enumerate(check.checks))
    texts = {normal(str(part.value)) for _, part in parts if part.kind == "exact"}
    if len(texts) > 1:
        yield Problem(where, "No answer is exactly two texts.", "Use any, or contains.")
    giving_up = [number for number, part in parts if part.kind == "gives_up"]
    if giving_up and len(parts) > len(giving_up):
        what = "Who gives up has no answer and no other part is correct."
        yield Problem(f"{where}.checks[{giving_up[0]}]", what, "Use any.")
    required = [call for _, part in parts if part.kind == "required_calls" for call in part.calls]
    for number, part in parts:
        for place, call in enumerate(part.calls if part.kind == "forbidden_calls" else ()):
            if any(_covers(call, other) for other in required):
                yield Problem(
                    f"{where}.checks[{number}].calls[{place}]",
                    f"{call.function} is required and forbidden.",
                    "Leave one of them out, or name the arguments that differ.",
                )


def _covers(one: WantedCall, other: WantedCall) -> bool:
    """Whether every call that fits the other fits this one too."""
    return (
        one.function == other.function
        and not one.checks
        and all(
            key in other.arguments and other.arguments[key] == value
            for key, value in one.arguments.items()
        )
    )


def _failing_examples(check: Check, task: Task) -> Iterator[Problem]:
    examples = check.examples
    if examples is None:
        return
    for key in examples.unknown:
        fix = did_you_mean(key, ("right", "wrong"))
        yield Problem(f"check.examples.{key}", "Examples are right or wrong.", fix)
    tried = about_answers(check)
    if tried is None:
        if examples.right or examples.wrong:
            what = "The check does not look at the answer."
            yield Problem("check.examples", what, "Leave the examples out.")
        return
    for number, answer in enumerate(examples.right):
        verdict = try_answer(tried, task, answer)
        if verdict.decision != "correct":
            yield Problem(
                f"check.examples.right[{number}]",
                f"The check finds it {verdict.decision}: {verdict.reason}.",
                "Change the check, or the example.",
            )
    for number, answer in enumerate(examples.wrong):
        verdict = try_answer(tried, task, answer)
        if verdict.decision in ("correct", "unverifiable"):
            yield Problem(
                f"check.examples.wrong[{number}]",
                f"The check finds it {verdict.decision}: {verdict.reason}.",
                "Change the check, or the example.",
            )
