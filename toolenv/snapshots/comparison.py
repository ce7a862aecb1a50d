"""Several snapshots: one that holds all of their records, and how two differ.

Merging keeps every answer to a call, earliest first (of unknown times before all others), ties by
recording, ordinal and content; equal records are kept once. Origins and recordings stay with their
records, and the digest does not depend on the order of the inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from toolenv.apis import Identity
from toolenv.episodes import Response
from toolenv.errors import SnapshotError
from toolenv.snapshots.freezing import freeze
from toolenv.snapshots.layout import entry_id
from toolenv.snapshots.manifest import Manifest
from toolenv.snapshots.records import Recorded
from toolenv.snapshots.snapshot import Snapshot
from toolenv.snapshots.store import Store

__all__ = ["CallDifference", "Comparison", "diff", "merge"]

Presence: TypeAlias = Literal["only_a", "only_b", "answered_differently"]
"""How a call differs between two snapshots."""


def merge(
    inputs: Sequence[str | Path], out: str | Path, *, notes: str = "", licence: str = ""
) -> Manifest:
    """Write one snapshot with the records of several snapshots and stores.

    Args:
        inputs: Snapshot files and folders of stores, in any order.
        out: The file to write; it may be one of the inputs.
        notes: What should be known of it.
        licence: Its licence; by default those of the inputs.

    Raises:
        SnapshotError: An input cannot be read, or the file cannot be written.
        StoreError: A store cannot be read.
    """
    if not inputs:
        raise SnapshotError("There is nothing to merge.", fix="Name snapshots or stores.")
    with ExitStack() as stack:
        opened: list[Store | Snapshot] = []
        for path in inputs:
            one: Store | Snapshot = Store(path) if Path(path).is_dir() else Snapshot(path)
            stack.callback(one.close)
            opened.append(one)
        manifests = [one.manifest for one in opened if isinstance(one, Snapshot)]
        documents = {manifest.documents for manifest in manifests}
        alike = len(documents) == 1 and len(manifests) == len(opened)
        return freeze(
            chain.from_iterable(one.records() for one in opened),
            out,
            notes=notes,
            licence=licence or "; ".join(sorted({m.licence for m in manifests if m.licence})),
            documents=documents.pop() if alike else "",
        )


class CallDifference(NamedTuple):
    """A call that only one of two snapshots answers, or that they answer differently.

    Args:
        kind: How it differs.
        identity: The API.
        arguments: The arguments' text, as one of the callers wrote it.
        answer: Which answer is the first that differs, from 0.
        a: That answer's text in A; None where it has no such answer.
        b: The same in B.
        at: The character at which the texts begin to differ; 0 where one is missing.
    """

    kind: Presence
    identity: Identity
    arguments: str
    answer: int = 0
    a: str | None = None
    b: str | None = None
    at: int = 0


@dataclass
class Comparison:
    """Counts of a comparison, complete once its differences were read.

    Args:
        equal: Calls that both answer alike.
        counts: Calls that differ, by kind.
        apis: APIs with calls that differ: function names and how many calls.
        only_a: APIs that only A has.
        only_b: APIs that only B has.
    """

    equal: int = 0
    counts: dict[Presence, int] = field(
        default_factory=lambda: {"only_a": 0, "only_b": 0, "answered_differently": 0}
    )
    apis: dict[str, int] = field(default_factory=dict)
    only_a: list[Identity] = field(default_factory=list)
    only_b: list[Identity] = field(default_factory=list)

    @property
    def different(self) -> bool:
        """Whether anything differs."""
        return any(self.counts.values())


def diff(a: Snapshot, b: Snapshot, comparison: Comparison) -> Iterator[CallDifference]:
    """Compare two snapshots call by call, in memory that does not grow with them.

    Two answers are equal if their texts and statuses are. Recordings, origins and times may differ.

    Args:
        a: One snapshot.
        b: The other.
        comparison: Where all is counted.

    Raises:
        SnapshotError: One of them is damaged.
    """
    comparison.only_a += _without(a.identities(), b.identities())
    comparison.only_b += _without(b.identities(), a.identities())
    for mine, theirs in _aligned(_calls(a), _calls(b)):
        for one in _compare(mine, theirs):
            if one is None:
                comparison.equal += 1
                continue
            comparison.counts[one.kind] += 1
            function = one.identity.function
            comparison.apis[function] = comparison.apis.get(function, 0) + 1
            yield one


def _without(some: Sequence[Identity], others: Sequence[Identity]) -> list[Identity]:
    by_function: dict[str, list[Identity]] = {}
    for other in others:
        by_function.setdefault(other.function, []).append(other)
    return sorted(one for one in some if not any(map(one.joins, by_function.get(one.function, ()))))


class _Call(NamedTuple):
    """All records of one key, by API."""

    place: tuple[int, bytes]
    records: dict[Identity, list[Recorded]]


_NOTHING = _Call((0, b""), {})


def _calls(snapshot: Snapshot) -> Iterator[_Call]:
    for key, group in groupby(snapshot.records(), key=lambda record: record.key):
        records: dict[Identity, list[Recorded]] = {}
        for record in group:
            records.setdefault(record.identity, []).append(record)
        yield _Call((entry_id(key), key), records)


def _aligned(mine: Iterator[_Call], theirs: Iterator[_Call]) -> Iterator[tuple[_Call, _Call]]:
    """The calls of both, each with its twin, or with nothing."""
    one, other = next(mine, None), next(theirs, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.place < other.place):
            assert one is not None
            yield one, _NOTHING
            one = next(mine, None)
        elif one is None or other.place < one.place:
            yield _NOTHING, other
            other = next(theirs, None)
        else:
            yield one, other
            one, other = next(mine, None), next(theirs, None)


def _compare(mine: _Call, theirs: _Call) -> Iterator[CallDifference | None]:
    """How each API's call differs; None where it does not."""
    left = dict(theirs.records)
    for identity, records in mine.records.items():
        twin = identity if identity in left else next(filter(identity.joins, left), None)
        if twin is None:
            text = records[0].response.text
            yield CallDifference("only_a", identity, records[0].arguments, a=text)
        else:
            yield _first_difference(identity, records, left.pop(twin))
    for identity, records in left.items():
        text = records[0].response.text
        yield CallDifference("only_b", identity, records[0].arguments, b=text)


def _first_difference(
    identity: Identity, mine: list[Recorded], theirs: list[Recorded]
) -> CallDifference | None:
    ours, others = [r.response for r in mine], [r.response for r in theirs]
    for number in range(max(len(ours), len(others))):
        one = ours[number] if number < len(ours) else None
        other = others[number] if number < len(others) else None
        if _said(one) != _said(other):
            texts = (one.text if one else None, other.text if other else None)
            where = _parting(texts[0] or "", texts[1] or "") if one and other else 0
            arguments = mine[0].arguments
            return CallDifference(
                "answered_differently", identity, arguments, number, *texts, at=where
            )
    return None


def _said(response: Response | None) -> tuple[str, int] | None:
    return None if response is None else (response.text, int(response.status))


def _parting(one: str, other: str) -> int:
    """Where two texts begin to differ."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return min(len(one), len(other))
