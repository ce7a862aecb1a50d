"""How alike a simulated response is to the recorded one: keys, types, error or success, length.

The body is what is compared, not its envelope. A body that is text is read as JSON or as a Python
literal where it is one, because ToolBench's recorded bodies are (``toolenv.snapshots.success``). Of
a recorded response that was cut, what stands before the cut is compared with as much of the
simulated one.

Every measure of two responses is from 0 to 1 and 1 for equal ones, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

from toolenv.episodes import Response
from toolenv.jsontext import JsonValue, render
from toolenv.running.fidelity_schemas import ResponseSchema, kind_of
from toolenv.snapshots.success import Success, classify, structure_of

__all__ = ["Scores", "body_of", "compare", "key_agreement", "kinds_by_path", "type_agreement"]

_ROOT = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """How one simulated response compares with the recorded one.

    Args:
        recorded: What the recorded response is: success, error or unknown.
        simulated: What the simulated one is.
        equal: Whether the bodies are equal.
        keys: F1 of the paths of keys; None where neither body has any.
        types: Over the paths that both have, the share of types that both have there.
        fits_document: Whether the body fits the schema that the API's document states; None where
            it states none, and where the recorded response is no success.
        fits_recorded: Whether it fits what the API's recorded successes have in common; None where
            there is a document, and where the recorded response is no success.
        log_length: Logarithm of the simulated body's length by the recorded one's; None where
            either was cut or is empty.
    """

    recorded: Success
    simulated: Success
    equal: bool
    keys: float | None
    types: float | None
    fits_document: bool | None
    fits_recorded: bool | None
    log_length: float | None


def compare(
    recorded: Response,
    simulated: Response,
    *,
    document: ResponseSchema | None = None,
    shape: ResponseSchema | None = None,
) -> Scores:
    """Compare a simulated response with the recorded one.

    Args:
        recorded: What the real server said.
        simulated: What the simulator said.
        document: The schema that the API's document states; None for none.
        shape: The schema of its recorded successes, for APIs whose document states none.
    """
    was, now = (classify(one.status, one.text) for one in (recorded, simulated))
    true, given = body_of(recorded.text), body_of(simulated.text)
    seen = given
    cut = recorded.completeness != "whole"
    kept = len(recorded.text.removesuffix("..."))
    if cut and len(simulated.text) > kept:
        seen = body_of(simulated.text[:kept])
    one, other = kinds_by_path(true), kinds_by_path(seen)
    is_success = was == "success"
    return Scores(
        recorded=was,
        simulated=now,
        equal=render(true) == render(seen),
        keys=key_agreement(one, other),
        types=type_agreement(one, other),
        fits_document=document.fits(given) if document is not None and is_success else None,
        fits_recorded=shape.fits(given) if document is None and shape and is_success else None,
        log_length=None if cut or simulated.completeness != "whole" else _log_ratio(given, true),
    )


def body_of(text: str) -> JsonValue:
    r"""The body that a response's text holds: without its envelope, and read where it is text.

    Example:
        >>> body_of('{"error": "", "response": "{\'a\': 1}"}')
        {'a': 1}
        >>> body_of("Service unavailable")
        'Service unavailable'
    """
    value = structure_of(text)
    if value is None:
        return text
    if isinstance(value, dict) and "error" in value and set(value) <= {"error", "response"}:
        value = value.get("response")
    for _ in range(3):  # text in text, as success.py reads it
        if not isinstance(value, str) or value.strip()[:1] not in ("{", "[", '"', "'"):
            break
        read = structure_of(value)
        if read is None:
            break
        value = read
    return value


def kinds_by_path(body: JsonValue) -> dict[str, frozenset[str]]:
    """The types of values by their paths; all items of a list share one, and the body has its own.

    Example:
        >>> {path: sorted(kinds) for path, kinds in kinds_by_path({"a": [1, "b"]}).items()}
        {'': ['object'], '/a': ['array'], '/a/[]': ['number', 'string']}
    """
    found: dict[str, set[str]] = {}
    for path, kind in _walk(body):
        found.setdefault(path, set()).add(kind)
    return {path: frozenset(kinds) for path, kinds in found.items()}


def _walk(body: JsonValue) -> Iterator[tuple[str, str]]:
    waiting: list[tuple[str, JsonValue]] = [(_ROOT, body)]
    while waiting:
        path, value = waiting.pop()
        yield path, kind_of(value)
        if isinstance(value, dict):
            waiting += [(f"{path}/{_escaped(key)}", inner) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}/[]", inner) for inner in value]


def _escaped(key: str) -> str:
    """A key that is neither taken for two nor for a list's items."""
    key = key.replace("~", "~0").replace("/", "~1")
    return "~2" if key == "[]" else key


def key_agreement(one: dict[str, frozenset[str]], other: dict[str, frozenset[str]]) -> float | None:
    """F1 of the paths of keys: twice those of both, by those of each; None where there are none."""
    mine, theirs = (
        {path for path in paths if path and not path.endswith("/[]")} for paths in (one, other)
    )
    return 2 * len(mine & theirs) / (len(mine) + len(theirs)) if mine or theirs else None


def type_agreement(one: dict[str, frozenset[str]], other: dict[str, frozenset[str]]) -> float:
    """Over the paths that both have, the mean share of the types there that both have."""
    shared = sorted(one.keys() & other.keys())  # in one order: sums of floats depend on it
    alike = (len(one[path] & other[path]) / len(one[path] | other[path]) for path in shared)
    return sum(alike) / len(shared)


def _log_ratio(given: JsonValue, true: JsonValue) -> float | None:
    lengths = [len(one if isinstance(one, str) else render(one)) for one in (given, true)]
    return log(lengths[0] / lengths[1]) if all(lengths) else None
