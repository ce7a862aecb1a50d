"""Results: one row per finished episode, the same bytes whatever the order of completion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from toolenv.episodes import Cost, Episode, Outcome, Status
from toolenv.errors import JournalError
from toolenv.jsontext import parse
from toolenv.running.atomic import write_atomically
from toolenv.running.records import EpisodeKey
from toolenv.running.step_records import json_line, read_reward

__all__ = ["Result", "read_results", "read_row", "result_of", "row_of", "write_results"]


class Result(NamedTuple):
    """What an episode came to, without its steps.

    Args:
        task: The task's id.
        agent: What explored, by name.
        policy: What decided, by name.
        seed: The seed of the attempt.
        split: The set that the task belongs to.
        outcome: How it went.
        reward: The chosen branch's rewards, added up.
        ended: Why the attempt stopped.
        answer: The chosen branch's answer; None where it gave none.
        steps: How many steps were explored.
        chosen_steps: How many steps the chosen branch has.
        cost: What it consumed.
        calls_by_source: How many calls each source answered, in the whole tree.
        calls_by_origin: The same by what first produced the responses.
        fingerprints: What the result depends on.
        misses: How many calls no simulator answered, in the whole tree. A call whose arguments its
            document refuses is told so, and is no miss.
    """

    task: str
    agent: str
    policy: str
    seed: int
    split: str = ""
    outcome: Outcome = "unsure"
    reward: float = 0.0
    ended: str = ""
    answer: str | None = None
    steps: int = 0
    chosen_steps: int = 0
    cost: Cost = Cost()
    calls_by_source: Mapping[str, int] = {}
    calls_by_origin: Mapping[str, int] = {}
    fingerprints: Mapping[str, str] = {}
    misses: int = 0

    @property
    def key(self) -> EpisodeKey:
        """What names the episode in its run; results are sorted by it."""
        return EpisodeKey(*self[:4])


_MISS = Status.MISS


def result_of(episode: Episode) -> Result:
    """An episode's row."""
    sources: dict[str, int] = {}
    origins: dict[str, int] = {}
    misses = 0
    for _, _, _, _, responses, _, _, _, _ in episode.steps:
        for _, status, source, origin, _, _, _ in responses:
            sources[source] = sources.get(source, 0) + 1
            origins[origin] = origins.get(origin, 0) + 1
            if status == _MISS:
                misses += 1
    branch = episode.branch
    return Result(
        episode.task.id,
        episode.agent,
        episode.policy,
        episode.seed,
        episode.task.split,
        episode.outcome,
        episode.reward,
        episode.ended,
        branch.answer,
        len(episode.steps),
        len(branch.numbers()),
        episode.cost,
        dict(sorted(sources.items())),
        dict(sorted(origins.items())),
        dict(sorted(episode.fingerprints.items())),
        misses,
    )


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write rows as JSON Lines, sorted by task, agent, policy and seed; all or nothing.

    Raises:
        JournalError: The file cannot be written.
    """
    rows = sorted(results, key=lambda result: result.key)
    write_atomically(path, map(json_line, map(row_of, rows)))


def row_of(result: Result) -> dict[str, Any]:
    """A result as a JSON object, as ``results.jsonl`` has it."""
    row = result._asdict()
    row["cost"] = result.cost._asdict()
    return row


def read_row(row: Mapping[str, Any]) -> Result:
    """The result that ``row_of`` made a JSON object of.

    Raises:
        TypeError, KeyError: It is no result.
    """
    return Result(**{**row, "cost": Cost(**row["cost"]), "reward": read_reward(row["reward"])})


def read_results(path: Path) -> Iterator[Result]:
    """Read the rows that ``write_results`` wrote.

    Raises:
        JournalError: The file cannot be read, or a line is not a result.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise JournalError(
            f"Cannot be read: {error.strerror}.",
            where=str(path),
            fix="Results are written when a run is complete: resume it.",
        ) from error
    with file:
        for number, line in enumerate(file, 1):
            try:
                row: Any = parse(line)
                yield read_row(row)
            except (ValueError, TypeError, KeyError) as error:
                raise JournalError(
                    f"Is not a result: {error!r}.",
                    where=f"{path}:{number}",
                    fix="Write the results again from the journal: resume the run.",
                ) from error
