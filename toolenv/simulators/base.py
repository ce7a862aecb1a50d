"""The contract of what answers calls: a simulator, opened once per run, and its sessions."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from toolenv.episodes import ROOT, Branch, Call, Response, Step
from toolenv.jsontext import JsonValue
from toolenv.snapshots.key import Changes, exact_key
from toolenv.tasks import Task

__all__ = ["PathChanges", "Session", "Simulator", "SimulatorBase", "changed", "state_of"]


@runtime_checkable
class Session(Protocol):
    """A simulator's state in one episode. It owns nothing that must be closed."""

    async def call(self, call: Call, past: Branch) -> Response | None:
        """Answer a call.

        What waits (a request, a timer) is wrapped in ``toolenv.bridge.wait``, so that synchronous
        callers are served by the same code.

        Args:
            call: The call, resolved; ``call.api`` is never None here. ``call.invalid`` says
                whether the arguments fit the documentation: a recorded response is served all the
                same, whatever runs code refuses.
            past: The branch so far, without the step that makes this call.

        Returns:
            The response, or None if this simulator has no answer and the next one is to be asked.

        Raises:
            SimulatorError: The simulator failed for reasons of its own.
        """
        ...

    def fork(self) -> Session:
        """An independent session in the same state; calls in one never show in the other.

        Raises:
            ForkRefusedError: The state cannot be undone, and a call has changed it.
        """
        ...


@runtime_checkable
class Simulator(Protocol):
    """What answers calls. It owns clients, files and processes; whoever made it closes it."""

    @property
    def fingerprint(self) -> str:
        """A digest of everything its answers depend on, without keys or tokens."""
        ...

    def open(self, task: Task, seed: int) -> Session:
        """A fresh session for one episode.

        Args:
            task: The episode's task.
            seed: What every random choice of the session derives from.
        """
        ...

    def close(self) -> None:
        """Release what it holds. Closing twice is harmless."""
        ...


def state_of(session: object) -> JsonValue:
    """The state of a session as JSON, for checks; None where it shows none.

    A session shows its state by a method ``shown_state``. Wrappers keep what they wrap as
    ``_inner``, ladders their rungs as ``_sessions``: the first that shows a state is taken.
    """
    show = getattr(session, "shown_state", None)
    if show is not None:
        state: JsonValue = show()
        return state
    inner = getattr(session, "_inner", None)
    for one in (inner,) if inner is not None else getattr(session, "_sessions", ()):
        state = state_of(one)
        if state is not None:
            return state
    return None


def changed(task: Task, call: Call, response: Response) -> bool:
    """Whether a call must be assumed to have changed something: it may, and did not fail."""
    api = task.named_apis.get(call.function)
    return api is not None and api.mutates and not response.failed


class PathChanges:
    """What was changed on a session's path so far, whoever answered: other rungs of a ladder too.

    Args:
        task: The episode's task.
    """

    __slots__ = ("_at", "_changes", "_settled", "_task")

    def __init__(self, task: Task) -> None:
        self._task = task if any(api.mutates for api in task.named_apis.values()) else None
        self._at = ROOT
        self._settled = self._changes = Changes()

    def before(self, past: Branch) -> Changes:
        """The changes before a call: those of the steps before, and of this step's calls."""
        if past.at != self._at and self._task is not None:
            new: list[Step] = []
            at = past.at
            while at not in (self._at, ROOT):
                new.append(past.steps[at])
                at = past.steps[at].parent
            self._changes = self._settled if at == self._at else Changes()
            for step in reversed(new):
                for call, response in zip(step.calls, step.responses, strict=True):
                    self.note(call, response)
            self._at, self._settled = past.at, self._changes
        return self._changes

    def note(self, call: Call, response: Response) -> None:
        """Take note of an answered call."""
        if self._task is not None and call.api and changed(self._task, call, response):
            before = self._changes.of(call.api)
            key = exact_key(call.api.function, call.arguments, call.text, before)
            self._changes = self._changes.after(call.api, key)

    def fork(self) -> PathChanges:
        """The same for another session at this point."""
        twin = object.__new__(PathChanges)
        twin._task, twin._at = self._task, self._at
        twin._settled, twin._changes = self._settled, self._changes
        return twin


class SimulatorBase:
    """What simulators share: nothing to close unless they say so, and the ``with`` statement."""

    def close(self) -> None:
        """Release what it holds; nothing by default."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
