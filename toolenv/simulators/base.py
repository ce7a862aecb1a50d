"""The contract of what answers calls: a simulator, opened once per run, and its sessions."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from toolenv.episodes import Branch, Call, Response
from toolenv.tasks import Task

__all__ = ["Session", "Simulator", "SimulatorBase", "changed"]


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


def changed(task: Task, call: Call, response: Response) -> bool:
    """Whether a call must be assumed to have changed something: it may, and did not fail."""
    api = task.named_apis.get(call.function)
    return api is not None and api.mutates and not response.failed


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
