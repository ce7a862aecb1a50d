"""Filling a function's parameters from an instruction's words and from earlier responses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolenv.jsontext import JsonValue

__all__ = ["fill", "leaves", "mentioned_record", "words"]

# fmt: off
_STOPWORDS = frozenset({
    "a", "an", "the", "of", "in", "on", "at", "to", "for", "from", "by", "with", "and", "or",
    "is", "are", "was", "be", "it", "its", "i", "me", "my", "you", "your", "what", "which",
    "how", "many", "much", "when", "does", "do", "did", "have", "has", "will", "there", "this",
    "that", "these", "those", "as", "alone", "tell", "give", "need", "answer", "please",
    "into", "go", "get", "if", "than", "then", "them",
})
# fmt: on
_CODE = re.compile(r"\b[A-Z]{1,3}-?\d{2,5}\b")
_SYMBOL = re.compile(r"\b[A-Z]{3,5}\b")
_QUOTED = re.compile(r'"([^"]+)"')
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w-])")
_NAME = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b")
# fmt: off
_OPENERS = frozenset({
    "What", "Which", "When", "How", "Is", "Are", "In", "From", "Find", "Search", "Show", "List",
    "Add", "Remove", "Book", "Cancel", "Tell", "Give", "Convert", "Look", "Name", "Answer",
    "And", "Put", "Then", "Where", "Who", "Does", "Do", "At",
})
# fmt: on


def words(text: str) -> list[str]:
    """The words that say something, lower case, without a plural's ending.

    Example:
        >>> words("What are the latest prices of shares?")
        ['latest', 'price', 'share']
    """
    found = re.findall(r"[a-z]+", text.replace("_", " ").lower())
    return [
        word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
        for word in found
        if word not in _STOPWORDS
    ]


def fill(
    parameters: Mapping[str, Any], clause: str, instruction: str, responses: Sequence[JsonValue]
) -> tuple[dict[str, JsonValue], list[str]]:
    """Fill a function's parameters.

    Args:
        parameters: The function's JSON Schema.
        clause: The part of the instruction that the call is for; it is looked at first.
        instruction: The whole instruction.
        responses: What earlier calls returned, the latest last.

    Returns:
        The arguments, and the names of required parameters that nothing was found for.
    """
    required = parameters.get("required", [])
    arguments: dict[str, JsonValue] = {}
    missing: list[str] = []
    for name, schema in parameters.get("properties", {}).items():
        value = _value(name, schema, clause, responses)
        if value is None and clause != instruction:
            value = _value(name, schema, instruction, responses)
        if value is not None and value not in arguments.values():
            arguments[name] = value
        elif name in required:
            missing.append(name)
    return arguments, missing


def _value(
    name: str, schema: Mapping[str, Any], text: str, responses: Sequence[JsonValue]
) -> JsonValue:
    if "enum" in schema:
        options = [option for option in schema["enum"] if str(option).lower() in text.lower()]
        return options[0] if options else None
    if schema.get("type") in ("integer", "number"):
        return _number(name, text, whole=schema["type"] == "integer")
    if name.endswith("_id"):
        stated = _CODE.findall(text)
        return stated[0] if stated else _returned(name, text, responses)
    if name == "symbol":
        stated = _SYMBOL.findall(text)
        return stated[0] if stated else _returned(name, text, responses)
    if name in ("base", "target") or name.endswith("_currency"):
        codes = [code for code in _SYMBOL.findall(text) if len(code) == 3]
        return codes[1 if name.startswith("target") else 0] if len(codes) > 1 else None
    return _text(name, text, responses)


def _number(name: str, text: str, *, whole: bool) -> JsonValue:
    unit = {"max_price": r"at most", "amount": r""}.get(name)
    if unit:
        found = re.search(rf"{unit} (\d+)", text)
        stated = [found[1]] if found else []
    elif name in ("nights", "days", "grams"):
        stated = re.findall(rf"(\d+) {name[:-1]}", text)
    else:
        stated = _NUMBER.findall(text)
    if not stated:
        return None
    value = float(stated[0])
    return int(value) if whole or value.is_integer() else value


def _text(name: str, text: str, responses: Sequence[JsonValue]) -> JsonValue:
    quoted = _QUOTED.findall(text)
    if quoted:
        return str(quoted[0])
    if name in ("food", "ingredient", "item"):
        found = re.search(
            r"(?:grams of|with|facts of|[Aa]dd(?: \d+)?|[Rr]emove(?: the)?) ([a-z]+)", text
        )
        return found[1] if found else None
    before = {"origin": "from", "destination": "to", "guest": "guest"}.get(name)
    if before:
        found = re.search(rf"\b{before} ([A-Z]\w+(?: [A-Z]\w+)*)", text)
        return found[1] if found else None
    if name in ("city", "country", "query"):
        found = re.search(r"\b(?:in|of) ([A-Z][a-z]+)", text)
        if found:
            return found[1]
    names = [n for n in (_without_opener(n) for n in _NAME.findall(text)) if n]
    if names:
        return str(names[0])
    return _returned(name, text, responses) or _returned("song", text, responses)


def _without_opener(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest if first in _OPENERS else name


def _returned(name: str, text: str, responses: Sequence[JsonValue]) -> JsonValue:
    """What earlier responses call by that name, from the record that the text speaks of."""
    for response in reversed(responses):
        record = mentioned_record(response, text, name)
        if record is not None:
            return record[name]
    return None


def mentioned_record(value: JsonValue, text: str, key: str = "") -> dict[str, JsonValue] | None:
    """The object inside a response of which most values occur in a text; the first of equals.

    Args:
        value: The response.
        text: The text.
        key: A key that the object must have.
    """
    records = [record for record in _records(value) if not key or key in record]
    lowered = text.lower()

    def mentioned(record: dict[str, JsonValue]) -> int:
        return sum(isinstance(item, str) and item.lower() in lowered for item in record.values())

    return max(records, key=mentioned, default=None)


def _records(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    children: list[JsonValue] = value if isinstance(value, list) else []
    if isinstance(value, dict):
        yield value
        children = list(value.values())
    for child in children:
        yield from _records(child)


def leaves(value: JsonValue, name: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every value inside a response that holds no others, with the key it stands under."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, name)
    elif value is not None and value != "":
        yield name, value
