"""Agents over a real server, which no branch can undo: they go on where they can, never twice."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.agents.scripted import ByPath, answering
from toolenv.agents import (
    DFSDT,
    Agent,
    Policy,
    ReACT,
    ReACTAtN,
    ToolBenchDFSDT,
    TreeOfThoughtsBFS,
    TreeOfThoughtsDFS,
)
from toolenv.apis import API
from toolenv.env import ToolEnv
from toolenv.episodes import Response
from toolenv.errors import ForkRefusedError
from toolenv.jsontext import JsonValue, render
from toolenv.simulators.live import LiveSimulator
from toolenv.tasks import Task

LOOK, ORDER = API(tool="Shop", name="look"), API(tool="Shop", name="order", method="POST")
TASK = Task(id="t", instruction="Order one.", apis=(LOOK, ORDER))


class Shop(LiveSimulator):
    """Counts orders, for good."""

    fingerprint = "shop"

    def __init__(self) -> None:
        super().__init__()
        self.orders = 0

    async def answer(self, api: API, arguments: Mapping[str, JsonValue]) -> Response | None:
        self.orders += api.mutates
        return Response.of(self.orders, source="live", origin="live")


def calling(name: str) -> str:
    return render({"name": f"{name}_for_shop", "arguments": {}})


def policy(*said: str) -> Policy:
    """Says one thing after the other on each path, whatever its siblings were."""
    return ByPath(lambda path, sibling: said[len(path)] if len(path) < len(said) else said[-1])


STRATEGIES = {
    "DFSDT of breadth 1": lambda policy: DFSDT(policy, breadth=1),
    "DFSDT": lambda policy: DFSDT(policy, breadth=2),
    "DFSDT that speculates": lambda policy: DFSDT(policy, breadth=2, speculative=True),
    "ToolBench's DFSDT": lambda policy: ToolBenchDFSDT(policy),
    "ToT, depth first": lambda policy: TreeOfThoughtsDFS(policy),
    "ToT, breadth first": lambda policy: TreeOfThoughtsBFS(policy, breadth=1),
    "ReACT@N": lambda policy: ReACTAtN(policy, tries=3),
}


@pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
def test_what_changes_something_is_done_once_and_the_branch_goes_on(make) -> None:  # type: ignore[no-untyped-def]
    shop = Shop()
    agent: Agent = make(policy(calling("look"), calling("order"), calling("look"), answering("ok")))
    episode = agent.run(ToolEnv([TASK], shop), TASK)
    assert shop.orders == 1
    assert episode.answer == "ok"
    alone = ReACT(agent.policy).run(ToolEnv([TASK], Shop()), TASK)
    assert [step.message for step in episode.branch.path()] == [
        step.message for step in alone.branch.path()
    ]


def test_siblings_are_tried_until_something_changes() -> None:
    shop = Shop()

    def script(path: list[str], sibling: int) -> str:
        if len(path) == 0:
            return calling("order") if sibling else calling("look")
        return render({"name": "Finish", "arguments": {"return_type": "give_up_and_restart"}})

    episode = DFSDT(ByPath(script), breadth=3).run(ToolEnv([TASK], shop), TASK)
    ends = [branch.ended for branch in episode.branches()]
    # look and its two ends; then the order, whose branch ends once: nothing after it can be undone
    assert shop.orders == 1 and ends == ["gave_up", "gave_up", "gave_up", "gave_up"]


def test_a_branch_begun_before_does_not_see_what_another_has_changed() -> None:
    env = ToolEnv([TASK], Shop())
    env.reset(seed=0)
    other = env.fork()
    env.step(calling("order"))
    *_, truncated, info = other.step(calling("look"))
    assert truncated and info["ended"] == "error:simulator"
    with pytest.raises(ForkRefusedError, match="order_for_shop"):
        other.fork()
    assert env.step(calling("look"))[4]["status"] == 0


def test_what_is_safe_to_repeat_hinders_no_one() -> None:
    shop = Shop()
    shop.safe_to_repeat = frozenset({"order_for_shop"})
    episode = ReACTAtN(policy(calling("order"), answering("ok")), tries=3).run(
        ToolEnv([TASK], shop), TASK
    )
    assert shop.orders == 3 and len(episode.branches()) == 3
