"""Short labels for specifications, so that a table has room for what was measured."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

__all__ = ["labels"]

_SHORT = 16


def labels(specifications: Iterable[str]) -> dict[str, str]:
    """A label for each of some specifications, no two the same.

    It is the end of the place, as long as tells it from the others, and the options that others of
    the same place have not. What has at most 16 characters stays as it is.

    Args:
        specifications: Of agents or policies, in any order.

    Example:
        >>> found = labels(["random", "local:my.policies:Careful?retries=3&seed=1",
        ...     "local:my.policies:Careful?retries=5&seed=1", "transformers:trainings/first/sft"])
        >>> list(found.values())
        ['random', 'Careful retries=3', 'Careful retries=5', 'sft']
    """
    names = list(dict.fromkeys(specifications))
    ends = _ends([name.partition("?")[0] for name in names])
    options = {name: parse_qsl(name.partition("?")[2], keep_blank_values=True) for name in names}
    of_head: dict[str, list[set[tuple[str, str]]]] = {}
    for name in names:
        of_head.setdefault(name.partition("?")[0], []).append(set(options[name]))
    found: dict[str, str] = {}
    for name in names:
        head = name.partition("?")[0]
        shared = set.intersection(*of_head[head])
        own = [f"{key}={value}" for key, value in options[name] if (key, value) not in shared]
        found[name] = name if len(name) <= _SHORT else " ".join([ends[head], *own])
    taken = Counter(found.values())
    return {name: label if taken[label] == 1 else name for name, label in found.items()}


def _ends(heads: Sequence[str]) -> dict[str, str]:
    """The shortest ends of different heads that tell them apart, in whole parts."""
    parts = {head: re.split(r"(?<=[:/])", head.rstrip(":/")) for head in heads}
    lengths = dict.fromkeys(parts, 1)
    while True:
        ends = {head: "".join(own[-lengths[head] :]) for head, own in parts.items()}
        taken = Counter(ends.values())
        growing = [
            head
            for head, own in parts.items()
            if taken[ends[head]] > 1 and lengths[head] < len(own)
        ]
        if not growing:
            return ends
        for head in growing:
            lengths[head] += 1
