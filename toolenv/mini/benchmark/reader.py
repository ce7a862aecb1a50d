"""A scripted reader: it sees what a policy sees, the instruction and the documents, and no plan.

It knows English, as far as the world's lexicon goes: which words are synonyms, and which phrases
are signs of unreliability. It shows that tasks can be solved by reading what they offer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from toolenv.episodes import FunctionCall, Message
from toolenv.fingerprint import fingerprint
from toolenv.formats.sentence_patterns import names_in
from toolenv.jsontext import JsonValue, render
from toolenv.mini.benchmark.lexicon import HEADS, QUALIFIERS, UNITS
from toolenv.mini.benchmark.signs import SIGNS
from toolenv.mini.benchmark.turns import Messages, PastCall, finish, past_calls, tried_functions

__all__ = ["ReaderPolicy"]

_Gives: TypeAlias = Literal["booking", "refund", "code", "thing", "attribute"]

_STANDS_FOR: Final = {word: f"head{i:02}" for i, head in enumerate(HEADS) for word in head.words}
_HEAD: Final = re.compile(rf"\b({'|'.join(sorted(_STANDS_FOR, key=len, reverse=True))})\b")
_BY: Final = re.compile(
    rf" by ({'|'.join(n.replace('_', ' ') for q in QUALIFIERS for n in q.names)})\b"
)
_CODE: Final = re.compile(r"\b[A-Z]{2}\d{3}\b")
# fmt: off
_SAYS_NOTHING: Final = frozenset({
    "a", "an", "any", "at", "by", "code", "codes", "find", "finds", "for", "get", "given", "gives",
    "its", "lookup", "look", "name", "names", "of", "provides", "return", "returns", "search",
    "tells", "the", "to", "up",
    "and", "book", "booking", "books", "call", "cancels", "hold", "make", "off", "refund",
    "reservation", "reserves", "undo",
})
# fmt: on
_NUMBERS: Final = (
    ("how many", r"\b(\d+) (?:" + "|".join(UNITS) + r")\b"),
    ("day", r"\bday (\d+)"),
    ("year", r"\b((?:19|20)\d\d)\b"),
    ("people", r"(?:\b(\d+) people|group of (\d+))"),
)
"""What a number's description says, and how instructions state it."""


class _Document(NamedTuple):
    """What a function's document says.

    Args:
        name: The function's name.
        gives: What it gives.
        words: What it gives that of: all have to be in the instruction.
        by_code: Whether it asks for the code of a thing.
        parameters: The required parameters, with their schemas.
        looks: The place of its sign among signs, the best-looking first.
    """

    name: str
    gives: _Gives
    words: frozenset[str]
    by_code: bool
    parameters: dict[str, dict[str, Any]]
    looks: int


class _Wish(NamedTuple):
    """Something that the instruction asks for: what it is, and who claims to give it."""

    gives: _Gives
    words: frozenset[str]
    documents: list[_Document]


class ReaderPolicy:
    """Reads instruction and documents by rules, and goes on to the next provider after a failure.

    Example:
        >>> ReaderPolicy().name
        'reader'
    """

    name = "reader"

    @property
    def fingerprint(self) -> str:
        """A digest of its name and version."""
        return fingerprint("policy", [self.name, 1])

    async def __call__(self, messages: Messages, functions: Messages, *, seed: int) -> Message:
        """The next call; gives up where no document, or no provider that works, is left."""
        said = next(str(m["content"]) for m in messages if m["role"] == "user")
        documents = [_read(function["function"]) for function in functions[:-1]]
        tried = tried_functions(messages, (one.name for one in documents))
        return _Reading(said, documents, past_calls(messages), tried).next()


class _Reading:
    """One decision: what is wished for, what was got, and what is to be called."""

    def __init__(
        self, said: str, documents: list[_Document], past: list[PastCall], tried: set[str]
    ) -> None:
        self._said = said
        self._documents = documents
        self._past = past
        self._tried = tried
        self._codes = _CODE.findall(said)
        names = [name for name in names_in(said, ()) if name not in self._codes]
        names = [
            name for name in names if not any(c.isdecimal() for c in name) and name[1:2].islower()
        ]
        self._names = sorted(names, key=said.find)

    def next(self) -> Message:
        wishes = self._wishes()
        led = next((wish for wish in wishes if wish.gives in ("code", "thing")), None)
        asked = [wish for wish in wishes if wish is not led]
        named = [wish for wish in asked if wish.gives != "refund"]
        if not asked or len(self._names) != len(named):  # something is asked that none gives
            return finish(None)
        about: JsonValue = None
        if led is not None:
            about = self._got(led)
            if about is None:
                return self._call(led.documents, self._names[0])
        answers: list[str] = []
        for number, wish in enumerate(asked):
            thing: JsonValue = about
            if thing is None:
                thing = self._codes[0] if wish.gives == "refund" else self._names[number]
            value = self._got(wish)
            if value is None and wish.documents[0].by_code and led is None:
                finder = self._finder(wish)
                code = self._got(finder)
                if code is None:
                    return self._call(finder.documents, thing)
                thing = code
            if value is None:
                return self._call(wish.documents, thing)
            answers.append(str(value))
        return finish(", ".join(answers))

    def _wishes(self) -> list[_Wish]:
        """What the instruction asks for: documents all of whose words it has, grouped."""
        plain = _plain(self._said)
        words = set(re.findall(r"\w+", plain))
        wishes: dict[tuple[_Gives, frozenset[str]], _Wish] = {}
        for one in self._documents:
            if not one.words <= words or (one.gives == "code" and len(one.words) == 1):
                continue
            if one.gives == "booking" and not {"book", "booked", "booking"} & words:
                continue
            if one.gives == "refund" and not ("refund" in words and self._codes):
                continue
            wish = wishes.setdefault((one.gives, one.words), _Wish(one.gives, one.words, []))
            wish.documents.append(one)
        told = [w for w in wishes.values() if not any(w.words < o.words for o in wishes.values())]
        return sorted(told, key=lambda wish: (wish.gives == "attribute", _place(plain, wish)))

    def _finder(self, wish: _Wish) -> _Wish:
        found = [
            one
            for one in self._documents
            if one.gives == "code" and len(one.words) == 1 and one.words <= wish.words
        ]
        return _Wish("code", frozenset(), found)

    def _got(self, wish: _Wish) -> JsonValue:
        """The value that was wished for, from the responses of those who claim to give it."""
        claiming = {one.name for one in wish.documents}
        for call in self._past:
            if call.function in claiming:
                value = self._field(wish, call.fields)
                if value is not None:
                    return value
        return None

    def _field(self, wish: _Wish, fields: dict[str, JsonValue]) -> JsonValue:
        if wish.gives in ("booking", "code"):
            return next((v for v in fields.values() if _CODE.fullmatch(str(v))), None)
        if wish.gives == "refund":
            return next((v for v in fields.values() if isinstance(v, int)), None)
        named = {name: set(re.findall(r"\w+", _plain(name))) for name in fields}
        if wish.gives == "thing":
            return next(
                (
                    fields[name]
                    for name, words in named.items()
                    if words & wish.words and fields[name] not in self._names
                ),
                None,
            )
        heads = {word for word in wish.words if word.startswith("head")}
        fitting = [name for name, words in named.items() if heads <= words <= wish.words]
        best = max(fitting, key=lambda name: len(named[name]), default=None)
        return None if best is None else fields[best]

    def _call(self, documents: Sequence[_Document], thing: JsonValue) -> Message:
        """A call of the best-looking of those who were not called yet."""
        left = sorted((d for d in documents if d.name not in self._tried), key=lambda d: d.looks)
        if not left:
            return finish(None)
        given = {name: self._value(schema, thing) for name, schema in left[0].parameters.items()}
        return Message(calls=(FunctionCall(left[0].name, render(given)),))

    def _value(self, schema: dict[str, Any], thing: JsonValue) -> JsonValue:
        if "enum" in schema:
            stated = [o for o in schema["enum"] if re.search(rf"\b{o}\b", self._said)]
            return str((stated or schema["enum"])[0])
        if schema["type"] != "integer":
            return thing
        described = str(schema.get("description", ""))
        pattern = next((p for word, p in _NUMBERS if word in described), r"\b(\d+)\b")
        found = re.search(pattern, self._said)
        return int(next(group for group in found.groups() if group)) if found else 1


def _read(function: Any) -> _Document:
    """Read a function's document: behind the API's and the tool's name, a sentence and a sign."""
    _, _, sentence = str(function["description"]).partition(". ")
    looks = list(SIGNS).index("plain")
    for rank, sign in enumerate(SIGNS.values()):
        for phrase in sign.phrases:
            if phrase in sentence:
                sentence, looks = sentence.replace(phrase, ""), rank
    properties = function["parameters"]["properties"]
    told = " ".join(str(schema.get("description", "")) for schema in properties.values())
    words = set(re.findall(r"\w+", _plain(_BY.sub("", sentence.casefold()))))
    gives: _Gives = "thing"
    if "how many" in told:
        gives = "booking"
    elif "booking" in told or "cancel" in told:
        gives = "refund"
    elif any(word.startswith("head") for word in words):
        gives = "attribute"
    elif "code" in words:
        gives = "code"
    required = {name: properties[name] for name in function["parameters"]["required"]}
    by_code = gives == "attribute" and any(
        str(schema.get("description", "")).endswith("code") for schema in required.values()
    )
    content = frozenset(words - _SAYS_NOTHING)
    return _Document(function["name"], gives, content, by_code, required, looks)


def _plain(text: str) -> str:
    """A text in lower case, with one word for all synonyms of an attribute."""
    return _HEAD.sub(lambda found: _STANDS_FOR[found[1]], text.casefold().replace("_", " "))


def _place(plain: str, wish: _Wish) -> int:
    """Where the instruction speaks of a wish: at its attribute's head, or at its first word."""
    heads = [word for word in wish.words if word.startswith("head")]
    return min(plain.find(word) for word in heads or wish.words)
