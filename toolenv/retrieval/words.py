"""Words of texts in any script, and the sentences of a request.

Names are split as programmers join them (``getUserInfo``, ``user_info``). Scripts that write no
spaces give pairs of characters. Plural endings of words in ASCII are taken off by the rules of the
S-stemmer (Harman, "How effective is suffixing?", JASIS 42, 1991).
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MOST_SENTENCES", "readable", "sentences", "spaced", "words"]

MOST_SENTENCES = 12
"""Parts of a request that are searched for by themselves; what comes after them is not."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+")
_JOINTS = re.compile(r"[_/\-.:{}]+")
_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।؟])\s*|\n+")
_UNSPACED = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3040", "\u30ff"),  # kana
    ("\u3400", "\u9fff"),  # Chinese characters
    ("\uf900", "\ufaff"),
)


def words(text: str) -> list[str]:
    """The words of a text, folded and in order.

    Example:
        >>> words("getUserInfo: cities by ID")
        ['get', 'user', 'info', 'city', 'by', 'id']
        >>> words("天気予報")
        ['天気', '気予', '予報']
    """
    if text.isascii():
        return [_singular(word.lower()) for word in _ASCII_WORDS.findall(spaced(text))]
    folded = unicodedata.normalize("NFKC", spaced(text)).casefold()
    found: list[str] = []
    for run in "".join(one if _in_word(one) else " " for one in folded).split():
        found.extend([_singular(run)] if run.isascii() else _of_scripts(run))
    return found


def spaced(name: str) -> str:
    """A name with spaces where its words are joined by case alone."""
    return _HUMP.sub(" ", name)


def readable(name: str) -> str:
    """A name as words, such as a path or an identifier.

    Example:
        >>> readable("/searchFlights/by_city")
        'search Flights by city'
    """
    return " ".join(_JOINTS.sub(" ", spaced(name)).split())


def sentences(request: str) -> list[str]:
    """The sentences of a request, at most ``MOST_SENTENCES``; of one alone just that.

    Example:
        >>> sentences("Find a flight to Rome. Also, what is the weather there?")
        ['Find a flight to Rome.', 'Also, what is the weather there?']
    """
    found: list[str] = []
    for part in _END.split(request):
        if part.strip():
            found.append(part.strip())
            if len(found) == MOST_SENTENCES:
                break
    return found


def _of_scripts(run: str) -> list[str]:
    """Words of a run of letters: whole, and in pairs where the script writes no spaces."""
    found: list[str] = []
    start = 0
    for at in range(1, len(run) + 1):
        if at == len(run) or _unspaced(run[at]) != _unspaced(run[start]):
            part = run[start:at]
            if _unspaced(part[0]) and len(part) > 1:
                found.extend(part[place : place + 2] for place in range(len(part) - 1))
            else:
                found.append(_singular(part) if part.isascii() else part)
            start = at
    return found


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _unspaced(character: str) -> bool:
    return any(first <= character <= last for first, last in _UNSPACED)


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return f"{word[:-3]}y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word[:-1]
