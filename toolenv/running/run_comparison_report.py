"""A comparison of runs, as data: what ``toolenv compare --json`` prints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from toolenv.judging.metrics import Clusters
from toolenv.running.metrics_report import Ends

__all__ = [
    "Flip",
    "Passes",
    "QuantityDifference",
    "RunComparison",
    "SideComparison",
    "SideFigures",
    "SplitDifferences",
]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SideFigures(_Plain):
    """One side by itself.

    Args:
        name: What it is called.
        run: The run's folder.
        agent: Its agent.
        policy: Its policy.
        episodes: How many finished episodes it has.
        tasks: Of how many tasks.
        missing: The tasks of the run without a finished episode.
        undecided: Episodes that nothing has decided on; the share that passed is without them.
        broken: Episodes that infrastructure broke; nothing is measured of them.
        figures: By split (empty for all tasks together) and quantity, the mean over tasks with its
            95 % interval.
    """

    name: str
    run: str
    agent: str
    policy: str
    episodes: int
    tasks: int
    missing: int
    undecided: int
    broken: int
    figures: dict[str, dict[str, Ends]]


class QuantityDifference(_Plain):
    """How much more the side has of a quantity than the reference.

    Args:
        quantity: Its name; see ``toolenv.running.run_comparison.QUANTITIES``.
        difference: The mean over tasks of the paired difference, with its 95 % interval.
        tasks: Over how many tasks, those that tell on both sides.
        p: The chance of one as large if each task's were as likely to go the other way; None for
            fewer than two tasks. Not corrected for how many are looked at.
    """

    quantity: str
    difference: Ends
    tasks: int
    p: float | None


class SplitDifferences(_Plain):
    """The differences in one split.

    Args:
        split: Its name; empty for all tasks together.
        tasks: How many tasks it has.
        differences: By quantity; what no task tells of on both sides is left out.
    """

    split: str
    tasks: int
    differences: tuple[QuantityDifference, ...]


class Passes(_Plain):
    """Which of a task's episodes passed, by seed."""

    passed: tuple[int, ...]
    failed: tuple[int, ...]

    @property
    def share(self) -> float:
        """The share that passed; of none nothing is made."""
        return len(self.passed) / (len(self.passed) + len(self.failed))

    def __str__(self) -> str:
        return f"{len(self.passed)}/{len(self.passed) + len(self.failed)}"


class Flip(_Plain):
    """A task that passes more or less often than on the reference's side.

    Args:
        task: Its id.
        split: Its split.
        reference: The reference's episodes.
        side: The side's episodes.
    """

    task: str
    split: str
    reference: Passes
    side: Passes

    @property
    def change(self) -> float:
        """By how much the share that passes is larger than the reference's."""
        return self.side.share - self.reference.share


class SideComparison(_Plain):
    """A side beside the reference.

    Args:
        reference: The reference's name.
        side: The side's name.
        splits: The differences in all tasks, then in each split where there are several.
        gained: The tasks that pass more often, the largest changes first.
        lost: The tasks that pass less often.
        differing: What the results depend on differently; empty unless forced.
        left_out: Tasks of one side alone; empty unless forced.
    """

    reference: str
    side: str
    splits: tuple[SplitDifferences, ...]
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    differing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class RunComparison(_Plain):
    """Sides compared with a reference.

    Args:
        clusters: What intervals are over: ``task`` or ``tool``.
        verdicts: The verdict set that says what passed; empty for what the runs say.
        sides: Each by itself, the reference first.
        comparisons: Each other side beside the reference.
    """

    clusters: Clusters
    verdicts: str
    sides: tuple[SideFigures, ...]
    comparisons: tuple[SideComparison, ...]
