"""Probing: calling recorded calls again, and sorting APIs by how their answers change.

The rule is in ``classify_call`` and ``classify_api``; docs/drift.md says why. Probing never makes a
call that may change something, nor one of an API that nothing documents.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice, pairwise
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.apis import API, Identity
from toolenv.episodes import ROOT, Branch, FunctionCall, Response, Status
from toolenv.errors import SimulatorError
from toolenv.simulators import Simulator
from toolenv.snapshots import Recorded, Snapshot
from toolenv.snapshots.success import classify
from toolenv.tasks import Task

__all__ = [
    "DAY",
    "INSTANT",
    "KINDS",
    "Kind",
    "Observation",
    "Probed",
    "classify_api",
    "classify_call",
    "probe",
]

Kind: TypeAlias = Literal["static", "slow", "time-dependent", "stateful", "dead"]
"""How an API's answers change."""

KINDS: tuple[Kind, ...] = get_args(Kind)

INSTANT: Final = timedelta(seconds=2)
"""Observations no farther apart are made at once: time explains no difference between them."""

DAY: Final = timedelta(days=1)
"""What differs only over more than that changes slowly."""

_SAYS_NOTHING = frozenset(
    {Status.TOO_MANY_REQUESTS, Status.RATE_LIMITED, Status.MISS, Status.SIMULATOR_FAILED}
)
_GONE = frozenset({Status.TIMEOUT, Status.SEND_ERROR, Status.NOT_SUBSCRIBED, Status.UNAUTHORISED})

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?<![\d.])(?P<epoch>\d{10})(?P<milli>\d{3})?(?:\.\d+)?(?![\d.])"
    r"|(?<![\d:])\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?![\d:])"
)


class Observation(NamedTuple):
    """What a call was answered once.

    Args:
        time: When; None where unknown, which is long ago.
        text: The response's text.
        status: Its status.
    """

    time: datetime | None
    text: str
    status: Status = Status.OK

    @property
    def failed(self) -> bool:
        """Whether it is an error, by status and structure."""
        return classify(self.status, self.text) == "error"

    @property
    def timeless(self) -> str:
        """The text without dates and times that lie near the observation, and without clocks."""
        return _MOMENT.sub(self._hide, self.text)

    def _hide(self, found: re.Match[str]) -> str:
        told: datetime | None = self.time
        try:
            if found["date"]:
                told = datetime.fromisoformat(found["date"]).replace(tzinfo=UTC)
            elif found["epoch"]:
                told = datetime.fromtimestamp(int(found["epoch"]), UTC)
        except (ValueError, OverflowError, OSError):
            return found[0]
        if told is None or self.time is None or abs(told - self.time) > 2 * DAY:
            return found[0]
        return "<time>"


def classify_call(series: Iterable[Observation]) -> Kind | None:
    """Sort a call by what it was answered, in this order of rules.

    Refusals for too many requests and failures of a simulator say nothing and are left out; so is
    everything where fewer than two observations are left.

    1. ``dead``: the last two or more are errors, and an earlier one was none, or all say that there
       is nothing to reach (time-outs, no connection, no permission). Other errors between
       successes are hiccups and are left out from here on.
    2. ``static``: all texts are equal.
    3. ``stateful``: at least half of the pairs made at once (``INSTANT``) differ in more than the
       time that they tell: the answer depends on earlier calls, or on chance.
    4. ``time-dependent``: all texts differ in nothing but the time that they tell.
    5. ``slow``: they differ only between observations more than a ``DAY`` apart.
    6. ``time-dependent``: otherwise.

    Returns:
        The kind; None where there are too few observations.

    Example:
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> hours = [noon + timedelta(hours=number) for number in range(3)]
        >>> classify_call(Observation(hour, f"{hour.hour} °C") for hour in hours)
        'time-dependent'
    """
    seen = [one for one in series if one.status not in _SAYS_NOTHING]
    seen.sort(key=lambda one: one.time or _LONG_AGO)
    if len(seen) < 2:
        return None
    failing = [one.failed for one in seen]
    tail = next((n for n, failed in enumerate(reversed(failing)) if not failed), len(seen))
    if tail >= 2 and (tail < len(seen) or all(one.status in _GONE for one in seen)):
        return "dead"
    if not all(failing):
        seen = [one for one, failed in zip(seen, failing, strict=True) if not failed]
    if len(seen) < 2:
        return None
    if len({one.text for one in seen}) == 1:
        return "static"
    pairs = [_Pair.of(before, after) for before, after in pairwise(seen)]
    at_once = [pair for pair in pairs if pair.gap is not None and pair.gap <= INSTANT]
    if at_once and 2 * sum(pair.timelessly for pair in at_once) >= len(at_once):
        return "stateful"
    if len({one.timeless for one in seen}) == 1:
        return "time-dependent"
    if all(pair.gap is None or pair.gap > DAY for pair in pairs if pair.differs):
        return "slow"
    return "time-dependent"


def classify_api(kinds: Iterable[Kind | None]) -> Kind | None:
    """Sort an API by its calls: ``dead`` if all of them are, else as the most changeable.

    Example:
        >>> classify_api(["static", "slow", "dead", None])
        'slow'
    """
    found = {kind for kind in kinds if kind is not None}
    alive = [kind for kind in KINDS if kind in found and kind != "dead"]
    return alive[-1] if alive else "dead" if found else None


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class _Pair(NamedTuple):
    """Two observations, one after the other."""

    gap: timedelta | None
    differs: bool
    timelessly: bool

    @classmethod
    def of(cls, before: Observation, after: Observation) -> _Pair:
        gap = None if before.time is None or after.time is None else after.time - before.time
        return cls(gap, before.text != after.text, before.timeless != after.timeless)


@dataclass
class Probed:
    """What probing found.

    Args:
        calls: Recorded calls that were made again.
        observations: Answers that were observed.
        skipped: Recorded calls that were not made again, by reason.
        kinds: Each probed API's kind; None where there were too few observations.
        by_call: How many calls of each kind, by API.
    """

    calls: int = 0
    observations: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    kinds: dict[Identity, Kind | None] = field(default_factory=dict)
    by_call: dict[Identity, Counter[str]] = field(default_factory=dict)


def probe(
    snapshot: Snapshot,
    simulator: Simulator,
    write: Callable[[Recorded], object],
    *,
    apis: Iterable[API],
    earlier: Iterable[Recorded] = (),
    times: int = 2,
    limit: int | None = None,
    concurrency: int = 4,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    report: Callable[[int], None] = lambda calls: None,
) -> Probed:
    """Make recorded calls again, and sort their APIs.

    Args:
        snapshot: What was recorded.
        simulator: What answers now; left open.
        write: Told of every observation, as a record of its own recording.
        apis: The documents: only calls of documented APIs that change nothing are made.
        earlier: Observations of earlier probes, which count as well.
        times: How often each call is made, one time right after the other, in one session.
        limit: Make so many recorded calls again at most.
        concurrency: Calls in flight; those of one session are made in turn.
        clock: Tells the time of an observation.
        report: Told how many calls have been made again.
    """
    documents: dict[str, list[API]] = {}
    for api in apis:
        documents.setdefault(api.identity.function, []).append(api)
    before: dict[bytes, list[Recorded]] = {}
    for record in earlier:
        before.setdefault(record.key, []).append(record)
    found = Probed()
    kinds: dict[Identity, list[Kind | None]] = {}
    recording = f"probe {clock().isoformat(timespec='milliseconds')}"

    async def ask_all() -> None:
        waiting = islice(_probable(snapshot, documents, found.skipped), limit)
        while batch := list(islice(waiting, concurrency)):
            answers = await asyncio.gather(
                *(_ask(api, of[0], simulator, times, clock) for api, of in batch)
            )
            for (api, of), answered in zip(batch, answers, strict=True):
                if isinstance(answered, str):
                    found.skipped[answered] += 1
                else:
                    note(api, of, answered)
            report(found.calls)

    def note(api: API, of: Sequence[Recorded], answered: _Answered) -> None:
        new = [
            of[0]._replace(
                response=response._replace(recording=recording, ordinal=number),
                recorded_at=time.isoformat(timespec="milliseconds"),
            )
            for number, (time, response) in enumerate(answered)
        ]
        for record in new:
            write(record)
        found.calls += 1
        found.observations += len(new)
        kind = classify_call(map(_observation, [*of, *before.get(of[0].key, ()), *new]))
        kinds.setdefault(api.identity, []).append(kind)
        found.by_call.setdefault(api.identity, Counter())[kind or "too few"] += 1

    bridge.run_on_loop(ask_all)
    found.kinds = {identity: classify_api(of) for identity, of in sorted(kinds.items())}
    return found


def _probable(
    snapshot: Snapshot, documents: Mapping[str, Sequence[API]], skipped: Counter[str]
) -> Iterator[tuple[API, list[Recorded]]]:
    """Each recorded call that may be made again, with its API and its records."""
    for _, group in groupby(snapshot.records(), key=lambda record: record.key):
        records = list(group)
        identity = records[0].identity
        known = [
            api for api in documents.get(identity.function, ()) if api.identity.joins(identity)
        ]
        if not known:
            skipped["nothing documents the API"] += 1
        elif any(api.mutates for api in known):
            skipped["it may change something"] += 1
        elif records[0].changes:
            skipped["it was made after a change"] += 1
        else:
            yield known[0], records


_Answered: TypeAlias = list[tuple[datetime, Response]]


async def _ask(
    api: API, record: Recorded, simulator: Simulator, times: int, clock: Callable[[], datetime]
) -> _Answered | str:
    """Make a recorded call again, and again; why not, where that is not possible."""
    task = Task(id="probe", instruction="", apis=(api,))
    name = next(iter(task.named_apis))
    call = Resolver(task.named_apis).resolve(FunctionCall(name, record.arguments))
    answers: _Answered = []
    try:
        session = simulator.open(task, 0)
        for _ in range(times):
            response = await session.call(call, Branch(task, (), ROOT))
            if response is None:
                return "the simulator does not know the API"
            answers.append((clock(), response))
    except SimulatorError:
        return "the simulator failed"
    return answers


def _observation(record: Recorded) -> Observation:
    try:
        time = datetime.fromisoformat(record.recorded_at) if record.recorded_at else None
    except ValueError:
        time = None
    if time is not None and time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return Observation(time, record.response.text, record.response.status)
