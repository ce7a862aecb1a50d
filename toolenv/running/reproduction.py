"""Replaying recorded trees: does every decision observe what was observed when it was taken?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from toolenv.agents.replay import Replay
from toolenv.apis import FINISH
from toolenv.env import ToolEnv
from toolenv.episodes import Call, Episode, Response, Status
from toolenv.errors import FormatError
from toolenv.formats import ReadReport, read_answer, read_converted, read_tasks
from toolenv.jsontext import parse
from toolenv.running.episode_differences import numbers_by_ranks
from toolenv.simulators import Order, RecordedSimulator
from toolenv.snapshots import Manifest, Recordings, Snapshot, freeze, records_of

__all__ = [
    "Difference",
    "Replayed",
    "Reproduction",
    "answer_files",
    "read_answers",
    "recording_of",
    "replay",
    "reproduce",
]


_TYPED = frozenset({Status.MISS, Status.BAD_INPUT})
"""What the environment answers where no one else does, the latter for wrong arguments."""


class Difference(NamedTuple):
    """A call that observed something else than when it was recorded.

    Args:
        recording: The recorded tree.
        step: The step's number in it, in pre-order.
        call: The call.
        recorded: What was recorded.
        observed: What the replay observed; None where it did not get there.
    """

    recording: str
    step: int
    call: Call
    recorded: Response
    observed: Response | None

    @property
    def is_miss(self) -> bool:
        """Whether nothing was recorded for the call: a typed error, and no crash."""
        return self.observed is not None and self.observed.status in _TYPED


class Replayed(NamedTuple):
    """How the replay of one tree went.

    Args:
        recording: The recorded tree.
        steps: Its decisions.
        calls: Its calls that are not ``Finish``.
        equal: Those that observed the recorded text, byte for byte.
        unknown: Those of functions that do not exist, which the environment answers itself.
        answered: Those that the recordings answered, alike or not.
        finishes: Its calls of ``Finish``.
        equal_finishes: Those that observed the recorded text.
        differences: Every other call, in pre-order.
    """

    recording: str
    steps: int
    calls: int
    equal: int
    unknown: int
    answered: int
    finishes: int
    equal_finishes: int
    differences: tuple[Difference, ...]


class Reproduction(NamedTuple):
    """What ``reproduce`` found.

    Args:
        manifest: The snapshot of all trees.
        episodes: The trees.
        own: Each tree replayed from its own recording: nothing may differ.
        first: Each tree replayed from the first answer to each call in any recording.
        left_out: Each tree replayed without its own recording: what the others cover.
        instructions: What was read from the instruction files.
        converted: What was read from the converted answers.
    """

    manifest: Manifest
    episodes: list[Episode]
    own: list[Replayed]
    first: list[Replayed]
    left_out: list[Replayed]
    instructions: ReadReport
    converted: ReadReport


def reproduce(paths: Sequence[Path | str], out: Path | str) -> Reproduction:
    """Freeze the recorded trees below some paths, and replay each of them in three ways.

    Args:
        paths: Files and folders: answer trees, and instruction files and converted answers, which
            are read and counted.
        out: The snapshot file to write.

    Raises:
        FormatError: A path does not exist, none holds an answer tree, or a file is malformed.
        SnapshotError: The snapshot cannot be written.
    """
    files = _sorted_by_kind(paths)
    instructions, converted = ReadReport(), ReadReport()
    for file in files[_Kind.INSTRUCTIONS]:
        read_tasks(file, skip_bad=True, report=instructions)
    for file in files[_Kind.CONVERTED]:
        read_converted(file, report=converted)
    episodes = [read_answer(file) for file in files[_Kind.ANSWER]]
    manifest = freeze((record for one in episodes for record in records_of(one)), out)
    with Snapshot(out) as snapshot:
        return Reproduction(
            manifest,
            episodes,
            [replay(one, snapshot) for one in episodes],
            [replay(one, snapshot, order="first") for one in episodes],
            [replay(one, snapshot, order="first", without=[recording_of(one)]) for one in episodes],
            instructions,
            converted,
        )


def read_answers(paths: Sequence[Path | str]) -> list[Episode]:
    """Read the answer files among the given files and below the given folders.

    Raises:
        FormatError: A path does not exist, none holds an answer file, or one is malformed.
    """
    return [read_answer(file) for file in answer_files(paths)]


def answer_files(paths: Sequence[Path | str]) -> list[Path]:
    """The answer files among the given files and below the given folders.

    Raises:
        FormatError: A path does not exist, or none holds an answer file.
    """
    return _sorted_by_kind(paths)[_Kind.ANSWER]


def recording_of(episode: Episode) -> str:
    """The recording that an episode's responses belong to; empty where it has none."""
    responses = (response for step in episode.steps for response in step.responses)
    return next((response.recording for response in responses if response.recording), "")


def replay(
    recorded: Episode,
    recordings: Recordings,
    *,
    order: Order = "recording",
    without: Sequence[str] = (),
) -> Replayed:
    """Take every decision of a recorded tree again, and compare what is observed.

    Functions are matched and texts are rendered as ToolBench does, since the tree was made so.

    Args:
        recorded: The recorded tree.
        recordings: What answers.
        order: Which of several answers is served; ``recording`` serves the tree's own.
        without: Recordings that are left out.
    """
    name = recording_of(recorded)
    simulator = RecordedSimulator(
        recordings,
        order=order,
        recording=name if order == "recording" else "",
        without=without,
    )
    env = ToolEnv(
        [recorded.task],
        simulator,
        max_steps=len(recorded.steps) + 1,
        compatibility="toolbench",
        reminder="",
    )
    replayed = Replay(recorded).run(env, recorded.task)
    return _compare(name, recorded, replayed)


def _compare(name: str, recorded: Episode, replayed: Episode) -> Replayed:
    calls = equal = unknown = answered = finishes = equal_finishes = 0
    differences: list[Difference] = []
    for step, call, then, now in _pairs(recorded, replayed):
        same = now is not None and now.text == then.text
        if call.function == FINISH:
            finishes += 1
            equal_finishes += same
        else:
            calls += 1
            equal += same
            unknown += call.api is None
            answered += now is not None and now.source in ("snapshot", "store", "canonical")
        if not same:
            differences.append(Difference(name, step, call, then, now))
    return Replayed(
        name,
        len(recorded.steps),
        calls,
        equal,
        unknown,
        answered,
        finishes,
        equal_finishes,
        tuple(differences),
    )


def _pairs(
    recorded: Episode, replayed: Episode
) -> Iterator[tuple[int, Call, Response, Response | None]]:
    """Each recorded call with its replay: steps are matched by their ranks along the path."""
    again = numbers_by_ranks(replayed)
    for ranks, number in numbers_by_ranks(recorded).items():
        step = recorded.steps[number]
        twin = again.get(ranks)
        responses = replayed.steps[twin].responses if twin is not None else ()
        for index, (call, then) in enumerate(zip(step.calls, step.responses, strict=True)):
            yield number, call, then, responses[index] if index < len(responses) else None


class _Kind(Enum):
    ANSWER = auto()
    INSTRUCTIONS = auto()
    CONVERTED = auto()


def _sorted_by_kind(paths: Sequence[Path | str]) -> dict[_Kind, list[Path]]:
    """The files at and below some paths, recognised by what they hold."""
    found: dict[_Kind, list[Path]] = {kind: [] for kind in _Kind}
    for path in map(Path, paths):
        if not path.exists():
            raise FormatError(
                "There is no such file or folder.", where=str(path), fix="Check the path."
            )
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            kind = _kind_of(file)
            if kind is not None:
                found[kind].append(file)
    if not found[_Kind.ANSWER]:
        raise FormatError(
            "There is no answer tree here.",
            where=", ".join(map(str, paths)),
            fix="Answer files are named <query_id>_<method>.json and hold answer_generation.",
        )
    return found


def _kind_of(path: Path) -> _Kind | None:
    try:
        value = parse(path.read_bytes())
    except (OSError, ValueError):
        return None
    if isinstance(value, list):
        first = value[0] if value else None
        return _Kind.INSTRUCTIONS if isinstance(first, dict) and "query" in first else None
    if not isinstance(value, dict):
        return None
    if "answer_generation" in value:
        return _Kind.ANSWER
    first = next(iter(value.values()), None)
    return _Kind.CONVERTED if isinstance(first, dict) and "answer" in first else None
