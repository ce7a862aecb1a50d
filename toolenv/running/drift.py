"""Drift: what changed between two snapshots, and what that does to a pass rate.

One frozen policy is run on both, so that nothing but the responses differs. What moves is a mean
over tasks, so its interval is a bootstrap over tasks, paired: each task is drawn with both of its
results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from toolenv.apis import Identity
from toolenv.episodes import Episode, Status
from toolenv.errors import ConfigurationError
from toolenv.judging.bootstrap import mean_estimates
from toolenv.running.comparison import refuse_different
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.seeds import derive
from toolenv.snapshots import Comparison, Snapshot, diff
from toolenv.tasks import Task

__all__ = [
    "CAUSES",
    "Cause",
    "ChangedAPI",
    "Drift",
    "Movement",
    "Shift",
    "Touched",
    "cause_of",
    "compare_snapshots",
    "movement",
]

Cause: TypeAlias = Literal["changed response", "new miss", "no longer a miss", "policy", "check"]
"""Why an episode went otherwise: by the first response that differs. ``policy``: it said something
else to equal responses. ``check``: nothing differs but what counts as true."""

CAUSES: tuple[Cause, ...] = get_args(Cause)


class ChangedAPI(NamedTuple):
    """An API with an answer that changed.

    Args:
        api: The API.
        changed: How many of its calls have another earliest answer.
    """

    api: Identity
    changed: int


class Touched(NamedTuple):
    """How many tasks of a split offer an API that changed.

    Args:
        tasks: Tasks of the split.
        touched: Those that offer one.
    """

    tasks: int
    touched: int


@dataclass(frozen=True)
class Drift:
    """What changed from one snapshot to another.

    Args:
        apis: APIs that either has.
        common: Calls that both have.
        changed: APIs with calls whose earliest answer differs, by how many.
        only_before: Calls that only the first has.
        only_after: Calls that only the second has.
        splits: Tasks that offer a changed API, by split.
    """

    apis: int
    common: int
    changed: Sequence[ChangedAPI]
    only_before: int
    only_after: int
    splits: Mapping[str, Touched]

    @property
    def changed_calls(self) -> int:
        """Calls that both have and answer otherwise."""
        return sum(one.changed for one in self.changed)


def compare_snapshots(before: Snapshot, after: Snapshot, tasks: Iterable[Task] = ()) -> Drift:
    """What changed from one snapshot to another, and which tasks that touches."""
    comparison = Comparison()
    changed: Counter[Identity] = Counter()
    same_first = 0
    for difference in diff(before, after, comparison):
        if difference.kind == "answered_differently":
            if difference.answer == 0 and None not in (difference.a, difference.b):
                changed[difference.identity] += 1
            else:
                same_first += 1
    by_function: dict[str, list[Identity]] = {}
    for identity in changed:
        by_function.setdefault(identity.function, []).append(identity)
    splits: dict[str, Touched] = {}
    for task in tasks:
        touches = any(
            identity.joins(api.identity)
            for api in task.apis
            for identity in by_function.get(api.identity.function, ())
        )
        known = splits.get(task.split, Touched(0, 0))
        splits[task.split] = Touched(known.tasks + 1, known.touched + touches)
    return Drift(
        apis=len({*before.identities(), *after.identities()}),
        common=comparison.equal + same_first + changed.total(),
        changed=[
            ChangedAPI(identity, count)
            for identity, count in sorted(changed.items(), key=lambda item: (-item[1], item[0]))
        ],
        only_before=comparison.counts["only_a"],
        only_after=comparison.counts["only_b"],
        splits=dict(sorted(splits.items())),
    )


class Shift(NamedTuple):
    """A difference of pass rates, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Movement:
    """How the pass rate of one policy moves from one snapshot to another.

    Args:
        tasks: Tasks with a decision on both.
        episodes: Pairs of episodes of these tasks.
        undecided: Pairs without a decision on either; left out.
        before: The pass rate on the first: the mean over tasks.
        after: The same on the second.
        shift: The difference.
        causes: The difference split by why episodes went otherwise; the parts add up to it.
        turned: How many episodes went otherwise, by cause.
    """

    tasks: int
    episodes: int
    undecided: int
    before: float
    after: float
    shift: Shift
    causes: Mapping[Cause, Shift]
    turned: Mapping[Cause, int]


def movement(
    before: RunFolder,
    after: RunFolder,
    *,
    seed: int = 0,
    samples: int = 2_000,
    other_tasks: bool = False,
    force: bool = False,
) -> dict[str, Movement]:
    """How the pass rate moves between two runs of one policy that differ in the snapshot alone.

    Args:
        before: The run on the first snapshot.
        after: The run on the second.
        seed: What the bootstrap draws from.
        samples: How often it draws.
        other_tasks: Whether the second run's tasks may differ, as where true answers changed.
        force: Compare runs whose environments differ in more than that.

    Returns:
        ``all``; and, where the check of a task changed, ``same answer`` and ``changed answer``:
        the tasks of which what is true is the same, and the others.

    Raises:
        ConfigurationError: The environments differ, or the runs share no episode.
        JournalError: A run cannot be read.
    """
    apart = {"simulator", "tasks", "documents"} if other_tasks else {"simulator"}
    refuse_different(before.manifest, after.manifest, apart_from=apart, force=force)
    later = {EpisodeKey.of(episode): episode for episode in after.episodes()}
    pairs = [
        (episode, later[key])
        for episode in before.episodes()
        if (key := EpisodeKey.of(episode)) in later
    ]
    if not pairs:
        raise ConfigurationError(
            "The runs have no episode in common.",
            where=f"{before.path}, {after.path}",
            fix="Run the same tasks, agents, policies and seeds on both snapshots.",
        )
    pairs.sort(key=lambda pair: EpisodeKey.of(pair[0]))
    changed = {one.task.id for one, other in pairs if one.task.check != other.task.check}
    found = {"all": _move(pairs, seed, samples)}
    if changed:
        same = [pair for pair in pairs if pair[0].task.id not in changed]
        others = [pair for pair in pairs if pair[0].task.id in changed]
        found["same answer"] = _move(same, seed, samples)
        found["changed answer"] = _move(others, seed, samples)
    return found


def cause_of(before: Episode, after: Episode) -> Cause:
    """Why an episode may have gone otherwise: the first difference between two, in pre-order."""
    for one, other in zip(before.steps, after.steps, strict=False):
        if (one.parent, one.message.content, one.message.calls) != (
            other.parent,
            other.message.content,
            other.message.calls,
        ):
            return "policy"
        for then, now in zip(one.responses, other.responses, strict=False):
            if then.text != now.text or then.status != now.status:
                if now.status == Status.MISS:
                    return "new miss"
                return "no longer a miss" if then.status == Status.MISS else "changed response"
    return "check" if len(before.steps) == len(after.steps) else "policy"


class _Task(NamedTuple):
    """A task's results: means over its pairs of episodes."""

    before: float
    after: float
    parts: tuple[float, ...]


def _move(pairs: Sequence[tuple[Episode, Episode]], seed: int, samples: int) -> Movement:
    decided: dict[str, list[tuple[int, int, Cause | None]]] = {}
    undecided = 0
    turned: Counter[Cause] = Counter()
    for one, other in pairs:
        if not {one.outcome, other.outcome} <= {"passed", "failed"}:
            undecided += 1
            continue
        then, now = int(one.outcome == "passed"), int(other.outcome == "passed")
        cause = cause_of(one, other) if then != now else None
        if cause is not None:
            turned[cause] += 1
        decided.setdefault(one.task.id, []).append((then, now, cause))
    tasks = [_mean(results) for results in decided.values()]
    rows = [(task.after - task.before, *task.parts) for task in tasks]
    moves = (
        [Shift(*one) for one in mean_estimates(rows, derive("drift", seed), samples=samples)]
        if rows
        else [Shift(0.0, -1.0, 1.0)] * (1 + len(CAUSES))
    )
    shift, *parts = moves
    return Movement(
        tasks=len(tasks),
        episodes=sum(map(len, decided.values())),
        undecided=undecided,
        before=_average([task.before for task in tasks]),
        after=_average([task.after for task in tasks]),
        shift=shift,
        causes={cause: part for cause, part in zip(CAUSES, parts, strict=True) if turned[cause]},
        turned={cause: turned[cause] for cause in CAUSES if turned[cause]},
    )


def _mean(results: Sequence[tuple[int, int, Cause | None]]) -> _Task:
    return _Task(
        _average([then for then, _, _ in results]),
        _average([now for _, now, _ in results]),
        tuple(
            _average([now - then if cause == of else 0 for then, now, cause in results])
            for of in CAUSES
        ),
    )


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
