"""From explored episodes to pairs: sources, filters and what was counted on the way."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from toolenv import bridge
from toolenv.errors import ConfigurationError
from toolenv.jsontext import JsonValue
from toolenv.preferences.explored import Explored, Messages
from toolenv.preferences.faults import FAULTS
from toolenv.preferences.judged import Wins
from toolenv.preferences.leaks import LeakCheck
from toolenv.preferences.pairs import Pair, Source, first_turn, without_ids
from toolenv.preferences.ranking import Value, outcome_pairs, score_pairs
from toolenv.preferences.resampling import Resampled, resampled_pairs
from toolenv.preferences.siblings import VISIBLE, Tree, fault_pairs, plain_pairs, step_pairs

__all__ = ["PairCounts", "PairSettings", "collect_pairs"]

Dropped: TypeAlias = Literal["equal sides", "malformed call", "duplicate"]

_FAULTS_OF: Final[Mapping[Source, frozenset[str]]] = {
    "errors": frozenset({"error", "unknown_function", "invalid_arguments"}),
    "repeats": frozenset({"repeated_call"}),
}


@dataclass(frozen=True, slots=True)
class PairSettings:
    """Which pairs are made.

    Args:
        sources: Where from; see docs/pairs.md.
        reasons: The visible faults that count in ``steps``.
        score: What an attempt is worth, for ``scores``.
        score_margin: The least difference of scores.
        wins: Sets of win verdicts, for ``judge``.
        resampled: How siblings are continued, for ``resampled``.
        duplicates: Whether pairs that would train alike are kept.

    Raises:
        ConfigurationError: A source or a reason is unknown, or a source lacks what it needs.
    """

    sources: tuple[Source, ...] = ("steps",)
    reasons: frozenset[str] = VISIBLE
    score: Value | None = None
    score_margin: float = 0.1
    wins: tuple[Wins, ...] = ()
    resampled: Resampled | None = None
    duplicates: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.reasons) - set(FAULTS))
        if unknown:
            raise ConfigurationError(
                f"There is no reason {unknown[0]!r}.", fix=f"They are {', '.join(FAULTS)}."
            )
        needs = {"scores": self.score, "judge": self.wins, "resampled": self.resampled}
        for source, given in needs.items():
            if source in self.sources and not given:
                raise ConfigurationError(f"The source {source!r} lacks what it needs.")
        if "scores" in self.sources and not self.score_margin > 0:
            raise ConfigurationError("It must be above 0.", where="margin")
        if self.resampled is not None:
            self.resampled.check()


@dataclass(slots=True)
class PairCounts:
    """What was counted while pairs were made.

    Attributes:
        sources: Where pairs were looked for.
        episodes: Episodes read.
        successes: Those with at least one branch that carried out its task.
        branching: Those with a decision from which several steps were tried.
        pairs: Pairs by source and reason.
        dropped: Pairs that were left out, by why.
        later: Pairs of siblings whose chosen side is the later one.
        siblings: Pairs of siblings.
    """

    sources: tuple[Source, ...] = ()
    episodes: int = 0
    successes: int = 0
    branching: int = 0
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    later: int = 0
    siblings: int = 0

    def as_json(self) -> dict[str, JsonValue]:
        """The counts as a JSON object."""
        by_source: dict[str, dict[str, JsonValue]] = {}
        for (source, reason), count in sorted(self.pairs.items()):
            by_source.setdefault(source, {})[reason] = count
        return {
            "episodes": self.episodes,
            "episodes with a success": self.successes,
            "episodes that branch": self.branching,
            "pairs": {**by_source},
            "dropped": dict(sorted(self.dropped.items())),
            "siblings": self.siblings,
            "won by the later sibling": self.later,
        }


def collect_pairs(
    groups: Iterable[Sequence[Explored]],
    settings: PairSettings,
    counts: PairCounts,
    leaks: LeakCheck | None = None,
) -> Iterator[Pair]:
    """The pairs of explored episodes, one after the other; memory does not grow with them.

    A pair is left out where both sides say the same, where a side makes a call whose arguments are
    no JSON object (a model learns nothing good from what cannot be read), and where one that would
    train alike came before.

    Args:
        groups: Episodes, those of one task together.
        settings: Which pairs are made.
        counts: Where everything is counted.
        leaks: Sees every pair that is kept.
    """
    counts.sources = tuple(settings.sources)
    seen = _Seen()
    for together in groups:
        for pair in _pairs(together, settings, counts):
            dropped = _why_not(pair)
            if dropped is None and not settings.duplicates and not seen.add(pair.digest):
                dropped = "duplicate"
            if dropped is not None:
                counts.dropped[dropped] += 1
                continue
            reason = "continuations" if pair.source == "resampled" else pair.reason
            counts.pairs[pair.source, reason] += 1
            if pair.better.rank != pair.worse.rank:
                counts.siblings += 1
                counts.later += pair.better.rank > pair.worse.rank
            if leaks is not None:
                leaks.add(pair)
            yield pair


def _pairs(
    together: Sequence[Explored], settings: PairSettings, counts: PairCounts
) -> Iterator[Pair]:
    for explored in together:
        tree = Tree(explored)
        counts.episodes += 1
        counts.successes += bool(tree.winning)
        counts.branching += next(tree.decisions(), None) is not None
        for source in settings.sources:
            yield from _of_tree(tree, source, settings)
    for source in settings.sources:
        if source == "outcome":
            yield from outcome_pairs(together)
        elif source == "scores" and settings.score is not None:
            yield from score_pairs(together, settings.score, settings.score_margin)
        elif source == "judge":
            for wins in settings.wins:
                yield from wins.pairs(together)


def _of_tree(tree: Tree, source: Source, settings: PairSettings) -> Iterator[Pair]:
    if source == "steps":
        yield from step_pairs(tree, settings.reasons)
    elif source == "tp-llama":
        yield from plain_pairs(tree)
    elif source in _FAULTS_OF:
        yield from fault_pairs(tree, source, _FAULTS_OF[source])
    elif source == "resampled" and settings.resampled is not None:
        resampled = settings.resampled

        async def all_of_them() -> list[Pair]:
            return [pair async for pair in resampled_pairs(tree, resampled)]

        yield from bridge.run_on_loop(all_of_them)


def _why_not(pair: Pair) -> Dropped | None:
    chosen, rejected = first_turn(pair.chosen), first_turn(pair.rejected)
    if without_ids(chosen) == without_ids(rejected):
        return "equal sides"
    if not (_is_well_formed(pair.chosen) and _is_well_formed(pair.rejected)):
        return "malformed call"
    return None


def _is_well_formed(messages: Messages) -> bool:
    """Whether the calls of what is to be learnt have objects as arguments."""
    calls: list[JsonValue] = []
    for message in messages:
        made = message.get("tool_calls")
        calls += made if isinstance(made, list) else []
    functions = [call.get("function") for call in calls if isinstance(call, dict)]
    return all(
        isinstance(function, dict) and isinstance(function.get("arguments"), dict)
        for function in functions
    )


class _Seen:
    """Digests that were there before, in a file of SQLite's that vanishes with the process."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -8192")  # KiB
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes) -> bool:
        """Remember a digest; whether it is new."""
        return bool(
            self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount
        )
