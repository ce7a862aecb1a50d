"""Coverage: how far recordings answer for policies that did not make them.

A policy's own recordings answer everything that it asks, which says nothing of the next policy. So
each episode's calls are looked up with its own policy's recordings left out: those that have the
policy's or the run's name, or begin with it and a slash. For a recorded tree it is the tree's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from toolenv import bridge
from toolenv.apis import Identity
from toolenv.episodes import Branch, Call, Episode, Response
from toolenv.judging.intervals import wilson
from toolenv.running.folder import RunFolder
from toolenv.running.reproduction import read_answers, recording_of
from toolenv.simulators import RecordedSimulator, Simulator
from toolenv.snapshots import Recordings, Snapshot
from toolenv.snapshots.success import classify
from toolenv.tasks import Task

__all__ = [
    "Attempt",
    "Coverage",
    "Covered",
    "Missing",
    "answer_attempts",
    "coverage",
    "own_recordings",
    "run_attempts",
]

Make = Callable[[Sequence[str]], Simulator]
"""Makes what answers, from the names of the recordings that are left out."""


class Attempt(NamedTuple):
    """An episode whose calls are looked up.

    Args:
        policy: Who made the calls: a policy, or a recorded tree.
        episode: The episode.
        own: The recordings that are left out for it.
    """

    policy: str
    episode: Episode
    own: tuple[str, ...]


@dataclass
class Covered:
    """What of some calls is answered.

    Args:
        asked: Calls that reach an API, each as often as it was made.
        answered: Those that are answered.
        equal: Answers with the text that was observed when the call was made.
        sources: Answers by who gave them.
        origins: Answers by what first produced them.
        success: Answers by whether they are a ``success``, an ``error`` or ``unknown``.
    """

    asked: int = 0
    answered: int = 0
    equal: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    success: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float | None:
        """The share of calls that are answered; None where none was made."""
        return self.answered / self.asked if self.asked else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        return wilson(self.answered, self.asked)

    def add(self, observed: Response, answer: Response | None) -> None:
        """Count a call."""
        self.asked += 1
        if answer is not None:
            self.answered += 1
            self.equal += answer.text == observed.text
            self.sources[answer.source] += 1
            self.origins[answer.origin] += 1
            self.success[classify(answer.status, answer.text)] += 1


class Missing(NamedTuple):
    """An API whose calls are not all answered.

    Args:
        api: The API.
        calls: How many of its calls are not answered.
        tasks: In how many tasks they were made.
    """

    api: Identity
    calls: int
    tasks: int


@dataclass(frozen=True)
class Coverage:
    """How far recordings answer.

    Args:
        rows: What is answered, by policy and split.
        left_out: The recordings left out for each policy; none where it made none that its name
            tells.
        missing: What to record next for the largest gain: APIs by missed calls, then by tasks.
    """

    rows: Mapping[tuple[str, str], Covered]
    left_out: Mapping[str, tuple[str, ...]]
    missing: Sequence[Missing]

    def total(self, split: str | None = None) -> Covered:
        """What is answered in all, or of one split."""
        total = Covered()
        for (_, of), row in self.rows.items():
            if split in (None, of):
                total.asked += row.asked
                total.answered += row.answered
                total.equal += row.equal
                total.sources += row.sources
                total.origins += row.origins
                total.success += row.success
        return total


def coverage(
    recordings: Recordings,
    attempts: Iterable[Attempt],
    *,
    make: Make | None = None,
    tasks: Iterable[Task] = (),
) -> Coverage:
    """Look up every call of some episodes, the own recordings of each left out.

    Args:
        recordings: What answers.
        attempts: The episodes.
        make: Makes another simulator than the one that serves the earliest recorded answer.
        tasks: Where splits and documents are taken from, for tasks of equal ids.
    """

    def serve(without: Sequence[str]) -> Simulator:
        return RecordedSimulator(recordings, order="first", without=without)

    known = {task.id: task for task in tasks}
    simulators: dict[tuple[str, ...], Simulator] = {}
    rows: dict[tuple[str, str], Covered] = {}
    left_out: dict[str, set[str]] = {}
    missed: dict[Identity, tuple[int, set[str]]] = {}
    for policy, episode, own in attempts:
        left_out.setdefault(policy, set()).update(own)
        if own not in simulators:
            simulators[own] = (make or serve)(own)
        task = known.get(episode.task.id, episode.task)
        row = rows.setdefault((policy, task.split), Covered())
        for call, observed, answer in _asked(simulators[own], task, episode):
            row.add(observed, answer)
            if answer is None:
                assert call.api is not None  # only what reaches an API is asked
                calls, of = missed.get(call.api, (0, set()))
                missed[call.api] = (calls + 1, of | {episode.task.id})
    missing = [Missing(api, calls, len(of)) for api, (calls, of) in missed.items()]
    missing.sort(key=lambda one: (-one.calls, -one.tasks, one.api))
    return Coverage(
        dict(sorted(rows.items())),
        {policy: tuple(sorted(names)) for policy, names in sorted(left_out.items())},
        missing,
    )


def _asked(
    simulator: Simulator, task: Task, episode: Episode
) -> Iterator[tuple[Call, Response, Response | None]]:
    """Each call that reached an API, with what was observed and what is answered now."""
    for step in episode.steps:
        session = simulator.open(task, 0)
        past = Branch(task, episode.steps, step.parent)
        for call, observed in zip(step.calls, step.responses, strict=True):
            if call.api is not None:
                yield call, observed, bridge.run(session.call(call, past))


def own_recordings(names: Iterable[str], *makers: str) -> tuple[str, ...]:
    """Those recordings that were made by someone, by their names.

    Example:
        >>> own_recordings(["gpt/588", "gpt-2/588", "gpt", "588"], "gpt")
        ('gpt', 'gpt/588')
    """
    return tuple(
        sorted(
            name
            for name in names
            if any(maker and (name == maker or name.startswith(f"{maker}/")) for maker in makers)
        )
    )


def run_attempts(runs: Iterable[RunFolder], recordings: Recordings) -> Iterator[Attempt]:
    """The episodes of runs, with the recordings that their policies made.

    Raises:
        JournalError: A run cannot be read.
    """
    names = _names(recordings)
    for run in runs:
        for episode in run.episodes():
            own = own_recordings(names, episode.policy, run.path.resolve().name)
            yield Attempt(episode.policy, episode, own)


def answer_attempts(paths: Sequence[Path | str]) -> Iterator[Attempt]:
    """The recorded trees among some files and folders, each a policy of its own.

    Raises:
        FormatError: A path does not exist, or a file is malformed.
    """
    for episode in read_answers(paths):
        name = recording_of(episode)
        yield Attempt(name, episode, (name,))


def _names(recordings: Recordings) -> list[str]:
    if isinstance(recordings, Snapshot):
        return list(recordings.manifest.recordings)
    return sorted({record.response.recording for record in recordings.records()})
