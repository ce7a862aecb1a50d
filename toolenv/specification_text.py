"""The grammar of simulators as text.

::

    specification = simulator ("|" wrapper)*
    simulator     = kind ":" place ["?" options]
    wrapper       = kind [":" place] ["?" options]
    options       = name "=" value ("&" name "=" value)*

Wrappers apply from left to right: each wraps all that is before it. White space around pipes does
not count. A pipe, a question mark or a percent sign inside a place is written ``%7C``, ``%3F``,
``%25``; nothing else is decoded there. Names and values of options are encoded as in the query of
a URL.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from toolenv.errors import ConfigurationError

__all__ = ["Part", "Specification", "parse_specification"]

_ESCAPES = {"%7C": "|", "%3F": "?", "%25": "%"}
_ESCAPED = re.compile("|".join(_ESCAPES), re.IGNORECASE)


class Part(NamedTuple):
    """A simulator or a wrapper as it is written.

    Args:
        kind: What it is.
        place: What follows the colon; None where there is none.
        options: Names and values, in the order written.
    """

    kind: str
    place: str | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def head(self) -> str:
        """The part without its options, one of which may be secret."""
        if self.place is None:
            return self.kind
        place = self.place.replace("%", "%25").replace("|", "%7C").replace("?", "%3F")
        return f"{self.kind}:{place}"

    def __str__(self) -> str:
        if not self.options:
            return self.head
        return f"{self.head}?{urlencode(self.options, safe='/:,', quote_via=quote)}"


class Specification(NamedTuple):
    """A simulator and what is wrapped around it, innermost first.

    Args:
        simulator: None where the text begins with a pipe: what comes before is wrapped.
        wrappers: The wrappers, in the order written.
    """

    simulator: Part | None
    wrappers: tuple[Part, ...] = ()

    def __str__(self) -> str:
        first = "" if self.simulator is None else str(self.simulator)
        return "|".join([first, *map(str, self.wrappers)])


def parse_specification(text: str) -> Specification:
    """Read a specification; whether its kinds and options exist is not looked at.

    Raises:
        ConfigurationError: An option is given twice.

    Example:
        >>> read = parse_specification("snapshot:stb.snap?order=first|retry|limit?per_second=5")
        >>> read.simulator
        Part(kind='snapshot', place='stb.snap', options=(('order', 'first'),))
        >>> [wrapper.kind for wrapper in read.wrappers]
        ['retry', 'limit']
        >>> str(read)
        'snapshot:stb.snap?order=first|retry|limit?per_second=5'
    """
    first, *others = text.split("|")
    if not others:
        return Specification(_part(text))
    simulator = _part(first.strip()) if first.strip() else None
    return Specification(simulator, tuple(_part(one.strip()) for one in others))


def _part(text: str) -> Part:
    head, _, query = text.partition("?")
    kind, colon, place = head.partition(":")
    options = tuple(parse_qsl(query, keep_blank_values=True))
    names = [name for name, _ in options]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"The option {name!r} is given twice.", where=head)
    place = _ESCAPED.sub(lambda found: _ESCAPES[found[0].upper()], place)
    return Part(kind, place if colon else None, options)
