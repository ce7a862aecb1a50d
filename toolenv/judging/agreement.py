"""Agreement of a judge with people: kappa, accuracy and leniency, by split, with intervals.

Labels are JSON Lines or CSV, one for each task and rater::

    {"task": "17", "label": "passed", "rater": "anna", "split": "I3-inst"}

``task`` and ``label`` (``passed``, ``failed`` or ``unsure``) are needed. ``agent``, ``policy`` and
``seed`` say which episode was labelled; what is left out fits every episode of the task. Several
raters of one task are all counted; intervals are over tasks, since labels of one task are alike.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import nan
from os import PathLike
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats.files import read_text
from toolenv.jsontext import parse
from toolenv.judging.bootstrap import Drawn, Estimate, Numbers, bootstrap
from toolenv.judging.clustered import difference_estimates, influences, rate_estimates
from toolenv.seeds import derive

__all__ = [
    "LABELS",
    "Agreement",
    "Label",
    "LabelName",
    "Pair",
    "Said",
    "agree",
    "agree_by_split",
    "kappa_estimate",
    "pairs_of_raters",
    "pairs_with_people",
    "read_labels",
]

LabelName: TypeAlias = Literal["passed", "failed", "unsure"]

LABELS: Final[tuple[LabelName, ...]] = ("passed", "failed", "unsure")
"""What a judge or a person says of an episode."""


class Label(BaseModel):
    """What one person says of one episode.

    Args:
        task: The task's id.
        label: What is said.
        rater: Who says it.
        split: The set it is of; empty for the task's own.
        agent: Of which agent's episode; empty for any.
        policy: Of which policy's; empty for any.
        seed: Of which seed's; None for any.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    task: str
    label: LabelName
    rater: str = ""
    split: str = ""
    agent: str = ""
    policy: str = ""
    seed: int | None = None


class Pair(NamedTuple):
    """What a judge and a person say of the same episode.

    Args:
        task: The task's id; pairs of one task belong together.
        judge: What the judge says.
        person: What the person says.
        split: The set it is of.
    """

    task: str
    judge: LabelName
    person: LabelName
    split: str = ""


class Said(Protocol):
    """What a judge says of an episode: a pass verdict, or what stands for one."""

    @property
    def task(self) -> str:
        """The task's id."""
        ...

    @property
    def agent(self) -> str:
        """What explored, by name."""
        ...

    @property
    def policy(self) -> str:
        """What decided, by name."""
        ...

    @property
    def seed(self) -> int:
        """The seed of the attempt."""
        ...

    @property
    def split(self) -> str:
        """The set that the task belongs to."""
        ...

    @property
    def decision(self) -> LabelName:
        """What is said."""
        ...


class Agreement(NamedTuple):
    """How far a judge agrees with people.

    Args:
        pairs: How many pairs of labels there are.
        tasks: Of how many tasks.
        unsure: In how many either side is unsure; accuracy, leniency and the rates are of the
            others, kappa is of all.
        judge: The judge's pass rate, with its 95 % interval.
        people: The people's.
        leniency: The judge's less the people's: above 0 the judge is too kind.
        accuracy: The share of pairs that are alike.
        false_passes: Of what people fail, the share that the judge passes.
        false_fails: Of what people pass, the share that the judge fails.
        kappa: Cohen's kappa over passed, failed and unsure; not a number where both sides always
            say the same one thing.
        table: How often the judge says (row) what people say (column), in the order of ``LABELS``.
    """

    pairs: int
    tasks: int
    unsure: int
    judge: Estimate
    people: Estimate
    leniency: Estimate
    accuracy: Estimate
    false_passes: Estimate
    false_fails: Estimate
    kappa: Estimate
    table: tuple[tuple[int, ...], ...]


def agree(pairs: Iterable[Pair], seed: int = 0, *, samples: int = 2_000) -> Agreement:
    """Compare a judge with people.

    Args:
        pairs: What both say.
        seed: What the draws of kappa's interval derive from.
        samples: How often is drawn.
    """
    rows = list(pairs)
    tasks = {task: row for row, task in enumerate(sorted({pair.task for pair in rows}))}
    tables = np.zeros((len(tasks), len(LABELS), len(LABELS)))
    for pair in rows:
        tables[tasks[pair.task], LABELS.index(pair.judge), LABELS.index(pair.person)] += 1
    sure = tables[:, :2, :2]
    known = sure.sum(axis=(1, 2))
    judge, people = sure[:, 0, :].sum(axis=1), sure[:, :, 0].sum(axis=1)
    parts = np.stack(
        [judge, people, sure[:, 0, 0] + sure[:, 1, 1], sure[:, 0, 1], sure[:, 1, 0]], axis=1
    )
    wholes = np.stack([known, known, known, known - people, people], axis=1)
    rates = rate_estimates(parts, wholes)
    kinder, count = (judge - people)[:, None], known[:, None]
    leniency = nan if not known.sum() else float((judge - people).sum() / known.sum())
    moved = difference_estimates(influences(kinder, count) + leniency, (count > 0).astype(float))
    whole = tables.sum(axis=0)
    return Agreement(
        len(rows),
        len(tasks),
        int(whole[2, :].sum() + whole[:2, 2].sum()),
        rates[0],
        rates[1],
        moved[0],
        rates[2],
        rates[3],
        rates[4],
        kappa_estimate(tables, derive("kappa", seed), samples=samples),
        tuple(tuple(int(number) for number in row) for row in whole),
    )


def agree_by_split(
    pairs: Sequence[Pair], seed: int = 0, *, samples: int = 2_000
) -> dict[str, Agreement]:
    """The same for each split, in order of their names."""
    splits = sorted({pair.split for pair in pairs})
    return {
        split: agree([pair for pair in pairs if pair.split == split], seed, samples=samples)
        for split in splits
    }


def kappa_estimate(tables: Numbers, seed: int, *, samples: int = 2_000) -> Estimate:
    """Cohen's kappa: agreement beyond what the two rates would give by chance.

    Args:
        tables: By task: how often the first says (row) what the second says (column).
        seed: What the draws of the interval derive from.
        samples: How often is drawn.

    Example:
        >>> table = np.array([[[20.0, 5.0], [10.0, 15.0]]])
        >>> round(kappa_estimate(table, 0, samples=10).value, 3)
        0.4
    """
    if not len(tables):
        return Estimate(nan, nan, nan)
    (found,) = bootstrap(
        lambda drawn: _kappa(tables, drawn),
        len(tables),
        seed,
        samples=samples,
        widened=[int((tables.sum(axis=(1, 2)) > 0).sum())],
    )
    return found


def _kappa(tables: Numbers, drawn: Drawn) -> Numbers:
    table = tables[drawn].sum(axis=0)
    total = table.sum()
    if not total:
        return np.array([nan])
    seen = np.trace(table) / total
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    return np.array([(seen - by_chance) / (1 - by_chance) if by_chance < 1 else nan])


def pairs_of_raters(labels: Iterable[Label]) -> list[Pair]:
    """What people say of what other people labelled too: how far anyone can be agreed with.

    Each two raters of an episode make a pair, the first by name in the judge's place.
    """
    of: dict[tuple[str, str, str, int | None], dict[str, Label]] = {}
    for label in labels:
        key = (label.task, label.agent, label.policy, label.seed)
        of.setdefault(key, {})[label.rater] = label
    return [
        Pair(one.task, one.label, other.label, one.split)
        for by_rater in of.values()
        for one, other in combinations((by_rater[name] for name in sorted(by_rater)), 2)
    ]


def pairs_with_people(said: Iterable[Said], labels: Iterable[Label]) -> list[Pair]:
    """What a judge says of episodes beside what people say of the same ones."""
    of_task: dict[str, list[Said]] = {}
    for one in said:
        of_task.setdefault(one.task, []).append(one)
    return [
        Pair(label.task, one.decision, label.label, label.split or one.split)
        for label in labels
        for one in of_task.get(label.task, ())
        if label.agent in ("", one.agent)
        and label.policy in ("", one.policy)
        and label.seed in (None, one.seed)
    ]


def read_labels(path: str | PathLike[str]) -> list[Label]:
    """Read labels: JSON Lines, or CSV with a header where the name ends in ``.csv``.

    Raises:
        FormatError: The file cannot be read, a row is no label, or one rater labels an episode
            twice.
        ConfigurationError: There is no label.
    """
    path = Path(path)
    text = read_text(path)
    found: list[Label] = []
    seen: set[tuple[object, ...]] = set()
    for number, row in _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(path, text):
        where = f"{path}:{number}"
        try:
            label = Label.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "row"
            raise FormatError(
                f"{place}: {first['msg']}.",
                where=where,
                fix=f"Give task and label, one of {', '.join(LABELS)}.",
            ) from None
        key = (label.task, label.rater, label.agent, label.policy, label.seed)
        if key in seen:
            raise FormatError(
                f"{label.rater or 'Someone'} labels task {label.task} twice.",
                where=where,
                fix="Name the raters, and the episode by agent, policy and seed.",
            )
        seen.add(key)
        found.append(label)
    if not found:
        raise ConfigurationError("Holds no label.", where=str(path))
    return found


def _csv_rows(text: str) -> Iterable[tuple[int, object]]:
    reader = csv.DictReader(io.StringIO(text))
    for row in reader:
        yield (
            reader.line_num,
            {name: value for name, value in row.items() if value not in ("", None)},
        )


def _json_rows(path: Path, text: str) -> Iterable[tuple[int, object]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, parse(line)
        except ValueError as error:
            raise FormatError(f"Is not JSON: {error}.", where=f"{path}:{number}") from None
