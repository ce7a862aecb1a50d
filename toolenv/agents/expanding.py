"""Making the children of a node: what tree searches share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeAlias

from toolenv import bridge
from toolenv.agents.base import Policy
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Message, Step
from toolenv.errors import ConfigurationError, ForkRefusedError
from toolenv.jsontext import JsonValue, render

__all__ = [
    "Siblings",
    "best_first",
    "branch_off",
    "describe_siblings",
    "expand",
    "propose",
    "read_count",
    "read_siblings",
    "repeats_a_call",
]

Siblings: TypeAlias = Literal["shown", "hidden"]
"""Whether a policy is shown what was tried at a point before it is asked for another step there.
Where it is ``hidden``, all that tells the children apart is the seed of each."""


def read_count(value: object, where: str, least: int = 1) -> int:
    """A whole number from ``least`` on.

    Raises:
        ConfigurationError: It is none.
    """
    if type(value) is not int or value < least:
        raise ConfigurationError(
            f"It is {value!r}, and must be a whole number, {least} or more.", where=where
        )
    return value


def read_siblings(value: object) -> Siblings:
    """``shown`` or ``hidden``.

    Raises:
        ConfigurationError: It is neither.
    """
    if value == "shown" or value == "hidden":
        return value
    raise ConfigurationError(f"It is {value!r}; use shown or hidden.", where="siblings")


def branch_off(node: ToolEnv, rank: int) -> ToolEnv | None:
    """An environment for a child of a node.

    Where a real server cannot undo what was done, the first child takes the node's own place, which
    then has no others: None.
    """
    try:
        return node.fork(rank=rank)
    except ForkRefusedError:
        return node if rank == 0 else None


async def propose(policy: Policy, env: ToolEnv, siblings: Sequence[Step] = ()) -> Message:
    """The policy's next message at a point where siblings were tried.

    The message that shows them is kept with the step (``Message.diversity``) and is not part of
    the conversation below it.
    """
    messages = env.messages
    if not siblings:
        return await policy(messages, env.functions, seed=env.seed)
    request = describe_siblings(siblings)
    asked: dict[str, JsonValue] = {"role": "user", "content": request}
    message = await policy([*messages, asked], env.functions, seed=env.seed)
    return message._replace(diversity=request)


def describe_siblings(siblings: Sequence[Step]) -> str:
    """The diversity message: what was tried at this point, and a request for something else."""
    tried = [
        {"name": call.function, "arguments": call.text, "observation": response.text[:1000]}
        for step in siblings
        for call, response in zip(step.calls, step.responses, strict=True)
    ] or [{"message": step.message.content} for step in siblings]
    lines = "\n".join(render(item) for item in tried)
    return (
        "At this point of the task you have already tried the following, and it did not lead to "
        f"an answer:\n{lines}\nTake a different step now: another function or other arguments."
    )


async def expand(
    policy: Policy, node: ToolEnv, breadth: int, siblings: Siblings = "shown"
) -> list[ToolEnv]:
    """Children of a node, each one step further; fewer where the budget is spent.

    Args:
        policy: What proposes the steps.
        node: Where to go on from; left as it is unless it cannot be forked (``branch_off``).
        breadth: How many children.
        siblings: ``shown``: one after the other, until one answers; ``hidden``: at the same time.
    """
    children: list[ToolEnv] = []
    if siblings == "hidden":
        breadth = min(breadth, node.meter.policy_calls_left())
        forks = [branch_off(node, rank) for rank in range(breadth)]
        children = [fork for fork in forks if fork is not None]
        await bridge.gather([partial(_take_a_step, policy, child) for child in children])
        return children
    tried: list[Step] = []
    while len(children) < breadth and not node.meter.exhausted():
        child = branch_off(node, len(children))
        if child is None:
            break
        await child.astep(await propose(policy, child, tried))
        children.append(child)
        if child.ended == "answer" or child is node:
            break
        tried += [step for step in (child.branch.last,) if step is not None]
    return children


async def best_first(
    policy: Policy,
    env: ToolEnv,
    breadth: int,
    rank: Callable[[Sequence[ToolEnv]], Awaitable[Sequence[ToolEnv]]],
    *,
    siblings: Siblings = "shown",
) -> Branch | None:
    """Search depth first, all children of a node before any of them is expanded.

    Args:
        policy: What proposes the steps.
        env: Where the search begins.
        breadth: Children of one node.
        rank: Of the children that go on, those worth expanding, best first.
        siblings: As for ``expand``.

    Returns:
        The first branch that answers, else the last that was made.
    """
    last, waiting = env, [env]  # the next to be expanded at the end
    while waiting and not env.meter.exhausted():
        children = await expand(policy, waiting.pop(), breadth, siblings)
        for child in children:
            if child.ended == "answer":
                return child.branch
        last = children[-1] if children else last
        waiting += reversed(await rank([child for child in children if not child.ended]))
    return last.branch


async def _take_a_step(policy: Policy, child: ToolEnv) -> None:
    await child.astep(await propose(policy, child))


def repeats_a_call(branch: Branch, siblings: Sequence[Step] = ()) -> bool:
    """Whether all calls of a branch's last step were made before, on its path or by siblings."""
    *before, last = branch.path()
    made = {(call.function, call.text) for step in (*before, *siblings) for call in step.calls}
    return bool(last.calls) and all((call.function, call.text) in made for call in last.calls)
