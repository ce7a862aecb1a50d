"""Two attempts at one episode, compared to the byte: which step, which field, then and now."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final, NamedTuple, cast

from toolenv.episodes import Episode
from toolenv.jsontext import JsonValue, render
from toolenv.running.records import EpisodeKey
from toolenv.running.step_records import step_record

__all__ = ["EpisodeDifference", "episode_differences", "numbers_by_ranks"]

_ABSENT: Final = object()
_SHOWN = 100
_BEFORE = 20


class EpisodeDifference(NamedTuple):
    """A field that is another one than it was.

    Args:
        episode: The episode.
        step: The step's number, in pre-order; None for what is of the episode as a whole.
        field: Where in the journal's record, such as ``responses[0].text``; ``step`` for a step
            that one of the two lacks.
        recorded: What it was, as JSON shortened to around the first difference; empty for nothing.
        again: What it is now.
    """

    episode: EpisodeKey
    step: int | None
    field: str
    recorded: str
    again: str

    def __str__(self) -> str:
        where = "" if self.step is None else f" step {self.step}"
        task, agent, policy, seed = self.episode
        return (
            f"{task} {agent} {policy} seed {seed}{where}: {self.field}: recorded "
            f"{self.recorded or 'nothing'}, now {self.again or 'nothing'}"
        )


def episode_differences(
    recorded: Episode, again: Episode, *, apart_from: Collection[str] = (), most: int = 20
) -> list[EpisodeDifference]:
    """What differs between two attempts at one episode, as the journal would record them.

    Steps are matched by their ranks along the path, so that a step more or less is named itself
    and not by all that follow it.

    Args:
        recorded: The attempt that was.
        again: The attempt that is.
        apart_from: Names of fields that are not compared, such as ``source``.
        most: How many differences are named.
    """
    key = EpisodeKey.of(recorded)
    found = (
        EpisodeDifference(key, step, field, *_shown(before, now))
        for step, field, before, now in _differing(recorded, again)
        if not _fields_of(field) & {*apart_from}
    )
    return list(islice(found, most))


def numbers_by_ranks(episode: Episode) -> dict[tuple[int, ...], int]:
    """Each step's number by the ranks along its path: the same step in trees of the same search."""
    ranks: list[tuple[int, ...]] = []
    for step in episode.steps:
        above = ranks[step.parent] if step.parent >= 0 else ()
        ranks.append((*above, step.rank))
    return {path: number for number, path in enumerate(ranks)}


def _differing(
    recorded: Episode, again: Episode
) -> Iterator[tuple[int | None, str, object, object]]:
    before, now = numbers_by_ranks(recorded), numbers_by_ranks(again)
    for path, number in before.items():
        if path not in now:
            yield number, "step", _step(recorded, number), _ABSENT
            continue
        for difference in _differing_values(_step(recorded, number), _step(again, now[path])):
            yield number, *difference
    for path, number in now.items():
        if path not in before:
            yield number, "step", _ABSENT, _step(again, number)
    for difference in _differing_values(_ending(recorded), _ending(again)):
        yield None, *difference


def _step(episode: Episode, number: int) -> dict[str, object]:
    """A step as it is recorded, without what says where in the journal and in the tree it is."""
    record = step_record(0, number, episode.steps[number])
    return {name: value for name, value in record.items() if name not in _PLACES}


_PLACES = frozenset({"record", "episode", "step", "parent", "rank"})


def _ending(episode: Episode) -> dict[str, object]:
    """What is of the episode as a whole, and does not follow from its steps."""
    return {
        "steps": len(episode.steps),
        "chosen": episode.chosen,
        "ended": episode.ended,
        "outcome": episode.outcome,
        "reward": episode.reward,
        "cost": episode.cost._asdict(),
        "fingerprints": dict(sorted(episode.fingerprints.items())),
    }


def _differing_values(
    before: object, now: object, where: str = ""
) -> Iterator[tuple[str, object, object]]:
    """The smallest parts in which two JSON values differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            path = f"{where}.{name}" if where else name
            yield from _differing_values(before.get(name, _ABSENT), now.get(name, _ABSENT), path)
    elif isinstance(before, list) and isinstance(now, list):
        for number in range(max(len(before), len(now))):
            one, other = (side[number] if number < len(side) else _ABSENT for side in (before, now))
            yield from _differing_values(one, other, f"{where}[{number}]")
    elif before is _ABSENT or now is _ABSENT or render(before) != render(now):
        yield where, before, now


def _fields_of(path: str) -> set[str]:
    return {part.partition("[")[0] for part in path.split(".")}


def _shown(before: object, now: object) -> tuple[str, str]:
    """Both as JSON, cut to around the place where they begin to differ."""
    texts = [
        "" if value is _ABSENT else render(cast("JsonValue", value)) for value in (before, now)
    ]
    same = next(
        (at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other),
        min(map(len, texts)),
    )
    start = max(0, same - _BEFORE) if max(map(len, texts)) > _SHOWN else 0
    one, other = (
        f"{'…' if start and text else ''}{text[start : start + _SHOWN]}"
        f"{'…' if len(text) > start + _SHOWN else ''}"
        for text in texts
    )
    return one, other
