"""What real servers have in common: answers are live, and what a call changed cannot be undone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping

from toolenv.apis import API
from toolenv.episodes import Branch, Call, Response, Status
from toolenv.errors import ForkRefusedError
from toolenv.jsontext import JsonValue
from toolenv.simulators.base import Session, SimulatorBase
from toolenv.tasks import Task

__all__ = ["LiveSimulator"]

_REFUSED = frozenset(
    {
        Status.BAD_INPUT,
        Status.NOT_FOUND,
        Status.NOT_SUBSCRIBED,
        Status.UNAUTHORISED,
        Status.TOO_MANY_REQUESTS,
        Status.RATE_LIMITED,
        Status.SIMULATOR_FAILED,
    }
)
"""What says that nothing was done. A time-out or a broken connection leaves open what was."""


class LiveSimulator(SimulatorBase):
    """Base of simulators that ask a real server.

    Once a call of one session may have changed something at the server (any call of an API that
    changes state, unless the server refused it), no session of that episode can be forked, and only
    that one goes on: the others would see the change.

    Args:
        safe_to_repeat: Function names of APIs that may change state and yet may be called in one
            branch without being noticed in another; ``*`` for all.
    """

    def __init__(self, *, safe_to_repeat: Collection[str] = ()) -> None:
        self.safe_to_repeat = frozenset(safe_to_repeat)

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of everything its answers depend on, without keys or tokens."""

    @abstractmethod
    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        """Ask the server.

        Args:
            api: The API as the task documents it.
            arguments: By the names that policies use (``Parameter.key``).

        Returns:
            The answer, failures typed by status; None for an API that it does not serve.
        """

    def open(self, task: Task, seed: int) -> Session:
        """A fresh session for one episode; servers know no seed."""
        return _LiveSession(self, task, _Changed())


class _Changed:
    """Which session of an episode has changed something at the server, and by what call."""

    __slots__ = ("by", "session")

    def __init__(self) -> None:
        self.by = ""
        self.session: _LiveSession | None = None


class _LiveSession:
    __slots__ = ("_changed", "_owner", "_task")

    def __init__(self, owner: LiveSimulator, task: Task, changed: _Changed) -> None:
        self._owner = owner
        self._task = task
        self._changed = changed

    async def call(self, call: Call, past: Branch) -> Response | None:
        api = self._task.named_apis.get(call.function)
        if api is None:
            return None
        if self._changed.session not in (None, self):
            raise ForkRefusedError(
                f"Another branch has called {self._changed.by}, which may have changed something "
                "at the real server that this branch would see.",
                fix=_FIX,
            )
        if call.arguments is None:
            problem = call.invalid or "the arguments are not a JSON object"
            return Response.of(
                "",
                error=f"Bad request: {problem}",
                status=Status.BAD_INPUT,
                source="live",
                origin="environment",
            )
        response = await self._owner.answer(api, call.arguments)
        if response is not None and api.mutates and response.status not in _REFUSED:
            safe = self._owner.safe_to_repeat
            if "*" not in safe and call.function not in safe:
                self._changed.by, self._changed.session = call.function, self
        return response

    def fork(self) -> Session:
        if self._changed.by:
            raise ForkRefusedError(
                f"{self._changed.by} may have changed something at a real server, which no branch "
                "can undo.",
                fix=_FIX,
            )
        return _LiveSession(self._owner, self._task, self._changed)


_FIX = "Use an agent that does not fork, or name the API in safe_to_repeat."
