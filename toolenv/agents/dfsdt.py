"""DFSDT: depth-first search over a decision tree (ToolLLM, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolenv.agents.base import Agent, Policy
from toolenv.env import ToolEnv
from toolenv.episodes import Branch, Step
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue, render
from toolenv.limits import Budget

__all__ = ["DFSDT"]


class DFSDT(Agent):
    """Expand depth first; when a branch gives up or is cut off, go back and try something else.

    Every node is expanded at most ``breadth`` times. From the second child on, the policy is shown
    what was tried at this point, and asked for something different; that message is kept with the
    step (``Message.diversity``) and is not part of the conversation below it. The search ends with
    the first answer. With ``breadth=1`` it is ReACT, call for call, and the first branch of a wider
    search is ReACT's of the same seed.

    Args:
        policy: What decides.
        breadth: Children of one node.
        budget: What one attempt may spend.

    Raises:
        ConfigurationError: The breadth is no whole number from 1.

    Example:
        >>> from toolenv.env import ToolEnv
        >>> from toolenv.mini import KeywordPolicy
        >>> episode = DFSDT(KeywordPolicy(), breadth=2).run(ToolEnv(), 0, seed=1)
        >>> episode.agent
        'DFSDT'
    """

    def __init__(self, policy: Policy, *, breadth: int = 2, budget: Budget | None = None) -> None:
        super().__init__(policy, budget=budget)
        if type(breadth) is not int or breadth < 1:
            raise ConfigurationError(
                f"It is {breadth!r}, and must be a whole number, 1 or more.", where="breadth"
            )
        self.breadth = breadth

    @property
    def settings(self) -> dict[str, Any]:
        """Breadth."""
        return {"breadth": self.breadth}

    async def explore(self, env: ToolEnv) -> Branch | None:
        """Search until an answer, exhaustion or the end of the budget."""
        last = env.branch
        nodes: list[tuple[ToolEnv, list[Step]]] = [(env, [])]  # the path, each with its children
        while nodes and not env.meter.exhausted():
            node, children = nodes[-1]
            if node.ended or len(children) == self.breadth:
                nodes.pop()
                continue
            child = node.fork(rank=len(children))
            await child.astep(await self._propose(child, children))
            last = child.branch
            if child.ended == "answer":
                return last
            step = last.last
            assert step is not None  # astep has appended one
            children.append(step)
            nodes.append((child, []))
        return last

    async def _propose(self, env: ToolEnv, siblings: Sequence[Step]) -> Any:
        messages = env.messages
        if not siblings:
            return await self.policy(messages, env.functions, seed=env.seed)
        request = describe_siblings(siblings)
        asked: dict[str, JsonValue] = {"role": "user", "content": request}
        message = await self.policy([*messages, asked], env.functions, seed=env.seed)
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
