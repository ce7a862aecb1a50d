"""Whatever a policy does, its episode ends in the record with a reason, and the others go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from tests.agents.scripted import SAY, TASK, answering, environment, saying
from toolenv.actions import read_action
from toolenv.agents import DFSDT, Agent, ReACT, ReACTAtN, TreeOfThoughtsBFS
from toolenv.episodes import Episode, FunctionCall, Message
from toolenv.errors import PolicyError
from toolenv.jsontext import JsonValue
from toolenv.limits import Budget

CALLS = 9


class Says:
    """Says one thing, whatever it is asked."""

    name = fingerprint = "says"

    def __init__(self, said: Message | Exception) -> None:
        self.said = said

    async def __call__(
        self,
        messages: Sequence[dict[str, JsonValue]],
        functions: Sequence[dict[str, JsonValue]],
        *,
        seed: int,
    ) -> Message:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


HOSTILE = {
    "nothing": Message(),
    "a refusal": Message("I cannot help with that."),
    "the same over and over": read_action(saying("again")),
    "ten thousand calls at once": Message(calls=(FunctionCall(SAY, '{"text": "x"}'),) * 10_000),
    "invalid JSON": read_action({"name": SAY, "arguments": '{"text": '}),
    "another model's format": Message('<|python_tag|>say.call(text="x")<|eom_id|>'),
    "a function that is not there": read_action({"name": "rm -rf /", "arguments": "{}"}),
    "control characters": Message("\x00\x1b[2J\ud800", (FunctionCall("\x00", "\ud800"),)),
    "a megabyte": Message("x" * 1_000_000),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "make",
    [
        lambda policy, budget: ReACT(policy, budget=budget),
        lambda policy, budget: DFSDT(policy, breadth=2, budget=budget),
        lambda policy, budget: ReACTAtN(policy, budget=budget),
        lambda policy, budget: TreeOfThoughtsBFS(policy, budget=budget),
    ],
    ids=["ReACT", "DFSDT", "ReACT@N", "ToT"],
)
def test_it_ends_within_the_budget_with_a_reason(make, said: Message) -> None:  # type: ignore[no-untyped-def]
    episode = make(Says(said), Budget(policy_calls=CALLS)).run(environment(max_steps=4), TASK)
    assert episode.cost.policy_calls <= CALLS
    assert episode.ended.startswith("limit:") and episode.answer is None


@pytest.mark.parametrize(
    ("raised", "ended"),
    [
        (PolicyError("The connection broke off."), "error:policy: The connection broke off."),
        (ValueError("a secret"), "error:agent: ValueError at test_hostile_policies.py:"),
    ],
)
def test_what_it_raises_ends_its_attempt_alone(
    raised: Exception, ended: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Agent = DFSDT(Says(raised))
    whole: Agent = ReACT(Says(read_action(answering("found"))))
    env = environment()

    async def together() -> list[Episode]:
        return await asyncio.gather(*(agent.arun(env, TASK) for agent in (broken, whole)))

    with caplog.at_level(logging.ERROR):
        one, other = asyncio.run(together())
    assert one.ended.startswith(ended) and one.outcome == "infrastructure_error"
    assert "a secret" not in one.ended
    assert other.answer == "found"


def test_the_steps_before_it_broke_are_kept() -> None:
    class Breaking(Says):
        async def __call__(self, messages, functions, *, seed):  # type: ignore[no-untyped-def]
            if len(messages) > 4:
                raise KeyError("x")
            return read_action(saying("x"))

    episode = ReACT(Breaking(Message())).run(environment(), TASK)
    assert len(episode.steps) == 2 and episode.ended.startswith("error:agent: KeyError at ")
