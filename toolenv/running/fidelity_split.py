"""Holding out: which recorded calls a simulator is asked for, and which are left as its examples.

Two ways, each a seeded share:

- ``api``: all calls of some APIs. No response of these is left among the examples.
- ``distance``: some calls of the other APIs. What lies nearer to a held-out call than a stated
  distance is taken out of the examples too, and at least one example of the API stays, so the
  nearest example of each held-out call is at least that far away.

APIs are told apart by function name, so that two sources that know different parts of an API's
names never leave it on both sides. The distance is that of ``toolenv.simulators.neighbour``, or
that of the same arguments read as text (numbers and truth values written out, case and outer blanks
dropped, null and empty text as nothing), whichever is less: ``3`` and ``"3"`` are no different
calls.

What says nothing of the call is neither asked for nor an example: simulated responses, refusals by
the environment, time-outs, rate limits and other failures to answer. Calls made after a change, and
calls whose arguments are no JSON object, cannot be asked for by themselves, and are no examples
either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from toolenv.actions import read_arguments
from toolenv.apis import Identity
from toolenv.episodes import Origin
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, render
from toolenv.seeds import derive
from toolenv.simulators import NOT_ANSWERS
from toolenv.simulators.neighbour import distance
from toolenv.snapshots import Recorded, Recordings

__all__ = ["REAL", "WAYS", "HeldOut", "Split", "Way", "hold_out", "loose_distance"]

Way: TypeAlias = Literal["api", "distance"]
"""How a call was held out."""

WAYS: Final[tuple[Way, ...]] = get_args(Way)

REAL: Final[frozenset[Origin]] = frozenset({"live", "local", "unknown"})
"""Origins of responses that simulations are compared with."""


class HeldOut(NamedTuple):
    """A recorded call that a simulator is asked for.

    Args:
        record: The call, with its earliest response.
        way: How it was held out.
        nearest: The distance of the nearest example of its API; None where none is left.
    """

    record: Recorded
    way: Way
    nearest: float | None


@dataclass(frozen=True)
class Split:
    """Recorded calls, held out and left as examples.

    Args:
        held_out: What a simulator is asked for, by way, function and key.
        apis: The functions that are held out whole.
        taken_out: Keys of the other held-out calls and of those near to them.
        near: How many calls are no examples because they are near to one that is held out.
        left_out: Responses that are neither, by reason.
        real: Origins that count.
    """

    held_out: tuple[HeldOut, ...]
    apis: frozenset[str]
    taken_out: frozenset[bytes]
    near: int
    left_out: Mapping[str, int]
    real: frozenset[Origin] = REAL

    def examples(self, recordings: Recordings) -> Iterator[Recorded]:
        """The records that simulators may be shown."""
        for record in recordings.records():
            if (
                record.identity.function not in self.apis
                and not _unfit(record, self.real)
                and record.key not in self.taken_out
            ):
                yield record


_Place: TypeAlias = tuple[tuple[str, str, int, str], Identity]


class _Call(NamedTuple):
    """What is compared of a call."""

    arguments: dict[str, JsonValue]
    loose: JsonValue
    canonical: str

    def distance(self, other: _Call) -> float:
        if self.canonical and self.canonical == other.canonical:
            return 0.0
        return min(distance(self.arguments, other.arguments), distance(self.loose, other.loose))


@dataclass
class _Calls:
    """The recorded calls of one function, by key."""

    calls: dict[bytes, _Call] = field(default_factory=dict)
    first: dict[bytes, _Place] = field(default_factory=dict)

    def add(self, record: Recorded) -> None:
        key, place = record.key, (record.order, record.identity)
        if key not in self.first or place < self.first[key]:
            self.first[key] = place
        if key not in self.calls or record.canonical:
            arguments, _ = read_arguments(record.arguments)
            assert arguments is not None  # else it were unfit
            self.calls[key] = _Call(arguments, _loose(arguments), record.canonical)


def hold_out(
    recordings: Recordings,
    *,
    api_share: float = 0.2,
    call_share: float = 0.2,
    min_distance: float = 0.3,
    per_api: int = 10,
    limit: int | None = None,
    seed: int = 0,
    ways: Collection[Way] = WAYS,
    real: Collection[Origin] = REAL,
) -> Split:
    """Choose what a simulator is asked for; the same for equal recordings, whatever their order.

    Args:
        recordings: What was recorded.
        api_share: The share of APIs that are held out whole, from 0 to 1; rounded up.
        call_share: The share of calls that are held out of each other API with two or more.
        min_distance: How far away the nearest example of such a call is at least, from 0 to 1.
        per_api: How many calls of one API are held out at most.
        limit: How many calls are held out of either way at most.
        seed: What the choice derives from.
        ways: The ways that are asked for.
        real: Origins of responses that count as a real server's.

    Raises:
        ConfigurationError: A share or the distance is not between 0 and 1, or nothing can be held
            out.
    """
    for name, share in (
        ("api_share", api_share),
        ("call_share", call_share),
        ("min_distance", min_distance),
    ):
        if not 0 <= share <= 1:
            raise ConfigurationError(
                f"{share} is no share.", where=name, fix="Give a number from 0 to 1."
            )
    accepted = frozenset(real)
    left_out: Counter[str] = Counter()
    functions: dict[str, _Calls] = {}
    for record in recordings.records():
        reason = _unfit(record, accepted)
        if reason:
            left_out[reason] += 1
            continue
        functions.setdefault(record.identity.function, _Calls()).add(record)
    ranked = sorted(functions, key=lambda name: (derive("fidelity api", seed, name), name))
    apis = frozenset(ranked[: ceil(api_share * len(ranked))] if "api" in ways else ())
    chosen: dict[Way, list[bytes]] = {"api": [], "distance": []}
    nearest: dict[bytes, float] = {}
    near: set[bytes] = set()
    for name in ranked:
        known = functions[name].calls
        order = _shuffled(known, seed)
        if name in apis:
            chosen["api"] += order[:per_api]
        elif "distance" in ways:
            wanted = min(ceil(call_share * len(order)), per_api)
            apart, removed = _far_apart(order, known, wanted, min_distance)
            chosen["distance"] += apart
            nearest |= apart
            near |= removed
    taken_out = frozenset(near.union(nearest))
    asked = {key: way for way, keys in chosen.items() for key in _shuffled(keys, seed)[:limit]}
    if not asked:
        reasons = "; ".join(f"{count} {why}" for why, count in sorted(left_out.items()))
        raise ConfigurationError(
            "No recorded call can be held out.",
            where=f"left out: {reasons}" if reasons else "",
            fix="Record more calls, raise the shares or lower the distance.",
        )
    found: dict[bytes, HeldOut] = {}
    for record in recordings.records():
        key, place = record.key, (record.order, record.identity)
        if key in asked and place == functions[record.identity.function].first[key]:
            found[key] = HeldOut(record, asked[key], nearest.get(key))
    return Split(
        tuple(sorted(found.values(), key=_in_order)),
        apis,
        taken_out,
        len(near),
        dict(sorted(left_out.items())),
        accepted,
    )


def _in_order(one: HeldOut) -> tuple[Way, Identity, bytes]:
    return one.way, one.record.identity, one.record.key


def _shuffled(keys: Iterable[bytes], seed: int) -> list[bytes]:
    """Keys in an order that depends on nothing but them and the seed."""
    return sorted(keys, key=lambda key: (derive("fidelity call", seed, key.hex()), key))


def _unfit(record: Recorded, real: Collection[Origin]) -> str:
    """Why a response is neither asked for nor an example; empty where it may be both."""
    if record.response.origin not in real:
        return f"of origin {record.response.origin}"
    if record.response.status in NOT_ANSWERS:
        return "no answer of the API"
    if record.changes:
        return "made after a change"
    return "" if read_arguments(record.arguments)[0] is not None else "without readable arguments"


def _far_apart(
    order: Sequence[bytes], known: Mapping[bytes, _Call], wanted: int, least: float
) -> tuple[dict[bytes, float], set[bytes]]:
    """Calls to hold out with the distance of the nearest that stays, and what is near to them."""
    left = dict.fromkeys(order)
    held_out: list[bytes] = []
    removed: set[bytes] = set()
    for key in order:
        if len(held_out) == wanted:
            break
        if key not in left:
            continue
        near = {
            other for other in left if other != key and known[key].distance(known[other]) < least
        }
        if len(near) + 1 < len(left):
            held_out.append(key)
            removed |= near
            left = {other: None for other in left if other != key and other not in near}
    distances = {key: min(known[key].distance(known[other]) for other in left) for key in held_out}
    return distances, removed


def loose_distance(one: dict[str, JsonValue], other: dict[str, JsonValue]) -> float:
    """How far apart two calls' arguments are, however their values are written: 0 to 1.

    Example:
        >>> loose_distance({"n": 3, "city": "Paris "}, {"n": "3", "city": "paris", "units": None})
        0.0
    """
    return _Call(one, _loose(one), "").distance(_Call(other, _loose(other), ""))


def _loose(value: JsonValue) -> JsonValue:
    """Values as text, names in lower case; nothing for null and for what is empty."""
    if isinstance(value, dict):
        members = {key.casefold(): _loose(inner) for key, inner in value.items()}
        return {key: inner for key, inner in members.items() if inner is not None}
    if isinstance(value, list):
        return [_loose(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = (value if isinstance(value, str) else render(value)).strip().casefold()
    return text if text and value is not None else None
