"""The neighbour rung: a call that was never recorded gets the answer to the most similar one.

That is a guess, and is off unless it is asked for. Every answer says so (``source`` is
``neighbour``), keeps its origin, and how often such guesses are right can be measured by masking
(``toolenv.simulators.masking``).

The distance of two calls is the mean, over the names that either of them gives, of the distance of
the two arguments:

- equal: 0; given by one of the two alone: 1;
- numbers: their difference relative to the larger in size, at most 1;
- texts: the edits that turn one into the other, relative to the longer; of texts longer than 64
  characters the share of words that are not in both;
- lists by position, objects by name, as calls are; any two others: 1.

Of equally near calls the one of the smaller key answers. Calls may be compared by meaning instead:
see ``toolenv.simulators.call_meaning``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolenv.apis import Identity
from toolenv.episodes import Branch, Call, Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue
from toolenv.simulators.base import PathChanges, SimulatorBase
from toolenv.simulators.call_meaning import CallDistances
from toolenv.simulators.recorded_calls import RecordedCall, RecordedCalls
from toolenv.snapshots.records import Recordings
from toolenv.snapshots.success import classify
from toolenv.tasks import Task

__all__ = ["NeighbourSimulator", "distance"]

_LONG = 64
"""Longer texts are compared by words."""


class NeighbourSimulator(SimulatorBase):
    """Answers with the recorded response to the nearest call of the same API.

    Only calls in the same state of the tool are compared: those after equal changes on the path. A
    call that may change something is never answered: its answer would speak of another change.
    Arguments that are no JSON object have no neighbours.

    What is recorded is looked through once, when first asked, into a temporary file; the calls of
    the APIs asked last are kept in memory. Of a store, calls recorded after that are not seen.

    Args:
        recordings: A snapshot or a store; closed with the simulator.
        max_distance: Farther calls are no neighbours, from 0 to 1.
        failures: Whether recorded errors may answer too.
        without: Recordings that are left out.
        distances: How far calls are apart, where not by the rules above.

    Raises:
        ConfigurationError: The distance is not between 0 and 1.
    """

    def __init__(
        self,
        recordings: Recordings,
        *,
        max_distance: float = 0.5,
        failures: bool = False,
        without: Sequence[str] = (),
        distances: CallDistances | None = None,
    ) -> None:
        if not 0 <= max_distance <= 1:
            raise ConfigurationError(
                f"The largest distance is {max_distance}.",
                where="max_distance",
                fix="Give a number from 0 (equal calls) to 1 (any call of the API).",
            )
        self.recordings = recordings
        self.max_distance = max_distance
        self.failures = failures
        self.without = frozenset(without)
        self.distances = distances
        self._calls = RecordedCalls(recordings, self._note)

    @property
    def fingerprint(self) -> str:
        """A digest of the recordings and of what counts as near."""
        parts = [self.recordings.fingerprint, self.max_distance, self.failures]
        by = [] if self.distances is None else [self.distances.fingerprint]
        return fingerprint("simulator", ["neighbour 1", *parts, sorted(self.without), *by])

    def open(self, task: Task, seed: int) -> _NeighbourSession:
        """A session; it keeps no state but the path's."""
        return _NeighbourSession(self, task, PathChanges(task))

    def close(self) -> None:
        """Close the recordings and drop the index."""
        self._calls.close()
        self.recordings.close()

    def nearest(
        self, identity: Identity, arguments: dict[str, JsonValue], changes: bytes = b""
    ) -> tuple[float, Response] | None:
        """The nearest call's distance and its earliest response that may answer; None for none.

        Args:
            identity: The API.
            arguments: The arguments.
            changes: Digest of the tool's earlier changes.
        """
        best: tuple[float, bytes] | None = None
        for known, apart in self._apart(identity, arguments):
            if known.changes == changes:
                found = (apart, known.key)
                if apart <= self.max_distance and (best is None or found < best):
                    best = found
        if best is None:
            return None
        answers = self.recordings.lookup(identity, best[1])
        response = next((one for one in answers if self._may_answer(one)), None)
        return None if response is None else (best[0], response._replace(source="neighbour"))

    def _apart(
        self, identity: Identity, arguments: dict[str, JsonValue]
    ) -> Iterator[tuple[RecordedCall, float]]:
        if self.distances is None:
            for known in self._calls.of(identity):
                yield known, distance(arguments, known.arguments)
        else:
            several = list(self._calls.of(identity))
            apart = self.distances.of(identity, arguments, several)
            yield from zip(several, apart, strict=True)

    def _note(self, response: Response) -> str | None:
        return "" if self._may_answer(response) else None

    def _may_answer(self, response: Response) -> bool:
        if response.recording in self.without:
            return False
        return self.failures or classify(response.status, response.text) != "error"


class _NeighbourSession:
    __slots__ = ("_changes", "_simulator", "_task")

    def __init__(self, simulator: NeighbourSimulator, task: Task, changes: PathChanges) -> None:
        self._simulator = simulator
        self._task = task
        self._changes = changes

    async def call(self, call: Call, past: Branch) -> Response | None:
        api = self._task.named_apis.get(call.function)
        if call.api is None or call.arguments is None or (api is not None and api.mutates):
            return None
        before = self._changes.before(past).of(call.api)
        found = self._simulator.nearest(call.api, call.arguments, before)
        return None if found is None else found[1]

    def fork(self) -> _NeighbourSession:
        return _NeighbourSession(self._simulator, self._task, self._changes.fork())


def distance(one: JsonValue, other: JsonValue) -> float:
    """How far two arguments, or two calls' arguments, are apart: 0 for equal, at most 1.

    Example:
        >>> distance({"city": "Paris", "days": 3}, {"city": "Paris", "days": 4})
        0.125
        >>> distance({"city": "Paris"}, {"city": "Pari", "units": "metric"})
        0.6
    """
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return 0.0 if one is other else 1.0
    if isinstance(one, int | float) and isinstance(other, int | float):
        return _between_numbers(one, other)
    if isinstance(one, str) and isinstance(other, str):
        return _between_texts(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})  # in one order: sums of floats depend on it
        apart = sum(
            distance(one[name], other[name]) if name in one and name in other else 1.0
            for name in names
        )
        return apart / len(names) if names else 0.0
    if isinstance(one, list) and isinstance(other, list):
        longer = max(len(one), len(other))
        apart = sum(map(distance, one, other)) + longer - min(len(one), len(other))
        return apart / longer if longer else 0.0
    return 1.0


def _between_numbers(one: float, other: float) -> float:
    if one == other:
        return 0.0
    try:
        apart = abs(one - other) / max(abs(one), abs(other))
    except (OverflowError, ZeroDivisionError):  # an integer beyond floats
        return 1.0
    return apart if apart < 1 else 1.0  # NaN included


def _between_texts(one: str, other: str) -> float:
    if one == other:
        return 0.0
    longer = max(len(one), len(other))
    if longer <= _LONG:
        return _edits(one, other) / longer
    mine, theirs = set(one.casefold().split()), set(other.casefold().split())
    together = len(mine | theirs)
    return 1 - len(mine & theirs) / together if together else 1.0


def _edits(one: str, other: str) -> int:
    """Levenshtein's distance, a whole column at once in the bits of an integer (Myers, 1999)."""
    if not one or not other:
        return len(one) + len(other)
    places: dict[str, int] = {}
    for number, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << number
    every, last = (1 << len(one)) - 1, 1 << len(one) - 1
    more, less, edits = every, 0, len(one)
    for character in other:
        equal = places.get(character, 0)
        down = equal | less
        across = (((equal & more) + more) ^ more) | equal
        up = (less | ~(across | more)) & every
        diagonal = more & across
        edits += bool(up & last) - bool(diagonal & last)
        up = (up << 1 | 1) & every
        diagonal = diagonal << 1 & every
        more = (diagonal | ~(down | up)) & every
        less = up & down
    return edits
