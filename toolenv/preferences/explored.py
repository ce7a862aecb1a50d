"""Explored episodes with what their policies were shown, from run folders and answer files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from toolenv.agents.policies.prompting import with_objects
from toolenv.checks import outcome_of
from toolenv.conversations import SYSTEM_PROMPT, opening, step_messages
from toolenv.episodes import Branch, Episode, Outcome
from toolenv.errors import ConfigurationError
from toolenv.formats.toolbench.answers import ANSWER_FILE, read_answer, recording_name
from toolenv.formats.toolbench.functions import Dialect, compatibility_functions
from toolenv.jsontext import JsonValue
from toolenv.judging.verdicts import PassVerdict
from toolenv.running.folder import RunFolder
from toolenv.running.records import EpisodeKey
from toolenv.running.reproduction import answer_files
from toolenv.running.verdict_sets import VerdictSet
from toolenv.tasks import Task

__all__ = ["Explored", "explored_by_task", "is_run"]

Messages = list[dict[str, JsonValue]]


class Explored(NamedTuple):
    """An episode with what its policy was shown.

    Args:
        run: The run's folder, or the recording's name.
        episode: The episode.
        opening: The messages before the first decision.
        functions: What could be called, as the policy was shown it.
        judged: What a judge says of the chosen branch; empty where none was asked.
    """

    run: str
    episode: Episode
    opening: Messages
    functions: Sequence[dict[str, JsonValue]]
    judged: Outcome | None = None

    def branch(self, number: int) -> Branch:
        """The path to a step."""
        return Branch(self.episode.task, self.episode.steps, number)

    def conversation(self, numbers: Sequence[int], first: int = 0) -> Messages:
        """What is said in some successive steps of a path, without the diversity messages.

        Args:
            numbers: The steps' numbers.
            first: The place of the first of them on its path.
        """
        return [
            with_objects(message) if message["role"] == "assistant" else message
            for place, number in enumerate(numbers, first)
            for message in step_messages(self.episode.steps[number], place)
        ]

    def success(self, branch: Branch) -> bool | None:
        """Whether an ended branch carried out its task; None where that is not known.

        The task's check decides where there is one; else a judge's verdict, which is of the chosen
        branch and leaves other answers unknown; else whether it answered, which is all that
        ToolBench's own trees tell.
        """
        outcome = outcome_of(branch)
        if outcome == "unsure" and branch.task.check is None:
            if self.judged is None:
                return branch.ended == "answer"
            if branch.ended != "answer":
                return False
            settled = branch.steps is self.episode.steps and branch.at == self.episode.chosen
            outcome = self.judged if settled else "unsure"
        return {"passed": True, "failed": False}.get(outcome)


def explored_by_task(
    paths: Sequence[Path | str], *, verdicts: str = ""
) -> Iterator[list[Explored]]:
    """The episodes of run folders and answer files, those of one task together, streamed.

    Several runs are read side by side, so that memory holds the tasks under way alone where they
    were run in the same order.

    Args:
        paths: Run folders, and answer files or folders of them.
        verdicts: A set of pass verdicts beside the runs, for tasks without a check.

    Raises:
        ToolenvError: A path holds neither, or cannot be read.
    """
    places: list[_Place] = []
    loose: list[Path] = []
    for path in map(Path, paths):
        if is_run(path):
            places.append(_Run(path, verdicts))
        else:
            loose.append(path)
    if loose:
        places.append(_Answers(answer_files(loose)))
    expected = sum((place.counts() for place in places), Counter[str]())
    waiting: dict[str, list[Explored]] = {}
    for explored in _in_turn([place.explored() for place in places]):
        task = explored.episode.task.id
        together = waiting.setdefault(task, [])
        together.append(explored)
        if len(together) >= expected[task]:
            yield waiting.pop(task)
    yield from waiting.values()


def is_run(path: Path) -> bool:
    """Whether a path is a run's folder."""
    return path.is_dir() and (path / "journal.jsonl.zst").exists()


class _Place(Protocol):
    def counts(self) -> Counter[str]:
        """How many episodes there are, by task."""
        ...

    def explored(self) -> Iterator[Explored]: ...


class _Run:
    """A run's folder."""

    def __init__(self, path: Path, verdicts: str) -> None:
        self._run = RunFolder.open(path)
        configuration = self._run.manifest.configuration
        prompt = configuration.get("system_prompt")
        self._system = prompt if isinstance(prompt, str) else SYSTEM_PROMPT
        self._compatibility = configuration.get("compatibility") or ""
        self._functions: dict[str, list[dict[str, JsonValue]]] = {}
        self._judged = _judged(path, verdicts) if verdicts else {}

    def counts(self) -> Counter[str]:
        return Counter(key.task for key in self._run.outcomes())

    def explored(self) -> Iterator[Explored]:
        for episode in self._run.episodes():
            task = episode.task
            yield Explored(
                str(self._run.path),
                episode,
                opening(task.instruction, self._system),
                self._offered(task),
                self._judged.get(EpisodeKey.of(episode)),
            )

    def _offered(self, task: Task) -> list[dict[str, JsonValue]]:
        found = self._functions.get(task.id)
        if found is None:
            if self._compatibility:
                dialect: Dialect = (
                    "toolbench" if self._compatibility == "toolbench" else "stabletoolbench"
                )
                found, _ = compatibility_functions(task, dialect)
            else:
                found = task.functions
            self._functions = {task.id: found}  # episodes of one task come one after the other
        return found


class _Answers:
    """Answer files of ToolBench."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = sorted(files, key=lambda file: (_task_of(file), str(file)))

    def counts(self) -> Counter[str]:
        return Counter(map(_task_of, self._files))

    def explored(self) -> Iterator[Explored]:
        for file in self._files:
            episode = read_answer(file)
            kept = episode.task.unknown[ANSWER_FILE]
            told = kept if isinstance(kept, dict) else {}
            functions, _ = compatibility_functions(
                episode.task, "stabletoolbench" if told.get("wrapped") else "toolbench"
            )
            finish = told.get("finish")
            yield Explored(
                recording_name(file),
                episode,
                opening(
                    str(told.get("user") or episode.task.instruction), str(told.get("system") or "")
                ),
                _wrapped([*functions[:-1], finish if isinstance(finish, dict) else functions[-1]]),
            )


def _task_of(file: Path) -> str:
    return file.stem.partition("_")[0]


def _wrapped(functions: Iterable[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    """Functions as templates expect them: those of ToolBench stand bare."""
    return [
        one if "function" in one else {"type": "function", "function": one} for one in functions
    ]


def _judged(run: Path, name: str) -> dict[EpisodeKey, Outcome]:
    verdicts = VerdictSet.of(run, name).read()
    if not all(isinstance(verdict, PassVerdict) for verdict in verdicts):
        raise ConfigurationError(
            f"The set {name!r} compares attempts; what is needed says whether each passed.",
            where=str(run),
            fix="Name a set of pass verdicts here; give the other one as a source of its own.",
        )
    return {
        EpisodeKey(one.task, one.agent, one.policy, one.seed): one.decision
        for one in verdicts
        if isinstance(one, PassVerdict)
    }


def _in_turn(iterators: Sequence[Iterator[Explored]]) -> Iterator[Explored]:
    """One of each in turn until all are exhausted."""
    left = list(iterators)
    while left:
        going = []
        for iterator in left:
            found = next(iterator, None)
            if found is not None:
                yield found
                going.append(iterator)
        left = going
