"""Examples for a simulated server: recorded responses of the API, the nearest calls first.

They come from frozen recordings alone: were they taken from what a run itself recorded, results
would depend on the order of its calls. How they are chosen:

1. Answers of the API: what says nothing of it (time-outs, rate limits, misses) is left out.
2. Of the answers to one call, one of the best origin; earliest first.
3. Calls in order of origin (live or local, then unknown, then simulated), then of the distance of
   their arguments to the call's (``toolenv.simulators.neighbour``, or by meaning:
   ``toolenv.simulators.call_meaning``), then of their key.
4. The first so many. If they are all successes, or all errors, and there are others, the best of
   the others takes the last place.
"""

from __future__ import annotations

from typing import NamedTuple

from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.simulators.call_meaning import CallDistances
from toolenv.simulators.composition import NOT_ANSWERS
from toolenv.simulators.neighbour import distance
from toolenv.simulators.recorded_calls import RecordedCall, RecordedCalls
from toolenv.snapshots.manifest import Manifest
from toolenv.snapshots.records import Recordings
from toolenv.snapshots.store import Store
from toolenv.snapshots.success import classify

__all__ = ["Example", "Examples", "recorded_until"]

_RANKS = {"live": "0", "local": "0", "unknown": "1", "simulated": "2"}
_KINDS = {"success": "s", "error": "e", "unknown": "u"}


class Example(NamedTuple):
    """A recorded call and an answer to it."""

    arguments: dict[str, JsonValue]
    response: Response


class Examples:
    """Chooses examples from frozen recordings.

    Args:
        recordings: A snapshot, or a view of one; left open.
        distances: How far calls are apart, where not by their arguments' edits.

    Raises:
        ConfigurationError: The recordings can still grow.
    """

    def __init__(self, recordings: Recordings, distances: CallDistances | None = None) -> None:
        if any(isinstance(one, Store) for one in _within(recordings)):
            raise ConfigurationError(
                "Examples cannot come from a store, which grows while it is used: answers would "
                "depend on the order of the calls.",
                where="examples",
                fix="Freeze it first: toolenv snapshot freeze STORE --out FILE.",
            )
        self.recordings = recordings
        self.distances = distances
        self._calls = RecordedCalls(recordings, _note)

    def nearest(
        self, identity: Identity, arguments: dict[str, JsonValue], count: int
    ) -> list[Example]:
        """The examples for a call, best first.

        Args:
            identity: The API.
            arguments: The call's arguments.
            count: How many, at most.
        """
        if count <= 0:
            return []
        several = list(self._calls.of(identity))
        apart = (
            [distance(arguments, known.arguments) for known in several]
            if self.distances is None
            else self.distances.of(identity, arguments, several)
        )
        order = sorted(
            range(len(several)), key=lambda at: (several[at].note[0], apart[at], several[at].key)
        )
        ranked = [several[at] for at in order]
        chosen = ranked[:count]
        for missing in "es":
            if count > 1 and all(known.note[1] != missing for known in chosen):
                other = next((known for known in ranked if known.note[1] == missing), None)
                if other is not None:
                    chosen = [*chosen[: count - 1], other]
        return [Example(known.arguments, self._answer(identity, known)) for known in chosen]

    def _answer(self, identity: Identity, known: RecordedCall) -> Response:
        answers = self.recordings.lookup(identity, known.key)
        return next(answer for answer in answers if _note(answer) == known.note)

    def close(self) -> None:
        """Drop what was read."""
        self._calls.close()


def recorded_until(recordings: Recordings) -> str:
    """When the latest response was recorded; empty where nobody knows."""
    for one in _within(recordings):
        manifest = getattr(one, "manifest", None)
        if isinstance(manifest, Manifest):
            return manifest.recorded_to
    return ""


def _within(recordings: Recordings) -> list[object]:
    """Recordings, and those that they are a view of."""
    found: list[object] = []
    inner: object = recordings
    while inner is not None and inner not in found:
        found.append(inner)
        inner = getattr(inner, "recordings", None)
    return found


def _note(response: Response) -> str | None:
    """Rank of the origin, and success or error; None for what is no answer of the API."""
    rank = _RANKS.get(response.origin)
    if rank is None or response.status in NOT_ANSWERS:
        return None
    return rank + _KINDS[classify(response.status, response.text)]
