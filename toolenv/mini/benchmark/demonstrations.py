"""Demonstrations: what the expert does in the environment, as episodes to learn from."""

from __future__ import annotations

from collections.abc import Iterator

from toolenv import bridge
from toolenv.env import ToolEnv
from toolenv.episodes import Episode
from toolenv.mini.benchmark.policies import ExpertPolicy
from toolenv.mini.benchmark.simulator import benchmark_simulator
from toolenv.mini.benchmark.tasks import train_tasks

__all__ = ["demonstrations"]

_CHUNK = 256


def demonstrations(
    seed: int = 0,
    count: int | None = None,
    *,
    start: int = 0,
    careless: float = 0.0,
    passed_only: bool = True,
) -> Iterator[Episode]:
    """Episodes of the expert on training tasks, made as they are asked for.

    The calls are answered by the environment, with the failures that the task has: an episode
    shows the expert's own conversation, its recoveries among them.

    Args:
        seed: The seed of the training tasks.
        count: How many tasks are attempted; None for an endless stream.
        start: The number of the first task.
        careless: The share of choices that the expert makes without looking at signs.
        passed_only: Leave out what did not pass: an early failure can eat the steps.

    Example:
        >>> episode = next(demonstrations(seed=0))
        >>> episode.outcome, episode.branch.path()[-1].calls[0].function
        ('passed', 'Finish')
    """
    while count is None or count > 0:
        size = _CHUNK if count is None else min(_CHUNK, count)
        tasks = list(train_tasks(seed, size, start))
        env = ToolEnv(tasks, benchmark_simulator())
        expert = ExpertPolicy(tasks, careless=careless)
        for task in tasks:
            env.reset(seed=seed, options={"task": task})
            while not env.done:
                env.step(bridge.run(expert(env.messages, env.functions, seed=env.seed)))
            episode = env.episode(env.branch, agent="ReACT", policy=expert.name, seed=seed)
            if episode.outcome == "passed" or not passed_only:
                yield episode
        start += size
        count = None if count is None else count - size
