"""Signs of unreliability in documents, and what becomes of a provider in a task's episodes.

A sign belongs to an API's document and is the same in every task. Whether the API works is drawn
for each task, from the share that goes with its sign: signs can be learnt, and cannot be trusted.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.episodes import Status
from toolenv.mini.benchmark.draws import Draw

__all__ = ["FAILURES", "SIGNS", "Failure", "Sign", "fate"]

Failure: TypeAlias = Literal[
    "dead", "not_subscribed", "rate_limited", "broken", "timeout", "empty", "lacking"
]
"""How a provider fails. ``empty`` answers with nothing, ``lacking`` without what it documents."""


class Sign(NamedTuple):
    """What a document says that bears on reliability.

    Args:
        share: The share of APIs that carry it.
        fails: The share of tasks in which such an API does not work.
        phrases: How it is worded; none where the document says nothing.
        failures: How it fails, with weights.
    """

    share: float
    fails: float
    phrases: tuple[str, ...]
    failures: tuple[tuple[Failure, float], ...]


_ANY: Final[tuple[tuple[Failure, float], ...]] = (
    ("dead", 2),
    ("broken", 2),
    ("timeout", 1),
    ("rate_limited", 1),
    ("not_subscribed", 1),
    ("empty", 1),
    ("lacking", 2),
)

SIGNS: Final[dict[str, Sign]] = {
    "trusted": Sign(
        0.12,
        0.30,
        ("Official source.", "Verified daily.", "99.9% uptime.", "Stable."),
        _ANY,
    ),
    "plain": Sign(0.43, 0.62, (), _ANY),
    "beta": Sign(
        0.11,
        0.72,
        ("Beta.", "Experimental.", "Early preview."),
        (("broken", 3), ("lacking", 2), ("timeout", 1)),
    ),
    "mirror": Sign(
        0.11,
        0.76,
        ("Community mirror.", "Unofficial copy.", "Volunteer run."),
        (("empty", 3), ("timeout", 2), ("dead", 1)),
    ),
    "free": Sign(
        0.1,
        0.80,
        ("Free tier, 5 calls a day.", "Limited to 3 calls per hour.", "Free plan with low quota."),
        (("rate_limited", 1),),
    ),
    "paid": Sign(
        0.07,
        0.86,
        ("Requires Pro plan.", "Premium subscribers only.", "Paid plan needed."),
        (("not_subscribed", 1),),
    ),
    "deprecated": Sign(
        0.06,
        0.93,
        ("Deprecated.", "Legacy, no longer maintained.", "To be retired soon."),
        (("dead", 3), ("broken", 1)),
    ),
}
"""From the one that fails least to the one that fails most."""

FAILURES: Final[dict[Failure, tuple[Status, tuple[str, ...]]]] = {
    "dead": (
        Status.NOT_FOUND,
        ("404: this API does not exist any more.", "410: gone.", "This API was shut down."),
    ),
    "not_subscribed": (
        Status.NOT_SUBSCRIBED,
        ("You are not subscribed to this API.", "Subscribe to a paid plan to call this API."),
    ),
    "rate_limited": (
        Status.RATE_LIMITED,
        ("429: too many requests.", "Daily quota exceeded.", "Rate limit of your plan reached."),
    ),
    "broken": (
        Status.API_ERROR,
        ("500: internal server error.", "502: bad gateway.", "Unexpected server error."),
    ),
    "timeout": (Status.TIMEOUT, ("504: gateway timeout.", "The server did not answer in time.")),
    "empty": (Status.OK, ("",)),
    "lacking": (Status.OK, ("",)),
}
"""Status of each failure and the errors that say so; ``empty`` and ``lacking`` state none."""


def fate(task: str, function: str, sign: str) -> Failure | None:
    """How an API fails in a task's episodes; None where it works.

    It depends on the task and the API alone: not on the seed, the branch or the number of calls,
    so that a second try is not luckier.

    Args:
        task: The task's id.
        function: The API's function name.
        sign: The name of its document's sign.
    """
    draw = Draw("fate", task, function)
    known = SIGNS[sign]
    return draw.weighted(known.failures) if draw.chance(known.fails) else None
