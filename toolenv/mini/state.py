"""What the miniature world remembers in one episode, and what is out of order in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from toolenv.apis import API
from toolenv.episodes import Response, Status
from toolenv.jsontext import JsonValue

__all__ = ["FAILURES", "Booking", "Failure", "MiniState", "out_of_order"]

Failure: TypeAlias = Literal["dead", "not_subscribed", "rate_limited", "broken", "empty"]


class Booking(NamedTuple):
    """A hotel booking; the total is in euros."""

    hotel: str
    nights: int
    guest: str
    total: int


@dataclass(slots=True)
class MiniState:
    """The state of one episode.

    Args:
        failures: Tool, or ``Tool.api``, to how it fails in this episode.
        bookings: Booking identifier to booking.
        basket: Item to quantity on the shopping list.
        playlist: Titles of the songs on the playlist.
    """

    failures: Mapping[str, Failure]
    bookings: dict[str, Booking] = field(
        default_factory=lambda: {"BK7001": Booking("Marlow House Vienna", 2, "Ada Moreau", 240)}
    )
    basket: dict[str, int] = field(default_factory=lambda: {"rice": 2, "olive oil": 1})
    playlist: list[str] = field(default_factory=list)


def _served(status: Status, message: str, body: JsonValue = None) -> Response:
    return Response.of(body, error=message, status=status, source="local", origin="local")


FAILURES: dict[Failure, Response] = {
    "dead": _served(Status.NOT_FOUND, "404: this API does not exist any more."),
    "not_subscribed": _served(Status.NOT_SUBSCRIBED, "You are not subscribed to this API."),
    "rate_limited": _served(
        Status.RATE_LIMITED, "You have exceeded the rate limit of your plan for this API."
    ),
    "broken": _served(Status.API_ERROR, "500: internal server error."),
    "empty": _served(Status.OK, "", []),
}
"""What a failing API answers, whatever it is asked."""


def out_of_order(state: MiniState, api: API) -> Response | None:
    """What an API answers that fails in this episode; None for one that works."""
    failures = state.failures
    if not failures:
        return None
    failure = failures.get(api.tool) or failures.get(f"{api.tool}.{api.name}")
    return FAILURES[failure] if failure else None
