"""JSON paths, and the JSON that an answer holds.

A path is written as RFC 9535 writes it, with names, indexes and ``*`` alone:
``$.bookings[0].total``, ``$['a b'][-1]``, ``$.songs[*].title``. There are no filters or slices.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final, TypeAlias

from toolenv.errors import CheckError
from toolenv.jsontext import JsonValue, nested_deeper, parse

__all__ = ["JsonPath", "embedded_json", "follow", "parse_path"]

JsonPath: TypeAlias = tuple[str | int | None, ...]
"""The steps of a path: a name, an index, or None for all."""

_STEP: Final = re.compile(
    r"\.(?P<name>[^\W\d][\w-]*)|\.(?P<all>\*)|\[(?:(?P<index>-?\d{1,9})|(?P<every>\*)"
    r"|'(?P<single>(?:[^'\\]|\\.)*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\")\]"
)


@lru_cache(maxsize=1024)
def parse_path(text: str) -> JsonPath:
    """Read a path.

    Raises:
        CheckError: It is none, or uses what this version does not know.

    Example:
        >>> parse_path("$.a['b c'][-1][*]")
        ('a', 'b c', -1, None)
    """
    if not text.startswith("$"):
        raise CheckError(
            f"{text!r} is no JSON path.", where="check.path", fix="Begin it with '$', as '$.total'."
        )
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise CheckError(
                f"{text!r} is no JSON path that can be followed: {text[at:]!r} is not understood.",
                where="check.path",
                fix="Use .name, ['name'], [0], [*]: '$.bookings[0].total'.",
            )
        at = match.end()
        quoted = match["single"] if match["single"] is not None else match["double"]
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["all"] or match["every"]:
            steps.append(None)
        else:
            steps.append(match["name"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    return tuple(steps)


def follow(path: JsonPath, value: JsonValue) -> list[JsonValue]:
    """The values that a path leads to, in the order of the document; none where it leads nowhere.

    Example:
        >>> follow(parse_path("$.a[*].b"), {"a": [{"b": 1}, {"c": 2}, {"b": 3}]})
        [1, 3]
    """
    values = [value]
    for step in path:
        found: list[JsonValue] = []
        for one in values:
            if step is None:
                found += (
                    one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
                )
            elif isinstance(step, str):
                if isinstance(one, dict) and step in one:
                    found.append(one[step])
            elif isinstance(one, list) and -len(one) <= step < len(one):
                found.append(one[step])
        values = found
    return values


_ATTEMPTS: Final = 32
_LONGEST: Final = 1_000_000
_DEEPEST: Final = 200
_OPENS: Final = re.compile(r"[\[{](?=\s*[\[{\"\d\-tfn\]}])")
_DECODER: Final = json.JSONDecoder()


def embedded_json(text: str) -> list[JsonValue]:
    """The JSON objects and lists in a text: the whole text, else each that stands in it.

    Example:
        >>> embedded_json('Here it is: {"total": 3} and [1, 2].')
        [{'total': 3}, [1, 2]]
    """
    try:
        return [parse(text)]
    except ValueError:
        pass
    if len(text) > _LONGEST:
        return []
    values: list[JsonValue] = []
    at = 0
    for _ in range(_ATTEMPTS):
        match = _OPENS.search(text, at)
        if match is None:
            break
        try:
            value, at = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            at = match.end()
            continue
        if not nested_deeper(value, _DEEPEST):
            values.append(value)
    return values
