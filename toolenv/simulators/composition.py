"""Composing simulators: asking one after the other, and recording what was answered."""

from __future__ import annotations

from datetime import UTC, datetime

from toolenv.episodes import Branch, Call, Response, Status
from toolenv.fingerprint import fingerprint
from toolenv.simulators.base import PathChanges, Session, Simulator, SimulatorBase
from toolenv.simulators.recorded import RecordedSimulator
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.records import Recorded, Recordings, documented
from toolenv.snapshots.store import Store
from toolenv.tasks import Task

__all__ = ["NOT_ANSWERS", "first_of", "record", "rungs_of"]

NOT_ANSWERS = frozenset(
    {
        Status.TIMEOUT,
        Status.TOO_MANY_REQUESTS,
        Status.RATE_LIMITED,
        Status.SEND_ERROR,
        Status.MISS,
        Status.SIMULATOR_FAILED,
    }
)
"""What says nothing about the API, and is not recorded as its answer unless asked for."""


def first_of(*simulators: Simulator | Recordings) -> Simulator:
    """Ask each simulator in turn and take the first answer: the ladder.

    A snapshot or a store stands for the simulator that serves it.

    A simulator that returns None passes the call on; if all do, the environment answers with a
    typed miss. The first that *answers* counts, also with an error: that is an answer.

    Example:
        >>> from toolenv.simulators import first_of
        >>> first_of().fingerprint == first_of().fingerprint
        True
    """
    rungs = tuple(
        one if isinstance(one, Simulator) else RecordedSimulator(one) for one in simulators
    )
    return rungs[0] if len(rungs) == 1 else _FirstOf(rungs)


def rungs_of(simulator: Simulator) -> tuple[Simulator, ...]:
    """The simulators that a ladder asks in turn; what is no ladder is its own only rung.

    Example:
        >>> rungs_of(first_of())
        ()
    """
    if not isinstance(simulator, _FirstOf):
        return (simulator,)
    return tuple(rung for one in simulator.simulators for rung in rungs_of(one))


class _FirstOf(SimulatorBase):
    def __init__(self, simulators: tuple[Simulator, ...]) -> None:
        self.simulators = simulators

    @property
    def fingerprint(self) -> str:
        return fingerprint("simulator", ["first_of", *(one.fingerprint for one in self.simulators)])

    def open(self, task: Task, seed: int) -> Session:
        return _FirstOfSession(tuple(one.open(task, seed) for one in self.simulators))

    def close(self) -> None:
        for simulator in self.simulators:
            simulator.close()


class _FirstOfSession:
    __slots__ = ("_sessions",)

    def __init__(self, sessions: tuple[Session, ...]) -> None:
        self._sessions = sessions

    async def call(self, call: Call, past: Branch) -> Response | None:
        for session in self._sessions:
            response = await session.call(call, past)
            if response is not None:
                return response
        return None

    def fork(self) -> Session:
        return _FirstOfSession(tuple(session.fork() for session in self._sessions))


def record(
    simulator: Simulator,
    store: Store,
    *,
    recording: str = "",
    failures: bool = False,
    clock: bool = True,
) -> Simulator:
    """Write what a simulator answers to a store.

    What the environment itself made (``inject_faults``) is never written.

    Args:
        simulator: What answers.
        store: Where answers go; closed with the simulator.
        recording: Name of the recording; by default the task's id.
        failures: Whether to record also what is no answer of the API, as what it was: time-outs,
            429s, servers that could not be reached.
        clock: Whether records carry the time. Without it, equal runs give equal stores.
    """
    return _Record(simulator, store, recording, failures, clock)


class _Record(SimulatorBase):
    def __init__(
        self, simulator: Simulator, store: Store, recording: str, failures: bool, clock: bool
    ) -> None:
        self.simulator = simulator
        self.store = store
        self.recording = recording
        self.failures = failures
        self.clock = clock

    @property
    def fingerprint(self) -> str:
        return self.simulator.fingerprint  # recording changes no answer

    def open(self, task: Task, seed: int) -> Session:
        return _RecordSession(self, task, self.simulator.open(task, seed), {}, PathChanges(task))

    def close(self) -> None:
        self.simulator.close()
        self.store.close()


class _RecordSession:
    """Numbers equal calls over all forks of its episode: the ordinal in the recording."""

    __slots__ = ("_changes", "_documents", "_inner", "_owner", "_served", "_task")

    def __init__(
        self,
        owner: _Record,
        task: Task,
        inner: Session,
        served: dict[bytes, int],
        changes: PathChanges,
    ) -> None:
        self._owner = owner
        self._task = task
        self._inner = inner
        self._served = served
        self._changes = changes
        self._documents = Documentation(task.apis)

    async def call(self, call: Call, past: Branch) -> Response | None:
        response = await self._inner.call(call, past)
        owner = self._owner
        if response is None or call.api is None:
            return response
        if response.source == "fault":  # injected: no one's answer
            self._changes.before(past)
            self._changes.note(call, response)  # what it altered may have changed something
            return response
        if response.status in NOT_ANSWERS and not owner.failures:
            return response
        before = self._changes.before(past).of(call.api)
        now = datetime.now(UTC).isoformat(timespec="milliseconds") if owner.clock else ""
        record = Recorded(call.api, call.text, response, now, before.hex())
        record = documented(record, self._documents)
        key = record.key
        ordinal = self._served.get(key, 0)
        self._served[key] = ordinal + 1
        name = owner.recording or self._task.id
        await owner.store.aadd(
            record._replace(response=response._replace(recording=name, ordinal=ordinal))
        )
        self._changes.note(call, response)
        return response

    def fork(self) -> Session:
        return _RecordSession(
            self._owner, self._task, self._inner.fork(), self._served, self._changes.fork()
        )
