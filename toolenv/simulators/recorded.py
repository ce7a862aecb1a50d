"""Serving recorded responses: from a snapshot or a store, in a stated order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from toolenv.episodes import Branch, Call, Response
from toolenv.errors import ConfigurationError
from toolenv.fingerprint import fingerprint
from toolenv.simulators.base import PathChanges, SimulatorBase
from toolenv.snapshots.canonical import Documentation
from toolenv.snapshots.key import exact_key
from toolenv.snapshots.records import Recordings
from toolenv.tasks import Task

__all__ = ["Order", "RecordedSimulator", "Rung"]

Order: TypeAlias = Literal["path", "first", "recording"]
"""Which of several answers to equal calls is served."""

Rung: TypeAlias = Literal["exact", "canonical"]
"""Which calls are equal: by what the call says alone, or also by what the documentation says."""


class RecordedSimulator(SimulatorBase):
    """Answers calls from recordings, and leaves the others to the next simulator.

    Args:
        recordings: A snapshot or a store; closed with the simulator.
        order: ``path``: of the task's own recording, else of the earliest that knows the call,
            the n-th answer for the n-th equal call on the path, then its last again. A recording
            is the task's own if it has the task's id for a name. ``first``: always the earliest
            answer. ``recording``: one recording alone, its n-th answer for the n-th equal call of
            the episode, counted over all forks: the replay of that recording's own tree, explored
            in pre-order.
        recording: The recording to replay; with ``order="recording"`` only.
        without: Recordings that are left out, as for measuring what the others answer.
        rungs: Which keys are looked up; the exact one is asked first. An answer that the canonical
            key found has the source ``canonical``.

    Raises:
        ConfigurationError: ``order`` and ``recording`` do not go together, or a rung is unknown.
    """

    def __init__(
        self,
        recordings: Recordings,
        *,
        order: Order = "path",
        recording: str = "",
        without: Sequence[str] = (),
        rungs: Sequence[Rung] = get_args(Rung),
    ) -> None:
        if order not in get_args(Order):
            raise ConfigurationError(
                f"Unknown order: {order!r}.", fix=f"Use one of {', '.join(get_args(Order))}."
            )
        if (order == "recording") != bool(recording):
            raise ConfigurationError(
                "order='recording' and the name of a recording go together.",
                fix="Give both or neither.",
            )
        if not rungs or not set(rungs) <= set(get_args(Rung)):
            raise ConfigurationError(
                f"Unknown rungs: {', '.join(rungs) or 'none'}.",
                fix=f"Use one or more of {', '.join(get_args(Rung))}.",
            )
        self.recordings = recordings
        self.rungs = frozenset(rungs)
        self.order = order
        self.recording = recording
        self.without = frozenset(without)

    @property
    def fingerprint(self) -> str:
        """A digest of the recordings and of how they are served."""
        parts = [self.recordings.fingerprint, self.order, self.recording, sorted(self.without)]
        return fingerprint("simulator", ["recorded", *parts, sorted(self.rungs)])

    def open(self, task: Task, seed: int) -> _RecordedSession:
        """A session that has served nothing yet."""
        return _RecordedSession(self, task, {}, PathChanges(task))

    def close(self) -> None:
        """Close the recordings."""
        self.recordings.close()


class _RecordedSession:
    """Counts equal calls: on the path, or over the whole episode."""

    __slots__ = ("_borrowed", "_changes", "_documents", "_served", "_simulator", "_task")

    def __init__(
        self,
        simulator: RecordedSimulator,
        task: Task,
        served: dict[bytes, int],
        changes: PathChanges,
    ) -> None:
        self._simulator = simulator
        self._task = task
        self._served = served
        self._changes = changes
        self._documents: Documentation | None = None
        self._borrowed = False

    async def call(self, call: Call, past: Branch) -> Response | None:
        identity = call.api
        if identity is None:
            return None
        simulator = self._simulator
        before = self._changes.before(past).of(identity)
        response = None
        if "exact" in simulator.rungs:
            key = exact_key(identity.function, call.arguments, call.text, before)
            response = self._serve(key, simulator.recordings.lookup(identity, key))
        if response is None and "canonical" in simulator.rungs:
            if self._documents is None:
                self._documents = Documentation(self._task.apis)
            key = self._documents.canonical_key(identity, call.arguments, before)
            if key:
                response = self._serve(key, simulator.recordings.lookup_canonical(identity, key))
                if response is not None:
                    response = response._replace(source="canonical")
        if response is not None:
            self._changes.note(call, response)
        return response

    def _serve(self, key: bytes, found: Sequence[Response]) -> Response | None:
        simulator = self._simulator
        if len(found) == 1 and not simulator.without and simulator.order != "recording":
            return found[0]
        if simulator.without:
            found = [response for response in found if response.recording not in simulator.without]
        if simulator.recording:
            found = [response for response in found if response.recording == simulator.recording]
        if not found:
            return None
        if simulator.order == "first":
            return found[0]
        names = [response.recording for response in found]
        name = self._task.id if self._task.id in names else names[0]
        own = [response for response in found if response.recording == name]
        return own[min(self._count(key), len(own) - 1)]

    def fork(self) -> _RecordedSession:
        twin = _RecordedSession(self._simulator, self._task, self._served, self._changes.fork())
        twin._documents = self._documents
        if self._simulator.order == "path":
            self._borrowed = twin._borrowed = True
        return twin

    def _count(self, key: bytes) -> int:
        """How many equal calls were served before this one."""
        if self._borrowed:
            self._served = dict(self._served)
            self._borrowed = False
        before = self._served.get(key, 0)
        self._served[key] = before + 1
        return before
