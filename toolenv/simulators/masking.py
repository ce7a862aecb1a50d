"""Masking: what a rung of the ladder answers where the truth is known.

Episodes that happened to miss are not like those that did not, so comparing them says nothing of
what a rung is worth. Instead, a seeded share of the recorded calls is hidden, a rung is asked for
them, and its answers are compared with what was hidden.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import NamedTuple, TypeAlias

from toolenv import bridge
from toolenv.actions import read_arguments
from toolenv.apis import API, Identity
from toolenv.episodes import ROOT, Branch, Call, Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.jsontext import JsonValue, parse
from toolenv.seeds import derive
from toolenv.simulators.base import Simulator
from toolenv.simulators.field_paths import field_paths
from toolenv.simulators.recorded import Order, RecordedSimulator
from toolenv.snapshots.records import Recorded, Recordings
from toolenv.snapshots.success import classify
from toolenv.tasks import Task

__all__ = ["Agreement", "Masked", "MaskedSimulator", "agreement", "measure_rung"]


class Masked:
    """Recordings without a seeded share of their calls: what any rung can be made of.

    Whether a call is hidden depends on its key, the seed and the share alone; a larger share hides
    what a smaller one hides.

    Args:
        recordings: A snapshot or a store; closed with this.
        share: The share of calls that is hidden, from 0 to 1.
        seed: What the choice derives from.

    Raises:
        ConfigurationError: The share is not between 0 and 1.
    """

    def __init__(self, recordings: Recordings, share: float, seed: int = 0) -> None:
        if not 0 <= share <= 1:
            raise ConfigurationError(
                f"The share of hidden calls is {share}.",
                where="mask",
                fix="Give a number from 0 (none) to 1 (all).",
            )
        self.recordings = recordings
        self.share = share
        self.seed = seed
        self._limit = int(share * (1 << 63))

    @property
    def fingerprint(self) -> str:
        """A digest of the recordings and of what is hidden."""
        return fingerprint("masked", [self.recordings.fingerprint, self.share, self.seed])

    def hides(self, key: bytes) -> bool:
        """Whether a call is hidden."""
        return derive("mask", self.seed, key.hex()) < self._limit

    def lookup(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers recorded for a call that is not hidden."""
        return () if self.hides(key) else self.recordings.lookup(identity, key)

    def lookup_canonical(self, identity: Identity, key: bytes) -> Sequence[Response]:
        """All answers to the calls with a canonical key that are not hidden."""
        found = self.recordings.lookup_canonical(identity, key)
        hidden = Counter(self._hidden_answers.get(key.hex(), {}))
        shown: list[Response] = []
        for response in found:
            answer = _answer(response)
            if hidden[answer] > 0:
                hidden[answer] -= 1
            else:
                shown.append(response)
        return shown

    @cached_property
    def _hidden_answers(self) -> dict[str, Counter[_Answer]]:
        """What is hidden under each canonical key; looked through once, when first asked."""
        hidden: dict[str, Counter[_Answer]] = {}
        for record in self.recordings.records():
            if record.canonical and self.hides(record.key):
                hidden.setdefault(record.canonical, Counter())[_answer(record.response)] += 1
        return hidden

    def records(self) -> Iterator[Recorded]:
        """Every record that is not hidden."""
        return (record for record in self.recordings.records() if not self.hides(record.key))

    def close(self) -> None:
        """Close the recordings."""
        self.recordings.close()


_Answer: TypeAlias = tuple[str, int, bytes]


def _answer(response: Response) -> _Answer:
    """What tells a recorded response from the others of its call."""
    text = response.text.encode("utf-8", "surrogatepass")
    return response.recording, response.ordinal, hashlib.blake2b(text, digest_size=8).digest()


class MaskedSimulator(RecordedSimulator):
    """Serves recordings, a seeded share of whose calls is hidden; see ``Masked``."""

    def __init__(
        self,
        recordings: Recordings,
        share: float,
        seed: int = 0,
        *,
        order: Order = "path",
        recording: str = "",
        without: Sequence[str] = (),
    ) -> None:
        masked = Masked(recordings, share, seed)
        super().__init__(masked, order=order, recording=recording, without=without)


class Agreement(NamedTuple):
    """How the answers of a rung agree with hidden true ones.

    Args:
        hidden: Calls that were hidden and asked for.
        answered: Those that the rung answered.
        equal: Answers that are the true text, byte for byte.
        same_success: Answers that are an error where the truth is one, and none where it is none.
        objects: Pairs of which both are JSON objects.
        key_overlap: Over those pairs, the mean share of keys, nested ones included, that both
            have; 0 where there are none.
        left_out: Hidden calls that are not asked for, because they were made after a change and
            cannot be asked for by themselves.
    """

    hidden: int
    answered: int
    equal: int
    same_success: int
    objects: int
    key_overlap: float
    left_out: int = 0


def measure_rung(
    recordings: Recordings,
    make: Callable[[Recordings], Simulator],
    *,
    share: float = 0.2,
    seed: int = 0,
    limit: int | None = None,
    apis: Sequence[API] = (),
) -> Agreement:
    """Hide a share of recorded calls, ask a rung for them, and compare.

    Args:
        recordings: What is recorded; left open.
        make: Makes the rung from recordings.
        share: The share of calls that is hidden.
        seed: What the choice derives from.
        limit: Ask for so many calls at most, the first in the order of the recordings.
        apis: The APIs' documents, for rungs that read them.
    """
    masked = _LeftOpen(recordings, share, seed)
    documents: dict[str, list[API]] = {}
    for api in apis:
        documents.setdefault(api.identity.function, []).append(api)
    pairs: list[tuple[Response, Response | None]] = []
    left_out = 0
    rung = make(masked)
    with closing(rung):
        for record in _hidden(recordings, masked):
            if record.changes:
                left_out += 1
                continue
            if limit is not None and len(pairs) >= limit:
                break
            known = [
                api
                for api in documents.get(record.identity.function, ())
                if api.identity.joins(record.identity)
            ]
            pairs.append((record.response, _ask(rung, record, known[:1])))
    return agreement(pairs, left_out)


def agreement(pairs: Sequence[tuple[Response, Response | None]], left_out: int = 0) -> Agreement:
    """Compare true responses with a rung's answers; None where it had none."""
    answered = [(true, given) for true, given in pairs if given is not None]
    overlaps = [
        overlap
        for true, given in answered
        if (overlap := _key_overlap(true.text, given.text)) is not None
    ]
    return Agreement(
        len(pairs),
        len(answered),
        sum(true.text == given.text for true, given in answered),
        sum(_is_error(true) == _is_error(given) for true, given in answered),
        len(overlaps),
        sum(overlaps) / len(overlaps) if overlaps else 0.0,
        left_out,
    )


def _hidden(recordings: Recordings, masked: Masked) -> Iterator[Recorded]:
    """The hidden calls, each once: with its earliest response."""
    seen: set[bytes] = set()
    for record in recordings.records():
        key = record.key
        if key not in seen and masked.hides(key):
            seen.add(key)
            first = recordings.lookup(record.identity, key)
            yield record._replace(response=first[0]) if first else record


def _ask(rung: Simulator, record: Recorded, apis: Sequence[API]) -> Response | None:
    task = Task(id="masked", instruction="", apis=tuple(apis))
    arguments, invalid = read_arguments(record.arguments)
    call = Call(record.identity.function, arguments, record.identity, record.arguments, invalid)
    return bridge.run(rung.open(task, 0).call(call, Branch(task, (), ROOT)))


def _is_error(response: Response) -> bool:
    return classify(response.status, response.text) == "error"


def _key_overlap(one: str, other: str) -> float | None:
    """Keys that both have among those that either has; None where one is no JSON object."""
    try:
        mine, theirs = parse(one), parse(other)
    except ValueError:
        return None
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return None
    ours, others = set(field_paths(mine)), set(field_paths(theirs))
    return len(ours & others) / len(ours | others) if ours or others else 1.0


class _LeftOpen(Masked):
    """Recordings that stay open when the rung over them is closed."""

    def close(self) -> None:
        pass
