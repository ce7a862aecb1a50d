"""Sentence patterns: what is left of an instruction without names, numbers and what it is about.

Two instructions of one pattern were made, or could have been, from one template.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from toolenv.tasks import Task

__all__ = ["document_words", "names_in", "sentence_pattern"]

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
_ENDS = frozenset('.?!:;"“(')
_WORD = re.compile(r"[^\W_]+")
# fmt: off
_FUNCTION_WORDS = frozenset({
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "been", "before", "both", "but", "by", "can", "check", "could", "d", "did", "do", "does",
    "each", "find", "first", "for", "from", "get", "give", "had", "has", "have", "he", "help",
    "her", "here", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just",
    "know", "let", "list", "look", "m", "make", "many", "may", "me", "more", "much", "must", "my",
    "need", "no", "not", "of", "on", "one", "only", "or", "other", "our", "out", "over", "please",
    "re", "return", "s", "say", "search", "send", "she", "should", "show", "so", "some", "such",
    "t", "tell", "than", "thank", "thanks", "that", "the", "their", "them", "then", "there",
    "these", "they", "this", "those", "to", "up", "us", "use", "ve", "very", "want", "was", "we",
    "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you",
    "your",
})
# fmt: on


def document_words(tasks: Iterable[Task]) -> set[str]:
    """The words of the documents of all that tasks offer, function words aside."""
    words: set[str] = set()
    seen: set[int] = set()
    for task in tasks:
        for api in task.apis:
            if id(api) in seen:
                continue
            seen.add(id(api))
            told = [api.category, api.tool, api.name, api.description, api.tool_description]
            told += [text for p in api.parameters for text in (p.name, p.description)]
            for parameter in api.parameters:
                options = (parameter.json_schema or {}).get("enum")
                told += map(str, options) if isinstance(options, list) else ()
            words.update(word for text in told for word in _WORD.findall(text.casefold()))
    return words - _FUNCTION_WORDS


def sentence_pattern(text: str, about: Container[str]) -> str:
    """The pattern of an instruction: names, codes, numbers and content words become gaps.

    Args:
        text: The instruction.
        about: Lower-case words that become gaps wherever they stand, as of ``document_words``.

    Example:
        >>> sentence_pattern("What is the price of the hotel Movam in 2004?", {"price", "hotel"})
        'what is the _ of the _ in _ ?'
    """
    pattern: list[str] = []
    begins = True
    for token in _TOKEN.findall(text):
        word = token.casefold()
        gap = _is_name(token, begins) or word in about
        if not (gap and pattern and pattern[-1] == "_"):
            pattern.append("_" if gap else word)
        begins = token in _ENDS
    return " ".join(pattern)


def names_in(text: str, about: Container[str]) -> set[str]:
    """Names and codes in an instruction: words with capitals inside a sentence, joined to runs.

    Args:
        text: The instruction.
        about: Lower-case words that are no names, since documents have them.

    Example:
        >>> sorted(names_in("Cancel booking KX482 of Bolir Bilar. Thanks, 3 EUR.", {"eur"}))
        ['Bolir Bilar', 'KX482']
    """
    names: set[str] = set()
    run: list[str] = []
    begins = True
    for token in [*_TOKEN.findall(text), "."]:
        if _is_name(token, begins) and not token.isdecimal() and token.casefold() not in about:
            run.append(token)
        elif run:
            names.add(" ".join(run))
            run = []
        begins = token in _ENDS
    return names


def _is_name(token: str, begins: bool) -> bool:
    """Whether a token is a name, a code or a number."""
    if any(character.isdecimal() for character in token):
        return True
    return token[0].isupper() and token != "I" and (not begins or not (token[1:] or "a").islower())
