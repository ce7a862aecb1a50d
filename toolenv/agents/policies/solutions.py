"""What is known of a task's solution: from its gold, and from what its check asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toolenv.checks.calls import names_function
from toolenv.checks.given import text_of
from toolenv.checks.json_paths import JsonPath, parse_path
from toolenv.checks.kinds import KINDS
from toolenv.checks.trying import about_answers, try_answer
from toolenv.formats.gold import Gold
from toolenv.jsontext import JsonValue, parse, render
from toolenv.tasks import Check, Task

__all__ = ["Solution", "solution_of"]


class Solution(NamedTuple):
    """How a task is carried out.

    Args:
        calls: Function names, as the task offers them, with their arguments, in order.
        answer: The final answer; None to give up, where the task cannot be carried out.
        wrong: An answer that is not right.
    """

    calls: tuple[tuple[str, dict[str, JsonValue]], ...]
    answer: str | None
    wrong: str = ""


def solution_of(task: Task, gold: Gold | None = None) -> Solution | None:
    """The solution of a task, as far as its author wrote it down.

    Calls are those of the gold, else those that the check requires. The answer is that of the gold,
    else a right example of the check, else its value written out, where the check accepts it.

    Args:
        task: The task.
        gold: What is known of its solution; where None, what the task itself carries.

    Returns:
        None where calls that the check reads, or the answer, are not known.

    Example:
        >>> solution_of(Task(id="1", instruction="How warm?", check=Check(kind="number", value=21)))
        Solution(calls=(), answer='21', wrong='')
    """
    known = gold if gold is not None else Gold.of(task)
    check = task.check
    calls = _gold_calls(known)
    if calls is None:
        if check is not None and check.reads_state:
            return None
        calls = tuple(_required(task, check)) if check is not None else ()
    if check is not None and check.kind == "gives_up":
        return Solution(calls, None, "There is an answer to this.")
    if known is not None and known.answer is not None:
        answer: str | None = known.answer
    elif check is None:
        # nothing says what is right: calls alone, where they are known, and no invented answer
        answer = None if known is None or known.calls is None else ""
    else:
        answer = next((one for one in _answers(check) if _is_accepted(task, one)), None)
    if answer is None:
        return None
    examples = check.examples if check is not None else None
    wrong = text_of(examples.wrong[0]) if examples is not None and examples.wrong else ""
    return Solution(calls, answer, wrong)


def _gold_calls(gold: Gold | None) -> tuple[tuple[str, dict[str, JsonValue]], ...] | None:
    if gold is None or gold.calls is None:
        return None
    return tuple((call.function, dict(call.arguments)) for call in gold.calls)


def _required(task: Task, check: Check) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """The calls that a check requires, by the names that the task offers."""
    for part in _parts(check):
        for wanted in part.calls if part.kind == "required_calls" else ():
            apis = task.named_apis
            name = next((one for one in apis if names_function(wanted.function, one, apis)), "")
            checked = {key: one[0] for key, part in wanted.checks.items() if (one := _written(part))}
            yield name or wanted.function, {**wanted.arguments, **checked}


def _parts(check: Check) -> Iterator[Check]:
    yield check
    if check.kind == "all":
        for part in check.checks:
            yield from _parts(part)


def _answers(check: Check) -> Iterator[str]:
    """Answers that may be right, the author's own first."""
    if check.examples is not None:
        yield from map(text_of, check.examples.right)
    written = [one for part in _parts(check) for one in _written(part)[:1]]
    yield from _written(check)
    if written:
        yield "\n".join(written)
    yield "Done."  # enough where calls and state alone decide


def _written(check: Check) -> Sequence[str]:
    """A check's value as an answer would say it; none where it has no such value."""
    value = check.value
    if check.kind == "any":
        return [one for part in check.checks for one in _written(part)]
    if check.kind == "json_path":
        return [render(_at_path(parse_path(check.path), _inner(check)))]
    if value is None or KINDS[check.kind].needs != "answer":
        return []
    several = value if isinstance(value, list) else [value]
    if check.kind == "quantity":
        ends = " and ".join(map(text_of, several))
        return [f"{'between ' if len(several) > 1 else ''}{ends} {check.unit}".strip()]
    if check.kind in ("items", "list"):
        return [render(value)]
    if check.kind == "set":
        return ["\n".join(map(text_of, several))]
    return [text_of(one) for one in several]


def _inner(check: Check) -> JsonValue:
    """What must stand at a path."""
    if check.value is not None or not check.checks:
        return check.value if check.value is not None else True
    written = _written(check.checks[0])
    try:
        return parse(written[0]) if written else True
    except ValueError:
        return written[0]


def _at_path(path: JsonPath, value: JsonValue) -> JsonValue:
    """JSON with a value at a path; after an ``[*]`` with its items, one by one."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if first is None:
        return [_at_path(rest, one) for one in (value if isinstance(value, list) else [value])]
    if isinstance(first, int):
        places = first + 1 if first >= 0 else -first
        return [_at_path(rest, value) if n == first % places else None for n in range(places)]
    return {first: _at_path(rest, value)}


def _is_accepted(task: Task, answer: str) -> bool:
    """Whether the check accepts an answer, as far as the answer decides."""
    asked = about_answers(task.check) if task.check is not None else None
    return asked is None or try_answer(asked, task, answer).decision == "correct"
