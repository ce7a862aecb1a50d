"""ToolBench's own search rules, by the number of replies that they ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.agents.scripted import GIVE_UP, SAY, TASK, InTurn, answering, environment, saying
from toolenv.agents import ToolBenchDFSDT
from toolenv.episodes import Episode, FunctionCall, Message

CALL = saying("x")
THOUGHT_AND_CALL = Message("Let me see.", (FunctionCall(SAY, '{"text": "x"}'),))
THOUGHT = Message("Let me think.")


def searched(policy: InTurn, depth: int = 12, policy_calls: int = 200) -> Episode:
    agent = ToolBenchDFSDT(policy, depth=depth, policy_calls=policy_calls)
    return agent.run(environment(max_steps=1_000), TASK)


@pytest.mark.parametrize(
    ("policy", "options", "calls", "ended"),
    [
        (lambda: InTurn(CALL), {}, 126, ""),
        (lambda: InTurn(THOUGHT_AND_CALL), {}, 30, ""),
        (lambda: InTurn(GIVE_UP), {}, 1, "gave_up"),
        (lambda: InTurn(CALL, GIVE_UP), {}, 4, "gave_up"),
        (lambda: InTurn(CALL, CALL, CALL, GIVE_UP), {}, 48, "gave_up"),
        (lambda: InTurn(THOUGHT), {}, 200, ""),
        (lambda: InTurn(CALL), {"depth": 50}, 200, ""),
        (lambda: InTurn(CALL, answering("found")), {}, 2, "answer"),
    ],
)
def test_it_asks_as_often_as_toolbench_does(
    policy: Callable[[], InTurn], options: dict[str, int], calls: int, ended: str
) -> None:
    episode = searched(policy(), **options)
    assert episode.cost.policy_calls == calls
    assert episode.branch.ended == ended


def test_the_cap_on_replies_is_an_option() -> None:
    assert searched(InTurn(THOUGHT), policy_calls=33).cost.policy_calls == 33
