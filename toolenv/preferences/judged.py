"""Pairs from sets of win verdicts: the attempt that a judge preferred against the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolenv.errors import ConfigurationError
from toolenv.judging.verdicts import Winner, WinVerdict
from toolenv.preferences.explored import Explored
from toolenv.preferences.pairs import Pair, pair_of, prefix_of, shared_steps
from toolenv.running.folder import RunFolder
from toolenv.running.judging import references_of
from toolenv.running.records import EpisodeKey
from toolenv.running.verdict_sets import VerdictSet

__all__ = ["Wins", "vote_margin"]


class Wins:
    """What judges said of a run's attempts and those of its references.

    Args:
        run: The run's folder, with the verdicts beside it.
        name: The set's name.
        references: The folders of the runs that it was compared with, which must be read too.
        margin: The least difference between the shares of the votes for either side. What a rule
            decided (a check, one answer alone) counts as all votes.

    Attributes:
        verdicts: All verdicts of the set.
        players: By the name of a reference: its run, agent and policy.

    Raises:
        ConfigurationError: The set holds no win verdicts, or a reference is not among the runs.
    """

    def __init__(
        self, run: Path, name: str, references: Sequence[Path], *, margin: float = 0.0
    ) -> None:
        self._run = str(run)
        self._margin = margin
        found = VerdictSet.of(run, name)
        self.verdicts = [one for one in found.read() if isinstance(one, WinVerdict)]
        if not self.verdicts:
            raise ConfigurationError(
                f"The set {name!r} compares nothing.",
                where=str(run),
                fix="Make one with: toolenv judge RUN --judge win --reference OTHER.",
            )
        self._by_task: dict[str, list[WinVerdict]] = {}
        for verdict in self.verdicts:
            self._by_task.setdefault(verdict.task, []).append(verdict)
        self.players = {
            reference.name: (str(folder), reference.agent, reference.policy)
            for folder in references
            for reference in references_of(RunFolder.open(folder))
        }
        missing = {verdict.reference for verdict in self.verdicts} - set(self.players)
        if missing:
            raise ConfigurationError(
                f"The verdicts {name!r} compare with {', '.join(sorted(missing))}, which is not "
                "here.",
                where=str(run),
                fix="Give that run's folder too.",
            )

    def pairs(self, together: Sequence[Explored]) -> Iterator[Pair]:
        """The pairs of one task's episodes."""
        if not together:
            return
        by_run: dict[tuple[str, EpisodeKey], Explored] = {
            (explored.run, EpisodeKey.of(explored.episode)): explored for explored in together
        }
        for verdict in self._by_task.get(together[0].episode.task.id, ()):
            if verdict.decision not in ("candidate", "reference") or verdict.warnings:
                continue
            margin = vote_margin(verdict)
            if margin < self._margin:
                continue
            key = EpisodeKey(verdict.task, verdict.agent, verdict.policy, verdict.seed)
            candidate = by_run.get((self._run, key))
            reference = self._reference(by_run, verdict)
            if candidate is None or reference is None:
                continue
            sides = (candidate, reference)
            better, worse = sides if verdict.decision == "candidate" else sides[::-1]
            mine, theirs = better.episode.branch, worse.episode.branch
            shared = shared_steps(mine, theirs)
            if better.opening == worse.opening and better.functions == worse.functions:
                numbers, others = mine.numbers(), theirs.numbers()
                if shared < min(len(numbers), len(others)):
                    yield pair_of(
                        "judge",
                        f"rule: {verdict.rule}" if verdict.rule else "votes",
                        margin,
                        prefix_of(better, numbers[:shared]),
                        numbers[shared:],
                        (worse, others[shared:]),
                    )

    def _reference(
        self, by_run: dict[tuple[str, EpisodeKey], Explored], verdict: WinVerdict
    ) -> Explored | None:
        """The reference's attempt: of the same seed where there is one, else its first."""
        run, agent, policy = self.players[verdict.reference]
        seeds = sorted(
            key.seed
            for place, key in by_run
            if (place, key.agent, key.policy) == (run, agent, policy)
        )
        if not seeds:
            return None
        seed = verdict.seed if verdict.seed in seeds else seeds[0]
        return by_run[run, EpisodeKey(verdict.task, agent, policy, seed)]


def vote_margin(verdict: WinVerdict) -> float:
    """The share of the votes for the winner less that for the other; 1 where a rule decided."""
    if verdict.rule:
        return 1.0
    votes = Counter(vote.winner for vote in verdict.votes)
    loser: Winner = "reference" if verdict.decision == "candidate" else "candidate"
    return (votes[verdict.decision] - votes[loser]) / max(1, len(verdict.votes))
