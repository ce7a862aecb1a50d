"""Metrics of runs: what records tell, with intervals, differences and agreement with people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Final, NamedTuple

from toolenv.episodes import Episode, Outcome
from toolenv.errors import ConfigurationError
from toolenv.formats.gold import Gold
from toolenv.formats.toolbench.converted import read_converted
from toolenv.judging.agreement import (
    Label,
    LabelName,
    agree,
    agree_by_split,
    pairs_of_raters,
    pairs_with_people,
)
from toolenv.judging.call_metrics import CALL_METRICS
from toolenv.judging.error_taxonomy import count_errors
from toolenv.judging.gold_metrics import GOLD_METRICS
from toolenv.judging.grounding import GROUNDING_METRICS
from toolenv.judging.judge_doubt import vote_gains
from toolenv.judging.metrics import (
    Clusters,
    Metric,
    Unit,
    compare_metrics,
    summarise_metrics,
)
from toolenv.judging.verdicts import PassVerdict
from toolenv.running.comparison import refuse_different, refuse_different_tasks
from toolenv.running.folder import RunFolder
from toolenv.running.metrics_report import (
    AgreementFigures,
    Compared,
    Ends,
    ErrorFigure,
    MetricDifference,
    MetricFigure,
    MetricsReport,
    Subject,
    VoteFigures,
)
from toolenv.running.records import EpisodeKey
from toolenv.running.verdict_sets import pass_verdicts

__all__ = ["METRICS", "measure_runs"]

METRICS: Final[tuple[Metric, ...]] = (
    CALL_METRICS[0],
    *GROUNDING_METRICS,
    *CALL_METRICS[1:],
    *GOLD_METRICS,
)
"""All metrics without a judge, in the order that reports show them."""


class _Judged(NamedTuple):
    """What was decided of an episode."""

    task: str
    agent: str
    policy: str
    seed: int
    split: str
    decision: LabelName


class _Read(NamedTuple):
    """What was read of one subject."""

    name: str
    agent: str
    policy: str
    episodes: list[Episode]
    tasks: int
    run: RunFolder | None
    verdicts: Mapping[EpisodeKey, PassVerdict] = {}


def measure_runs(
    paths: Iterable[Path],
    *,
    gold: Mapping[str, Gold] | None = None,
    labels: Sequence[Label] = (),
    verdicts: str = "",
    clusters: Clusters = "task",
    compare: bool = True,
    force: bool = False,
    seed: int = 0,
    samples: int = 2_000,
) -> MetricsReport:
    """Measure runs, and compare each with the first.

    Args:
        paths: Run folders, and files of converted answers in ToolBench's format; those of one
            folder and method belong together.
        gold: Task id to what is known of its solution; else what the tasks carry.
        labels: What people say of the episodes.
        verdicts: The set of pass verdicts, beside each run, that says how episodes went; empty
            for what the runs themselves say.
        clusters: What intervals are over.
        compare: Whether to compare with the first.
        force: Compare also runs of different environments.
        seed: What the draws of intervals derive from.
        samples: How often is drawn.

    Raises:
        ConfigurationError: Nothing was read, or runs to be compared are not of the same tasks or
            environments.
        FormatError: A file of converted answers cannot be read.
        JournalError: A run cannot be read.
    """
    read = _read(paths, verdicts)
    if not read:
        raise ConfigurationError("There is no finished episode.", fix="Name runs that have some.")
    known = gold or {}
    units = [
        [Unit.of(one, METRICS, known.get(one.task.id)) for one in subject.episodes]
        for subject in read
    ]
    subjects = tuple(
        _subject(subject, measured, labels, clusters, seed, samples)
        for subject, measured in zip(read, units, strict=True)
    )
    comparisons = []
    for other, measured in list(zip(read, units, strict=True))[1:] if compare else ():
        differing = _comparable(read[0], other, force)
        found = compare_metrics(
            units[0], measured, METRICS, seed, clusters=clusters, samples=samples
        )
        comparisons.append(
            Compared(
                first=read[0].name,
                second=other.name,
                differences=tuple(
                    MetricDifference(
                        metric=one.metric,
                        macro=Ends.of(one.macro),
                        micro=Ends.of(one.micro),
                        tasks=one.tasks,
                        p=None if isnan(one.p) else round(one.p, 6),
                    )
                    for one in found
                    if one.tasks
                ),
                differing=differing,
            )
        )
    among = pairs_of_raters(labels)
    return MetricsReport(
        clusters=clusters,
        subjects=subjects,
        comparisons=tuple(comparisons),
        people=AgreementFigures.of(agree(among, seed, samples=samples)) if among else None,
        unlabelled=not labels,
    )


def _subject(
    read: _Read,
    units: Sequence[Unit],
    labels: Sequence[Label],
    clusters: Clusters,
    seed: int,
    samples: int,
) -> Subject:
    tasks = len({unit.task for unit in units})
    return Subject(
        name=read.name,
        agent=read.agent,
        policy=read.policy,
        episodes=len(units),
        tasks=tasks,
        missing=read.tasks - tasks,
        figures=tuple(
            MetricFigure(
                metric=one.metric,
                macro=Ends.of(one.macro),
                micro=Ends.of(one.micro),
                episodes=one.episodes,
                computable=one.computable,
                tasks=one.tasks,
                clusters=one.clusters,
                not_computable=dict(one.reasons),
            )
            for one in summarise_metrics(units, METRICS, seed, clusters=clusters, samples=samples)
        ),
        errors={
            kind: ErrorFigure(times=one.times, episodes=one.episodes)
            for kind, one in count_errors(read.episodes).items()
        },
        agreement=_agreement(read.episodes, labels, seed, samples) if labels else None,
        votes=_votes(read, seed, samples),
    )


def _agreement(
    episodes: Sequence[Episode], labels: Sequence[Label], seed: int, samples: int
) -> dict[str, AgreementFigures]:
    said = [
        _Judged(one.task.id, one.agent, one.policy, one.seed, one.task.split, one.outcome)
        for one in episodes
        if one.outcome != "infrastructure_error"
    ]
    pairs = pairs_with_people(said, labels)
    found = {"all": AgreementFigures.of(agree(pairs, seed, samples=samples))}
    splits = agree_by_split(pairs, seed, samples=samples)
    if len(splits) > 1:
        found |= {name or "no split": AgreementFigures.of(one) for name, one in splits.items()}
    return found


def _read(paths: Iterable[Path], verdicts: str) -> list[_Read]:
    found: list[_Read] = []
    converted: dict[tuple[str, str], list[Episode]] = {}
    runs = [path for path in paths if not path.is_file() or _converted(path, converted)]
    for path in runs:
        run = RunFolder.open(path)
        grouped: dict[tuple[str, str], list[Episode]] = defaultdict(list)
        judged = pass_verdicts(path, verdicts) if verdicts else {}
        for episode in run.episodes():
            if verdicts:
                verdict = judged.get(EpisodeKey.of(episode))
                outcome: Outcome = verdict.decision if verdict is not None else "unsure"
                episode = replace(episode, outcome=outcome)
            grouped[episode.agent, episode.policy].append(episode)
        for (agent, policy), episodes in sorted(grouped.items()):
            name = f"{path.name}: {agent}, {policy}" if len(grouped) > 1 else path.name
            episodes.sort(key=lambda episode: (episode.task.id, episode.seed))
            found.append(_Read(name, agent, policy, episodes, len(run.tasks), run, judged))
    for (folder, method), episodes in converted.items():
        tasks = len({episode.task.id for episode in episodes})
        found.append(_Read(f"{folder}: {method}", method, "", episodes, tasks, None))
    names = [one.name for one in found]
    return [
        one._replace(name=f"{one.run.path}: {one.agent}, {one.policy}")
        if names.count(one.name) > 1 and one.run is not None
        else one
        for one in found
    ]


def _votes(read: _Read, seed: int, samples: int) -> tuple[VoteFigures, ...] | None:
    own = [read.verdicts.get(EpisodeKey.of(episode)) for episode in read.episodes]
    gains = vote_gains([one for one in own if one is not None], seed, samples=samples)
    if not gains:
        return None
    return tuple(
        VoteFigures(
            votes=one.votes,
            deviation=Ends.of(one.deviation),
            changed=Ends.of(one.changed),
            tied=Ends.of(one.tied),
            stored=one.stored,
        )
        for one in gains
    )


def _converted(path: Path, converted: dict[tuple[str, str], list[Episode]]) -> bool:
    """Read a file of converted answers; False, since it is no run."""
    for episode in read_converted(path):
        converted.setdefault((path.resolve().parent.name, episode.agent), []).append(episode)
    return False


def _comparable(one: _Read, other: _Read, force: bool) -> tuple[str, ...]:
    ours, theirs = ({episode.task.id for episode in read.episodes} for read in (one, other))
    refuse_different_tasks(one.name, ours, other.name, theirs)
    if one.run is None or other.run is None:
        return ()
    return tuple(refuse_different(one.run.manifest, other.run.manifest, force=force))
