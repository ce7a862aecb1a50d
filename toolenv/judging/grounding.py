r"""Grounding: whether what an answer claims can be traced to what was observed.

Claims are found without a model: numbers, dates, and names in quotation marks. A claim that the
instruction already makes is none of the answer's. A claim is *supported* where an observation holds
it: a date on the same day however it is written, a number that is equal, or that an observed number
rounds to, or the length of an observed list, a name apart from case and spacing.

Limits. It reads no prose: "it rained" claims nothing, and a number that stands in an observation
for something else supports. What the answer works out (sums, differences, conversions) is in no
observation and counts as unsupported. Dates of unclear order (03/04/2024) are read as numbers. So
a supported answer is not shown to be right; one with unsupported claims deserves a look.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.episodes import Branch, Episode
from toolenv.formats.gold import Gold
from toolenv.jsontext import JsonValue
from toolenv.judging.call_metrics import api_calls, is_cut, relevant_functions, success_of
from toolenv.judging.metrics import Absent, Measured, Metric, judged_branch
from toolenv.snapshots.success import structure_of

__all__ = ["GROUNDED_PASS", "GROUNDING_METRICS", "Claim", "Grounding", "claims_of", "ground"]

ClaimKind: TypeAlias = Literal["number", "date", "name"]

_MONTHS: Final = {
    name: number
    for number, full in enumerate(
        (
            *("january", "february", "march", "april", "may", "june"),
            *("july", "august", "september", "october", "november", "december"),
        ),
        1,
    )
    for name in {full, full[:3], *(("sept",) if number == 9 else ())}
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES: Final = re.compile(
    rf"\b(?:(?P<y>[12]\d{{3}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})(?=\D|$)"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s{{1,3}}(?:of\s)?(?P<m2>{_MONTH})\.?,?\s{{1,3}}(?P<y2>[12]\d{{3}})\b"
    rf"|(?P<m3>{_MONTH})\.?\s{{1,3}}(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,3}}(?P<y3>[12]\d{{3}})\b)",
    re.IGNORECASE,
)
_NUMERIC_DATES: Final = re.compile(
    r"\b(?P<y>[12]\d{3})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?=\D|$)"
)
"""Those of them that can be in a text without a month's name, found many times as fast."""
_NUMBER: Final = re.compile(
    r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})++|\d++)(?:\.\d++)?(?:[eE][-+]?\d{1,3}+)?(?!\w*\d)"
)
_LIST_MARK: Final = re.compile(r"(?m)^\s*(?:#{1,6}\s*)?\d{1,3}[.)](?=\s)")
_QUOTED: Final = re.compile(
    r"\"([^\"\n]{2,200})\"|“([^”\n]{2,200})”|«([^»\n]{2,200})»|`([^`\n]{2,200})`"
)
_LONGEST: Final = 100_000
"""Characters of a text that are read."""


class Claim(NamedTuple):
    """Something that an answer states.

    Args:
        kind: What it is.
        text: As the answer has it.
        value: In normal form: a date as ``2024-03-12``, a number as Python writes it, a name in
            lower case.
    """

    kind: ClaimKind
    text: str
    value: str


class Grounding(NamedTuple):
    """The claims of an answer.

    Args:
        supported: Those that an observation holds.
        unsupported: Those that none holds.
        cut: Whether an observation was cut, so that it may have held them.
    """

    supported: tuple[Claim, ...]
    unsupported: tuple[Claim, ...]
    cut: bool


def claims_of(text: str) -> list[Claim]:
    """The numbers, dates and quoted names of a text, each value once, in order.

    Example:
        >>> [claim.value for claim in claims_of('1. "Up" made $735.1 million, since May 29, 2009')]
        ['2009-05-29', 'up', '735.1']
    """
    text = text[:_LONGEST]
    found: list[Claim] = []
    for match in _DATES.finditer(text):
        day = _date(match)
        if day:
            found.append(Claim("date", match[0], day))
    rest = _DATES.sub(lambda match: " " if _date(match) else match[0], text)
    for match in _QUOTED.finditer(rest):
        if name := _name(match):
            found.append(Claim("name", match[0], _folded(name)))
    rest = _QUOTED.sub(lambda match: " " if _name(match) else match[0], rest)
    rest = _LIST_MARK.sub(" ", rest)
    found += [Claim("number", one, repr(_number(one))) for one in _numbers(rest)]
    return list({(claim.kind, claim.value): claim for claim in reversed(found)}.values())[::-1]


def ground(branch: Branch) -> Grounding | None:
    """Look for each claim of a branch's answer in the branch's responses.

    Returns:
        The claims; None where the branch gave no answer.
    """
    answer = branch.answer
    if answer is None:
        return None
    calls = api_calls(branch.calls())
    known = {claim[::2] for claim in claims_of(branch.task.instruction)}
    instruction = _folded(branch.task.instruction)
    seen = _Seen(response.text for _, response in calls)
    supported: list[Claim] = []
    unsupported: list[Claim] = []
    for claim in claims_of(answer):
        if claim[::2] in known or (claim.kind == "name" and claim.value in instruction):
            continue
        (supported if seen.holds(claim) else unsupported).append(claim)
    cut = any(is_cut(response) for _, response in calls)
    return Grounding(tuple(supported), tuple(unsupported), cut)


class _Seen:
    """What responses hold, in the forms that claims are compared in, each made once it is needed.

    Args:
        texts: The responses' texts.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [text[:_LONGEST] for text in texts]

    @cached_property
    def _folded(self) -> list[str]:
        return [_folded(text) for text in self._texts]

    @cached_property
    def _dates(self) -> set[str]:
        return {day for text in self._texts for day in _days(text)}

    @cached_property
    def _numbers(self) -> set[float]:
        return {_number(one) for text in self._texts for one in _numbers(text)}

    @cached_property
    def _ordered(self) -> list[float]:
        """The numbers, and the lengths of lists, in order."""
        lengths = (_lengths(structure_of(text)) for text in self._texts)
        return sorted(self._numbers.union(*lengths))

    def _between(self, low: float, high: float) -> list[float]:
        return self._ordered[bisect_left(self._ordered, low) : bisect_right(self._ordered, high)]

    def holds(self, claim: Claim) -> bool:
        if claim.kind == "date":
            return claim.value in self._dates
        if claim.kind == "name":
            return any(claim.value in text for text in self._folded)
        stated = float(claim.value)
        if stated in self._numbers:
            return True
        places = len(claim.text.partition(".")[2]) if "e" not in claim.text.lower() else 0
        near = 10.0**-places  # twice as far as a number can be that rounds to it
        if any(round(n, places) == stated for n in self._between(stated - near, stated + near)):
            return True
        # a share may be told in percent
        shares = self._between((stated - near) / 100, (stated + near) / 100)
        return any(round(100 * share, places) == stated for share in shares)


def _days(text: str) -> set[str]:
    """The dates that a text holds."""
    lowered = text.lower()
    named = any(month in lowered for month in _MONTHS if len(month) == 3)
    pattern = _DATES if named else _NUMERIC_DATES
    return {day for match in pattern.finditer(text) if (day := _date(match))}


def _date(match: re.Match[str]) -> str:
    parts = match.groupdict()
    try:
        if parts["y"]:
            return date(int(parts["y"]), int(parts["m"]), int(parts["d"])).isoformat()
        which = "2" if parts["y2"] else "3"
        month = _MONTHS[parts[f"m{which}"].lower()]
        return date(int(parts[f"y{which}"]), month, int(parts[f"d{which}"])).isoformat()
    except ValueError:
        return ""


def _numbers(text: str) -> list[str]:
    """The numbers of a text, as written."""
    found: list[str] = _NUMBER.findall(text)
    return found


def _name(match: re.Match[str]) -> str:
    """What stands in quotation marks; empty where it is a number."""
    name = next(group for group in match.groups() if group is not None).strip()
    return "" if _NUMBER.fullmatch(name) else name


def _number(written: str) -> float:
    return float(written.replace(",", "").replace("−", "-"))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _lengths(value: JsonValue) -> set[float]:
    found: set[float] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            found.add(float(len(one)))
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, str) and one.lstrip()[:1] in ("{", "["):
            read = structure_of(one)
            if isinstance(read, dict | list):
                waiting.append(read)
    return found


def _grounded(episode: Episode, gold: Gold | None) -> Measured | Absent:
    found = ground(judged_branch(episode))
    if found is None:
        return Absent("no answer")
    if not found.supported and not found.unsupported:
        return Absent("the answer claims nothing")
    if found.unsupported and found.cut:
        return Absent("responses are cut")
    return Measured(float(not found.unsupported))


def _supported_claims(episode: Episode, gold: Gold | None) -> Measured | Absent:
    told = _grounded(episode, gold)
    found = ground(judged_branch(episode))
    if isinstance(told, Absent) or found is None:
        return told
    return Measured(len(found.supported), len(found.supported) + len(found.unsupported))


def _grounded_pass(episode: Episode, gold: Gold | None) -> Measured | Absent:
    if episode.outcome not in ("passed", "failed"):
        return Absent("nothing has decided")
    if episode.outcome == "failed":
        return Measured(0.0)
    branch = judged_branch(episode)
    calls = api_calls(branch.calls())
    relevant = relevant_functions(episode)
    names = set().union(*relevant.values()) if relevant else None
    told = [
        success_of(call, response)
        for call, response in calls
        if call.api is not None and (names is None or call.function in names)
    ]
    found = ground(branch)
    cut = any(is_cut(response) for _, response in calls)
    if "success" not in told:
        return Absent("responses are cut") if cut else Measured(0.0)
    if found is not None and found.unsupported:
        return Absent("responses are cut") if found.cut else Measured(0.0)
    return Measured(1.0)


GROUNDED_PASS: Final = Metric("grounded_pass", "grounded pass", _grounded_pass)
"""Passed, after a successful call to a relevant API, without an unsupported claim."""

GROUNDING_METRICS: Final = (
    GROUNDED_PASS,
    Metric("grounded_share", "grounded answers", _grounded),
    Metric("supported_claims", "supported claims", _supported_claims),
)
"""Pass and grounded, answers without an unsupported claim, and claims that are supported."""
