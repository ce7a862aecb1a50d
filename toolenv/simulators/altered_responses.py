"""Responses as a server might send them that has changed, breaks, or carries another's words.

Each function is determined by its text and a seed. Where the envelope's body is itself JSON in a
string, as in ToolBench's recordings, that is what is altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from toolenv.jsontext import JsonValue, parse, render
from toolenv.seeds import derive
from toolenv.simulators.field_paths import ITEMS, field_path, field_paths

__all__ = ["add_sentence", "break_json", "change_schema"]


def break_json(text: str, seed: int) -> str:
    """JSON text that can no longer be read: its end is missing.

    Example:
        >>> break_json('{"error":"","response":[1,2,3]}', 5)
        '{"error":"","res'
    """
    trimmed = text.strip()
    if trimmed[:1] in ("{", "["):
        return trimmed[: 1 + derive(seed, "cut") % max(1, len(trimmed) - 1)]
    return f"{text}}}"


def change_schema(text: str, seed: int) -> str:
    """The same answer under another schema: fields renamed, removed, or of another type.

    What happens to a field depends on the seed and on where it is, not on its value; about one in
    four is changed, and at least one. A body without fields stays as it is.
    """
    return _with_body(text, lambda body: _changed_fields(body, seed))


def add_sentence(text: str, sentence: str, seed: int) -> str:
    """The same answer with a sentence in its body: after one of its texts, else in a new field."""
    try:
        parse(text)
    except ValueError:
        return f"{text} {sentence}"
    return _with_body(text, lambda body: _with_sentence(body, sentence, seed))


def _with_body(text: str, alter: Callable[[JsonValue], JsonValue]) -> str:
    """Alter the body of an envelope, or the whole where there is none."""
    try:
        whole = parse(text)
    except ValueError:
        return text
    if not isinstance(whole, dict) or "response" not in whole:
        altered = alter(whole)
        return text if altered == whole else render(altered)
    body = whole["response"]
    if isinstance(body, str):
        try:
            inner = parse(body)
        except ValueError:
            inner = None
        if isinstance(inner, dict | list):
            altered = alter(inner)
            return text if altered == inner else render({**whole, "response": render(altered)})
    altered = alter(body)
    return text if altered == body else render({**whole, "response": altered})


# --- another schema -----------------------------------------------------------------------------


def _changed_fields(body: JsonValue, seed: int) -> JsonValue:
    ranked = {path: derive(seed, "field", path) for path in field_paths(body)}
    if not ranked:
        return body
    chosen = {path for path, drawn in ranked.items() if drawn % 4 == 0}
    return _rewritten(body, "", chosen or {min(ranked, key=ranked.__getitem__)}, seed)


def _rewritten(value: JsonValue, above: str, chosen: set[str], seed: int) -> JsonValue:
    if isinstance(value, list):
        return [_rewritten(item, f"{above}{ITEMS}", chosen, seed) for item in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, JsonValue] = {}
    for key, inner in value.items():
        path = field_path(above, key)
        below = _rewritten(inner, path, chosen, seed)
        if path not in chosen:
            made[key] = below
            continue
        match derive(seed, "how", path) % 3:
            case 0:
                made[_unused(f"{key}_v2", value)] = below
            case 1:
                made[key] = _retyped(below)
            case _:
                pass  # removed
    return made


def _unused(key: str, taken: dict[str, JsonValue]) -> str:
    while key in taken:
        key += "_v2"
    return key


def _retyped(value: JsonValue) -> JsonValue:
    match value:
        case None:
            return []
        case bool() | int() | float():
            return render(value)
        case list():
            return {"count": len(value), "items": value}
        case _:
            return [value]


# --- another's words ----------------------------------------------------------------------------


def _with_sentence(body: JsonValue, sentence: str, seed: int) -> JsonValue:
    places = list(_texts(body, ()))
    if places:
        place = min(places, key=lambda at: derive(seed, "place", *at))
        return _added(body, place, sentence)
    if isinstance(body, dict):
        return {**body, _unused("note", body): sentence}
    if isinstance(body, list):
        return [*body, sentence]
    return sentence if body is None else f"{render(body)} {sentence}"


def _texts(value: JsonValue, at: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Where the texts are; of a list, in its first items alone."""
    if isinstance(value, str):
        yield at
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            yield from _texts(inner, (*at, index))


def _added(value: JsonValue, at: tuple[str | int, ...], sentence: str) -> JsonValue:
    if not at:
        return f"{value} {sentence}".lstrip()
    place, rest = at[0], at[1:]
    if isinstance(value, dict):
        return {
            key: _added(inner, rest, sentence) if key == place else inner
            for key, inner in value.items()
        }
    assert isinstance(value, list)  # the path was made from this value
    return [
        _added(inner, rest, sentence) if index == place else inner
        for index, inner in enumerate(value)
    ]
