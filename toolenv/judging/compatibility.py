"""The numbers of ToolBench and StableToolBench, from result files of their form.

What their evaluators do wrong is left out unless it is asked for by name (``Defect``): so a number
can be compared with a published one, and still says what it counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import fmean, pstdev
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.errors import ConfigurationError
from toolenv.formats import PassResult, PreferenceResult
from toolenv.formats.toolbench.pass_results import ToolBenchPassResult

__all__ = [
    "Defect",
    "PassTally",
    "RoundScores",
    "WinTally",
    "sopr",
    "sowr",
    "toolbench_pass_rate",
]

Defect: TypeAlias = Literal[
    "answered denominator", "missing rounds are unsolved", "unsure is a coin", "ties pass"
]
"""What their evaluators do: divide by the answered tasks (StableToolBench and ToolBench); count a
round that was never made as unsolved (StableToolBench); toss a coin where the judge is unsure
(ToolBench); print ties of rounds as passed (ToolBench)."""

_SCORES: Final = {"Solved": 1.0, "Unsure": 0.5, "Unsolved": 0.0}


class RoundScores(NamedTuple):
    """A solvable pass rate: a score for each round.

    Args:
        tasks: The denominator.
        unanswered: How many of the tasks have no result.
        by_round: Round to score, from 0 to 1.
        mean: The mean of the rounds.
        deviation: Their standard deviation (of these rounds, not of a sample): the judge's noise
            alone, since the agent ran once.
    """

    tasks: int
    unanswered: int
    by_round: dict[int, float]
    mean: float
    deviation: float


class PassTally(NamedTuple):
    """A pass rate by the majority of rounds.

    Args:
        tasks: The denominator.
        passed: Tasks that passed in more rounds than they failed in.
        failed: Tasks that failed in more, those without a result included.
        undecided: Tasks with as many of both.
        unanswered: Tasks without a result.
        low: The rate where the undecided ones fail.
        high: The rate where they pass.
    """

    tasks: int
    passed: int
    failed: int
    undecided: int
    unanswered: int
    low: float
    high: float


class WinTally(NamedTuple):
    """A win rate by the most frequent winner of the rounds; a tie is not a win.

    Args:
        tasks: The denominator.
        wins: Tasks that the candidate won in more rounds.
        losses: Tasks that the reference won in more.
        ties: Tasks that both won equally often.
        unanswered: Tasks without a result.
        rate: Wins by tasks.
        rounds: How many rounds each won, the candidate's first.
    """

    tasks: int
    wins: int
    losses: int
    ties: int
    unanswered: int
    rate: float
    rounds: tuple[int, int]


def sopr(
    results: Sequence[PassResult],
    test_set: Collection[str] | None = None,
    *,
    defects: Collection[Defect] = (),
) -> RoundScores:
    """StableToolBench's solvable pass rate: solved 1, unsure one half, unsolved 0.

    Args:
        results: What the judge said.
        test_set: The ids of all tasks that were to be answered; by default those of the results.
        defects: What of their evaluator to keep: ``answered denominator``, ``missing rounds are
            unsolved``.

    Raises:
        ConfigurationError: A result is of a task outside of the test set, or says an unknown word.
    """
    tasks, unanswered = _denominator([r.query_id for r in results], test_set, defects)
    scores: dict[int, float] = {}
    for number in sorted({number for result in results for number in result.is_solved}):
        made = [r.is_solved[number] for r in results if number in r.is_solved]
        if unknown := set(made) - set(_SCORES):
            raise ConfigurationError(f"Unknown status of an answer: {min(unknown)!r}.")
        skipped = 0 if "missing rounds are unsolved" in defects else len(results) - len(made)
        counted = tasks - skipped
        scores[number] = sum(_SCORES[word] for word in made) / counted if counted else 0.0
    rounds = list(scores.values()) or [0.0]
    return RoundScores(tasks, unanswered, scores, fmean(rounds), pstdev(rounds))


def sowr(
    results: Sequence[PreferenceResult],
    reference: str,
    candidate: str,
    test_set: Collection[str] | None = None,
    *,
    defects: Collection[Defect] = (),
) -> WinTally:
    """StableToolBench's solvable win rate, and ToolBench's: most rounds win, a tie does not.

    Args:
        results: Who won how many rounds.
        reference: The reference's name.
        candidate: The candidate's name.
        test_set: The ids of all tasks; by default those of the results.
        defects: What of their evaluator to keep: ``answered denominator``.

    Raises:
        ConfigurationError: A result is of a task outside of the test set.
    """
    tasks, unanswered = _denominator([r.query_id for r in results], test_set, defects)
    mine = [result.wins.get(candidate, 0) for result in results]
    theirs = [result.wins.get(reference, 0) for result in results]
    wins = sum(a > b for a, b in zip(mine, theirs, strict=True))
    losses = sum(a < b for a, b in zip(mine, theirs, strict=True))
    rate = wins / tasks if tasks else 0.0
    ties = len(results) - wins - losses
    return WinTally(tasks, wins, losses, ties, unanswered, rate, (sum(mine), sum(theirs)))


def toolbench_pass_rate(
    results: Sequence[ToolBenchPassResult],
    test_set: Collection[str] | None = None,
    *,
    defects: Collection[Defect] = (),
) -> PassTally:
    """ToolBench's pass rate: the majority of rounds.

    Args:
        results: How many rounds passed and failed.
        test_set: The ids of all tasks that were to be answered; by default those of the results.
        defects: What of their evaluator to keep: ``answered denominator``, ``ties pass``.

    Raises:
        ConfigurationError: A result is of a task outside of the test set.
    """
    tasks, unanswered = _denominator([r.query_id for r in results], test_set, defects)
    passed = sum(r.passed > r.failed for r in results)
    undecided = sum(r.passed == r.failed for r in results)
    if "ties pass" in defects:
        passed, undecided = passed + undecided, 0
    failed = tasks - passed - undecided
    low, high = (count / tasks if tasks else 0.0 for count in (passed, passed + undecided))
    return PassTally(tasks, passed, failed, undecided, unanswered, low, high)


def _denominator(
    answered: Sequence[str], test_set: Collection[str] | None, defects: Collection[Defect]
) -> tuple[int, int]:
    """How many tasks count, and how many of these have no result."""
    if test_set is None or "answered denominator" in defects:
        return len(answered), 0
    if outside := set(answered) - set(test_set):
        raise ConfigurationError(
            f"{len(outside)} results are of tasks outside of the test set, such as "
            f"{min(outside)!r}.",
            fix="Give the test set that was answered.",
        )
    return len(test_set), len(set(test_set) - set(answered))
