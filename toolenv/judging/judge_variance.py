"""Where the doubt of a judged rate comes from: tasks, the agent's chance, the judge's chance.

Scores are of tasks, agent seeds and judge seeds: the same episodes (a task with an agent seed) are
judged with the same judge seeds. A score is taken as the task's level, plus what the agent's seed
does, plus what the judge's seed does, plus what both do together: a two-way random-effects model
within each task. Its components are estimated from mean squares, pooled over tasks, without bias;
one may come out below 0 where it is nothing, and is then shown as it comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb, sqrt
from typing import NamedTuple

import numpy as np

from toolenv.judging.bootstrap import Drawn, Estimate, Numbers, bootstrap
from toolenv.seeds import derive

__all__ = ["VarianceParts", "VoteGain", "gains_of_votes", "variance_parts"]


class VarianceParts(NamedTuple):
    """Components of variance of one score, each with its 95 % interval over tasks.

    Args:
        task: Between tasks.
        agent: Between agent seeds of a task.
        judge: Between judge seeds of a task.
        both: What is left: the judge says something else of another episode, by chance.
        tasks: How many tasks there are.
        agents: How many agent seeds.
        judges: How many judge seeds.
    """

    task: Estimate
    agent: Estimate
    judge: Estimate
    both: Estimate
    tasks: int
    agents: int
    judges: int

    def deviation(self, *, tasks: int, agents: int, judges: int, same_tasks: bool = False) -> float:
        """The standard deviation of a rate over so many tasks, agent seeds and judge seeds.

        Args:
            tasks: How many tasks.
            agents: How many agent seeds of each.
            judges: How many judge seeds of each.
            same_tasks: Leave out what other tasks would change, as when runs of the same tasks
                are repeated.
        """
        agent, judge, both = (max(0.0, part.value) for part in self[1:4])
        within = agent / agents + judge / judges + both / (agents * judges)
        between = 0.0 if same_tasks else max(0.0, self.task.value)
        return sqrt((between + within) / tasks)


class VoteGain(NamedTuple):
    """What so many votes would be worth.

    Args:
        votes: How many votes decide.
        deviation: The standard deviation that the judge's chance alone gives the mean score of
            the run, with its 95 % interval over tasks.
        changed: The chance that the majority of so many votes is another (passed, failed or a tie)
            than that of so many new ones.
        tied: The chance of a tie.
        stored: Whether twice as many votes are stored, so that ``changed`` is that of votes that
            were cast; else votes are taken to go on as those stored, which makes it too small.
    """

    votes: int
    deviation: Estimate
    changed: Estimate
    tied: Estimate
    stored: bool


def variance_parts(scores: Numbers, seed: int = 0, *, samples: int = 2_000) -> VarianceParts:
    """Separate the variance of scores by what it comes from.

    Args:
        scores: By task, agent seed and judge seed, all known; such as 1 for passed, 0.5 for
            unsure, 0 for failed.
        seed: What the draws of the intervals derive from.
        samples: How often is drawn.

    Raises:
        ValueError: A score is not known, or there are fewer than two of anything.
    """
    array = np.asarray(scores, dtype=float)
    if array.ndim != 3 or min(array.shape) < 2:
        raise ValueError(f"scores of shape {array.shape} are not of two tasks, agents and judges")
    if np.isnan(array).any():
        raise ValueError("scores are not complete: each judge seed judges each episode")
    tasks, agents, judges = array.shape
    means = array.mean(axis=(1, 2))
    by_agent, by_judge = array.mean(axis=2), array.mean(axis=1)
    rest = array - by_agent[:, :, None] - by_judge[:, None, :] + means[:, None, None]
    # mean squares of each task, by row
    squares = np.stack(
        [
            judges * ((by_agent - means[:, None]) ** 2).sum(axis=1) / (agents - 1),
            agents * ((by_judge - means[:, None]) ** 2).sum(axis=1) / (judges - 1),
            (rest**2).sum(axis=(1, 2)) / ((agents - 1) * (judges - 1)),
        ],
        axis=1,
    )

    def components(drawn: Drawn) -> Numbers:
        agent_square, judge_square, both = squares[drawn].mean(axis=0)
        agent, judge = (agent_square - both) / judges, (judge_square - both) / agents
        within = agent / agents + judge / judges + both / (agents * judges)
        return np.array([means[drawn].var(ddof=1) - within, agent, judge, both])

    found = bootstrap(
        components, tasks, derive("variance", seed), samples=samples, widened=[tasks] * 4
    )
    of_task, of_agent, of_judge, left = found
    return VarianceParts(of_task, of_agent, of_judge, left, tasks, agents, judges)


def gains_of_votes(
    votes: Sequence[Sequence[Sequence[float]]],
    numbers: Sequence[int] = (1, 2, 4, 8),
    seed: int = 0,
    *,
    samples: int = 2_000,
) -> list[VoteGain]:
    """How far more votes would help, from votes that are stored.

    Args:
        votes: By task and episode: the scores of its votes, 1 for passed, 0 for failed, 0.5 for
            unsure; at least two of each episode, as many as there are.
        numbers: For how many votes is answered.
        seed: What the draws of the intervals derive from.
        samples: How often is drawn.

    Raises:
        ValueError: An episode has fewer than two votes.
    """
    if any(len(episode) < 2 for task in votes for episode in task):
        raise ValueError("of an episode with fewer than two votes nothing can be said")
    tasks = [task for task in votes if len(task)]
    if not tasks:
        return []
    found = []
    fewest = min(len(episode) for task in tasks for episode in task)
    for number in numbers:
        rows = np.array(
            [np.mean([_of_episode(episode, number) for episode in task], axis=0) for task in tasks]
        )
        episodes = np.array([float(len(task)) for task in tasks])

        def figures(drawn: Drawn, rows: Numbers = rows, episodes: Numbers = episodes) -> Numbers:
            _, changed, tied = rows[drawn].mean(axis=0)
            # the mean score of a run is the mean over tasks of the mean over episodes
            noise = (rows[drawn, 0] / episodes[drawn]).mean() / len(rows)
            return np.array([sqrt(noise), changed, tied])

        deviation, changed, tied = bootstrap(
            figures,
            len(rows),
            derive("votes", seed, number),
            samples=samples,
            widened=[len(rows)] * 3,
        )
        found.append(VoteGain(number, deviation, changed, tied, 2 * number <= fewest))
    return found


def _of_episode(votes: Sequence[float], number: int) -> tuple[float, float, float]:
    """The variance of the mean of so many votes, and the chances of another majority and a tie."""
    variance = float(np.var(votes, ddof=1)) / number
    passed = sum(vote > 0.5 for vote in votes)
    failed = sum(vote < 0.5 for vote in votes)
    left = (passed, failed, len(votes) - passed - failed)
    again = 2 * number <= len(votes)  # as many others are stored
    sums, alike = np.zeros(3), 0.0
    for drawn, chance in _draws(left, number, once=again):
        sums[_majority(drawn)] += chance
        if again:
            others = (left[0] - drawn[0], left[1] - drawn[1], left[2] - drawn[2])
            alike += chance * sum(
                chance_too
                for other, chance_too in _draws(others, number, once=True)
                if _majority(other) == _majority(drawn)
            )
    if not again:
        alike = float((sums**2).sum())
    return variance, 1 - alike, float(sums[2])


def _majority(counts: tuple[int, int, int]) -> int:
    passed, failed, _ = counts
    return 0 if passed > failed else 1 if failed > passed else 2


def _draws(
    stored: tuple[int, int, int], number: int, *, once: bool
) -> Iterator[tuple[tuple[int, int, int], float]]:
    """What so many votes may be, with its chance; each stored one once, or as often as it comes."""
    total = sum(stored)
    for p in range(number + 1):
        for f in range(number + 1 - p):
            drawn = (p, f, number - p - f)
            if once:
                ways = 1
                for count, of in zip(drawn, stored, strict=True):
                    ways *= comb(of, count)
                chance = ways / comb(total, number)
            else:
                chance = float(comb(number, p) * comb(number - p, f))
                for count, of in zip(drawn, stored, strict=True):
                    chance *= (of / total) ** count
            if chance:
                yield drawn, chance
