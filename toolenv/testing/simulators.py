"""What any simulator must do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from toolenv import bridge
from toolenv.actions import Resolver
from toolenv.episodes import ROOT, Branch, Call, FunctionCall, Response, Status
from toolenv.jsontext import render
from toolenv.simulators import Session, Simulator
from toolenv.tasks import Task

__all__ = ["SimulatorSuite"]

Written = tuple[str, dict[str, object]]


class SimulatorSuite(ABC):
    """The contract of ``toolenv.simulators.Simulator`` as tests.

    Override the three makers; give ``changing_calls`` where the simulator keeps state.
    """

    @abstractmethod
    def make_simulator(self) -> Simulator:
        """A fresh simulator; equal ones each time."""

    @abstractmethod
    def make_task(self) -> Task:
        """A task whose APIs the simulator answers."""

    @abstractmethod
    def answered_calls(self) -> Sequence[Written]:
        """Calls that it answers without changing state: function name and arguments."""

    def changing_calls(self) -> Sequence[Written]:
        """Calls that change state, where there is any."""
        return ()

    def unanswered_call(self) -> Call:
        """A call that it has no answer for."""
        from toolenv.apis import Identity

        return Call("nowhere", {}, Identity("nowhere_for_nothing"), "{}")

    # --- the tests ----------------------------------------------------------------------------

    def test_a_call_is_answered_with_a_typed_response(self) -> None:
        """Responses are complete records that say who answered and what first answered."""
        with _opened(self) as (task, session):
            for written in self.answered_calls():
                response = _ask(session, task, written)
                assert isinstance(response, Response), f"{written} got {response!r}"
                assert isinstance(response.text, str)
                assert response.source != "environment", "say who answered: source"
                assert response.origin != "environment", "say what first answered: origin"
                assert response.status is not Status.MISS, "a miss is None, not a response"

    def test_what_it_does_not_know_is_left_to_the_next(self) -> None:
        """An unknown call gives None, so that a ladder can go on."""
        with _opened(self) as (task, session):
            past = Branch(task, [], ROOT)
            assert bridge.run(session.call(self.unanswered_call(), past)) is None

    def test_equal_sessions_answer_alike(self) -> None:
        """Task and seed decide everything: two sessions give the same answers in the same order."""
        calls = [*self.answered_calls(), *self.changing_calls(), *self.answered_calls()]
        answers = []
        for _ in range(2):
            with _opened(self) as (task, session):
                answers.append([_ask(session, task, written) for written in calls])
        assert answers[0] == answers[1]

    def test_synchronous_and_asynchronous_callers_get_the_same(self) -> None:
        """One path serves both: driven inline and inside a running loop."""
        with _opened(self) as (task, session):
            inline = [_ask(session, task, written) for written in self.answered_calls()]

        async def within_a_loop() -> list[Response | None]:
            with _opened(self) as (task, session):
                return [await _aask(session, task, w) for w in self.answered_calls()]

        assert asyncio.run(within_a_loop()) == inline

    def test_forks_are_independent(self) -> None:
        """What one fork does never shows in the other, whichever goes first."""
        reads, changes = list(self.answered_calls()), list(self.changing_calls())
        with _opened(self) as (task, session):
            undisturbed = session.fork()
            before = [_ask(undisturbed, task, written) for written in reads]
        with _opened(self) as (task, session):
            twin = session.fork()
            for written in changes:
                _ask(session, task, written)
            assert [_ask(twin, task, written) for written in reads] == before
        with _opened(self) as (task, session):
            twin = session.fork()
            for written in changes:
                _ask(twin, task, written)
            assert [_ask(session, task, written) for written in reads] == before

    def test_fingerprints_are_stable(self) -> None:
        """Equal simulators have equal fingerprints, before and after use."""
        with _opened(self) as (task, session):
            for written in self.answered_calls():
                _ask(session, task, written)
        one, other = self.make_simulator(), self.make_simulator()
        try:
            assert one.fingerprint == other.fingerprint
            assert isinstance(one.fingerprint, str) and one.fingerprint
        finally:
            one.close()
            other.close()

    def test_closing_twice_is_harmless(self) -> None:
        """Whoever made it closes it, possibly again."""
        simulator = self.make_simulator()
        simulator.close()
        simulator.close()


class _opened:
    """A simulator's task and session, closed at the end."""

    def __init__(self, suite: SimulatorSuite) -> None:
        self._simulator = suite.make_simulator()
        self._task = suite.make_task()

    def __enter__(self) -> tuple[Task, Session]:
        return self._task, self._simulator.open(self._task, 7)

    def __exit__(self, *_: object) -> None:
        self._simulator.close()


async def _aask(session: Session, task: Task, written: Written) -> Response | None:
    name, arguments = written
    call = Resolver(task.named_apis).resolve(FunctionCall(name, render(arguments)))
    assert call.api is not None, f"the task has no function {name}"
    return await session.call(call, Branch(task, [], ROOT))


def _ask(session: Session, task: Task, written: Written) -> Response | None:
    return bridge.run(_aask(session, task, written))
