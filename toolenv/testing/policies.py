"""What any policy must do."""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod

from toolenv import bridge
from toolenv.agents import Policy
from toolenv.conversations import opening
from toolenv.episodes import FunctionCall, Message
from toolenv.jsontext import JsonValue
from toolenv.tasks import Task

__all__ = ["PolicySuite"]


class PolicySuite(ABC):
    """The contract of ``toolenv.agents.Policy`` as tests."""

    @abstractmethod
    def make_policy(self) -> Policy:
        """A fresh policy; equal ones each time."""

    @abstractmethod
    def make_task(self) -> Task:
        """A task that it can say something about."""

    # --- the tests ----------------------------------------------------------------------------

    def test_it_says_a_message(self) -> None:
        """A message with text and calls of the right types."""
        message = _first_message(self.make_policy(), self.make_task())
        assert isinstance(message, Message)
        assert isinstance(message.content, str)
        assert all(isinstance(call, FunctionCall) for call in message.calls)
        assert all(isinstance(call.arguments, str) for call in message.calls)
        assert min(message.usage) >= 0

    def test_equal_seeds_say_equal_messages(self) -> None:
        """The seed decides every random choice."""
        task = self.make_task()
        assert _first_message(self.make_policy(), task) == _first_message(self.make_policy(), task)

    def test_synchronous_and_asynchronous_callers_hear_the_same(self) -> None:
        """One path serves both: driven inline and inside a running loop."""
        task = self.make_task()
        policy = self.make_policy()

        async def within_a_loop() -> Message:
            return await policy(opening(task.instruction), task.functions, seed=3)

        assert asyncio.run(within_a_loop()) == _first_message(self.make_policy(), task)

    def test_what_it_reads_is_not_changed(self) -> None:
        """Messages and functions belong to the environment."""
        task = self.make_task()
        messages = opening(task.instruction)
        functions: list[dict[str, JsonValue]] = copy.deepcopy(task.functions)
        bridge.run(_say(self.make_policy(), messages, functions))
        assert messages == opening(task.instruction)
        assert functions == task.functions

    def test_fingerprints_are_stable(self) -> None:
        """Equal policies have equal fingerprints, before and after use."""
        policy = self.make_policy()
        before = policy.fingerprint
        _first_message(policy, self.make_task())
        assert policy.fingerprint == before == self.make_policy().fingerprint


async def _say(
    policy: Policy, messages: list[dict[str, JsonValue]], functions: list[dict[str, JsonValue]]
) -> Message:
    return await policy(messages, functions, seed=3)


def _first_message(policy: Policy, task: Task) -> Message:
    return bridge.run(_say(policy, opening(task.instruction), task.functions))
