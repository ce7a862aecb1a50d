"""What is compared, written down before the test splits were run, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from toolenv.errors import ConfigurationError
from toolenv.judging.bootstrap import Estimate, Numbers
from toolenv.judging.crossed import crossed_estimate
from toolenv.running.folder import RunFolder
from toolenv.running.results import Result

__all__ = ["PRIMARY", "SECONDARY", "Contrast", "Measured", "read_measured"]


class Contrast(NamedTuple):
    """One method less another, paired by task and training seed.

    Args:
        claim: What is claimed.
        better: The method and agent that is said to do better.
        worse: What it is compared with.
        of: ``passed`` (share), ``steps`` (of the chosen branch) or ``policy_calls``.
    """

    claim: str
    better: tuple[str, str]
    worse: tuple[str, str]
    of: str = "passed"


PRIMARY: Final = (
    Contrast("search beats one attempt", ("sft", "dfsdt"), ("sft", "react")),
    Contrast("search beats attempts of equal cost", ("sft", "dfsdt"), ("sft", "react-n")),
    Contrast("preferences beat imitation", ("dpo", "react"), ("sft", "react")),
    Contrast("preferences beat random labels", ("dpo", "react"), ("dpo-random", "react")),
    Contrast("preferences beat imitating successes", ("dpo", "react"), ("sft-again", "react")),
    Contrast("rewards beat imitation", ("grpo", "react"), ("sft", "react")),
)
"""The primary contrasts, pooled over the six splits."""

SECONDARY: Final = (
    Contrast("preferences beat imitation, searching", ("dpo", "dfsdt"), ("sft", "dfsdt")),
    Contrast("search beats one attempt, after preferences", ("dpo", "dfsdt"), ("dpo", "react")),
    Contrast("steps, preferences", ("dpo", "dfsdt"), ("sft", "dfsdt"), "steps"),
    Contrast("policy calls, preferences", ("dpo", "dfsdt"), ("sft", "dfsdt"), "policy_calls"),
)


class Measured:
    """Outcomes of methods and agents, by training seed and task.

    Args:
        found: By method and agent, the results of each training seed.

    Attributes:
        tasks: The tasks that all have, in order.
        splits: Their splits, in the same order.
    """

    def __init__(self, found: dict[tuple[str, str], list[list[Result]]]) -> None:
        shared = set.intersection(
            *(
                {result.task for result in results}
                for of_seeds in found.values()
                for results in of_seeds
            )
        )
        first = next(iter(found.values()))[0]
        kept = [result for result in first if result.task in shared]
        self.tasks = [result.task for result in kept]
        self.splits = np.array([result.split for result in kept])
        at = {task: place for place, task in enumerate(self.tasks)}
        self._scores: dict[tuple[str, str, str], Numbers] = {}
        for (method, agent), of_seeds in found.items():
            for of in ("passed", "steps", "policy_calls"):
                scores = np.zeros((len(of_seeds), len(at)))
                for row, results in zip(scores, of_seeds, strict=True):
                    for result in results:
                        if result.task in at:
                            row[at[result.task]] = _score(result, of)
                self._scores[method, agent, of] = scores

    def grouped(self, groups: Sequence[str]) -> Measured:
        """The same outcomes, in groups of tasks that take the place of the splits.

        Args:
            groups: One for each of ``tasks``.
        """
        other = copy(self)
        other.splits = np.array(groups)
        return other

    @property
    def methods(self) -> list[tuple[str, str]]:
        """Methods and agents that were measured."""
        return sorted({(method, agent) for method, agent, _ in self._scores})

    def scores(self, method: tuple[str, str], of: str, split: str = "") -> Numbers:
        """The scores of a method and agent, trainings by tasks; of one split, or of all."""
        found = self._scores[(*method, of)]
        return found[:, self.splits == split] if split else found

    def estimate(self, method: tuple[str, str], of: str, split: str = "") -> Estimate:
        """The mean over trainings and tasks, with its interval over both."""
        return crossed_estimate(self.scores(method, of, split))

    def difference(self, contrast: Contrast, split: str = "") -> Estimate | None:
        """The difference of a contrast; None where one side was not measured."""
        sides = (contrast.better, contrast.worse)
        if any((*side, contrast.of) not in self._scores for side in sides):
            return None
        better, worse = (self.scores(side, contrast.of, split) for side in sides)
        if better.shape != worse.shape:
            return None
        return crossed_estimate(better - worse)


def read_measured(out: Path, seeds: list[int], on: str) -> Measured:
    """Read what was run on some tasks.

    Args:
        out: The campaign's folder.
        seeds: The training seeds; a method that lacks one is left out.
        on: What the tasks are called in folders: ``test`` or ``validation``.

    Raises:
        ConfigurationError: No method was measured for all of these seeds.
    """
    found: dict[tuple[str, str], list[list[Result]]] = {}
    for place in sorted((out / f"seed-{seeds[0]}" / on).glob("*/*")):
        method = (place.parent.name, place.name)
        places = [out / f"seed-{seed}" / on / method[0] / method[1] for seed in seeds]
        if all((one / "results.jsonl").exists() for one in places):
            found[method] = []
            for one in places:
                with RunFolder.open(one) as folder:
                    found[method].append(list(folder.results()))
    if not found:
        raise ConfigurationError(
            f"Nothing was measured on {on} for all of the seeds {', '.join(map(str, seeds))}.",
            where=str(out),
            fix="python -m benchmarks.campaign measures; --seeds says how many there are.",
        )
    return Measured(found)


def _score(result: Result, of: str) -> float:
    if of == "passed":
        return float(result.outcome == "passed")
    return float(result.chosen_steps if of == "steps" else result.cost.policy_calls)
