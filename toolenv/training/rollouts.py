"""Attempts for training by reward: whole episodes in the environment, as tokens and a mask.

All attempts of a batch run at once: their messages are generated in batches, their calls are
resolved concurrently. The members of a group are forks of one episode, so they share the task, the
seed that all faults derive from and what answers; each draws its own tokens.

What is trained on is what was sampled. Each turn's prompt is written by the policy's own prompting
from the messages so far; where it does not begin with the tokens so far (a call was written in
another way than the template writes it), the earlier turns of that attempt are masked out, and
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from toolenv import bridge
from toolenv.agents.policies.generation import Continuation, Prompt
from toolenv.agents.policies.local import TransformersPolicy
from toolenv.agents.policies.local_model import LoadedModel
from toolenv.env import ToolEnv
from toolenv.episodes import Message, Status, Tokens
from toolenv.errors import PolicyError
from toolenv.judging.rewards import WeightedReward
from toolenv.seeds import derive

__all__ = ["Attempt", "Rollouts", "TrainedPolicy"]

_BLAMELESS: Final = frozenset({Status.MISS, Status.SIMULATOR_FAILED})


class TrainedPolicy(TransformersPolicy):
    """A local policy whose model is in training: prompts and reading are those of any run.

    Args:
        model: The folder that the tokenizer is from.
        options: As for ``TransformersPolicy``.
    """

    def use(self, loaded: LoadedModel) -> None:
        """Generate with this model, or these weights of it, from now on."""
        self._loaded = loaded
        self.forget()

    def _read(self, said: Continuation, prompt: Prompt) -> Message:
        tokens = Tokens(ids=said.ids, prompt_ids=tuple(prompt.tokens))
        return super()._read(said, prompt)._replace(tokens=tokens)


@dataclass(slots=True)
class Attempt:
    """One attempt as what a trainer needs of it.

    Attributes:
        prompt: The tokens of the first prompt.
        completion: What followed: sampled tokens, and what the environment and the template put
            between them.
        mask: 1 for each sampled token that is trained on, else 0.
        reward: What it is worth; None where the policy is not to blame for how it went.
        calls: How many calls reached an API (``made``), and how many no simulator answered
            (``missed``).
        rewritten: How often what came before was masked out, being written in another way.
        ended: Why it stopped.
    """

    prompt: list[int] = field(default_factory=list)
    completion: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    reward: float | None = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    rewritten: int = 0
    ended: str = ""

    def add(self, prompt: Sequence[int], said: Sequence[int], most: int) -> bool:
        """Append a turn; whether it fits."""
        so_far = [*self.prompt, *self.completion]
        completion, mask, rewritten = self.completion, self.mask, False
        if not self.prompt:
            self.prompt = list(prompt)
        elif list(prompt[: len(so_far)]) == so_far:
            between = list(prompt[len(so_far) :])
            completion, mask = completion + between, mask + [0] * len(between)
        elif list(prompt[: len(self.prompt)]) == self.prompt:
            completion = list(prompt[len(self.prompt) :])
            mask, rewritten = [0] * len(completion), any(self.mask)
        else:  # the context was cut
            self.ended = "limit:context"
            return False
        if len(completion) + len(said) > most:
            self.ended = "limit:tokens"
            return False
        self.completion, self.mask = [*completion, *said], [*mask, *[1] * len(said)]
        self.rewritten += rewritten
        return True


class Rollouts:
    """Makes attempts at tasks, many at once.

    Args:
        env: The environment.
        policy: What says the messages.
        reward: What an ended branch is worth.
        most: Most tokens of an attempt after its prompt.
        seed: What the episodes' seeds derive from.
    """

    def __init__(
        self,
        env: ToolEnv,
        policy: TrainedPolicy,
        reward: WeightedReward,
        *,
        most: int,
        seed: int,
    ) -> None:
        self._env = env
        self._policy = policy
        self._reward = reward
        self._most = most
        self._seed = seed

    def attempt_all(self, tasks: Sequence[str], *, round: int, first: int = 0) -> list[Attempt]:
        """One attempt for each named task; equal names are members of a group.

        Args:
            tasks: The tasks' ids, as often as each is to be attempted.
            round: Which round of training it is: another one meets other faults.
            first: The rank of the first member, where other processes attempt the same tasks.
        """
        episodes: dict[str, ToolEnv] = {}
        forks = []
        for number, task in enumerate(tasks):
            if task not in episodes:
                episodes[task] = own = self._env.fresh()
                own.reset(seed=self.seed_of(task, round), options={"task": task})
            forks.append(episodes[task].fork(rank=first + number))
        return bridge.run_on_loop(
            lambda: bridge.gather([partial(self._attempt, fork) for fork in forks])
        )

    def seed_of(self, task: str, round: int) -> int:
        """The seed of an episode: that of all members of its group."""
        return derive("rollouts", self._seed, task, round)

    async def _attempt(self, env: ToolEnv) -> Attempt:
        found = Attempt()
        while not env.done:
            try:
                message = await self._policy(env.messages, env.functions, seed=env.seed)
            except PolicyError:
                if not found.prompt:
                    raise
                found.ended = "limit:context"
                break
            tokens = message.tokens
            assert tokens is not None  # TrainedPolicy tells them
            if not found.add(tokens.prompt_ids, tokens.ids, self._most):
                break
            await env.astep(message)
        branch = env.branch
        found.ended = found.ended or branch.ended
        statuses = [response.status for call, response in branch.calls() if call.api is not None]
        found.calls.update(made=len(statuses), missed=sum(s is Status.MISS for s in statuses))
        if _BLAMELESS & set(statuses) or found.ended.startswith("error:"):
            found.reward, found.mask = None, [0] * len(found.mask)
        else:
            found.reward = self._reward.score(branch)
        return found
