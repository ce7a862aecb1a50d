"""A report of metrics, as data: what ``toolenv metrics --json`` prints."""

from __future__ import annotations

from math import isnan

from pydantic import BaseModel, ConfigDict

from toolenv.judging.agreement import Agreement
from toolenv.judging.bootstrap import Estimate
from toolenv.judging.metrics import Clusters

__all__ = [
    "AgreementFigures",
    "Compared",
    "Ends",
    "ErrorFigure",
    "MetricDifference",
    "MetricFigure",
    "MetricsReport",
    "Subject",
    "VoteFigures",
]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ends(_Plain):
    """A figure with its 95 % interval; None where it is not defined.

    Args:
        value: The figure.
        low: The lower end.
        high: The upper end.
    """

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> Ends:
        """From an estimate, rounded to six decimals."""
        value, low, high = (None if isnan(end) else round(end, 6) + 0.0 for end in estimate)
        return cls(value=value, low=low, high=high)


class MetricFigure(_Plain):
    """A metric over a run; see ``toolenv.judging.metrics.Figure``."""

    metric: str
    macro: Ends
    micro: Ends
    episodes: int
    computable: int
    tasks: int
    clusters: int
    not_computable: dict[str, int]


class MetricDifference(_Plain):
    """A metric compared; see ``toolenv.judging.metrics.Difference``."""

    metric: str
    macro: Ends
    micro: Ends
    tasks: int
    p: float | None


class ErrorFigure(_Plain):
    """How often something went wrong, and in how many episodes."""

    times: int
    episodes: int


class AgreementFigures(_Plain):
    """How far the run's verdicts agree with people; see ``toolenv.judging.agreement.Agreement``."""

    pairs: int
    tasks: int
    unsure: int
    judge: Ends
    people: Ends
    leniency: Ends
    accuracy: Ends
    false_passes: Ends
    false_fails: Ends
    kappa: Ends

    @classmethod
    def of(cls, found: Agreement) -> AgreementFigures:
        """From what was computed."""
        ends = {
            name: Ends.of(value)
            for name, value in found._asdict().items()
            if isinstance(value, Estimate)
        }
        return cls(pairs=found.pairs, tasks=found.tasks, unsure=found.unsure, **ends)


class VoteFigures(_Plain):
    """What so many votes are worth; see ``toolenv.judging.judge_variance.VoteGain``."""

    votes: int
    deviation: Ends
    changed: Ends
    tied: Ends
    stored: bool


class Subject(_Plain):
    """One agent over one policy in one run.

    Args:
        name: What it is called in the report.
        agent: What explored.
        policy: What decided.
        episodes: How many finished episodes there are.
        tasks: Of how many tasks.
        missing: The tasks of the run without a finished episode: no average counts them.
        figures: Each metric, also those that cannot be computed.
        errors: What went wrong, by kind.
        agreement: How far its verdicts agree with people, by split; ``all`` for all of them. None
            where no labels were given.
        votes: What 1, 2, 4 and 8 votes of the judge would be worth; None without a verdict set, or
            where an episode has fewer than two votes.
    """

    name: str
    agent: str
    policy: str
    episodes: int
    tasks: int
    missing: int
    figures: tuple[MetricFigure, ...]
    errors: dict[str, ErrorFigure]
    agreement: dict[str, AgreementFigures] | None = None
    votes: tuple[VoteFigures, ...] | None = None


class Compared(_Plain):
    """How much more one subject has than the first.

    Args:
        first: The first subject's name.
        second: The other's.
        differences: Each metric that tells of a task in both.
        differing: In what the runs differ although they should not; empty unless forced.
    """

    first: str
    second: str
    differences: tuple[MetricDifference, ...]
    differing: tuple[str, ...] = ()


class MetricsReport(_Plain):
    """Metrics of runs.

    Args:
        clusters: What intervals are over: ``task`` or ``tool``.
        subjects: Each agent over each policy, in the order given.
        comparisons: Each later subject beside the first.
        people: How far people agree with each other, where labels have several raters.
        unlabelled: Whether no labels of people were given, so that nothing says how good the
            verdicts are.
    """

    clusters: Clusters
    subjects: tuple[Subject, ...]
    comparisons: tuple[Compared, ...]
    people: AgreementFigures | None = None
    unlabelled: bool = True
