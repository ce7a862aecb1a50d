"""The numbers of ToolBench and StableToolBench, from their result files and for our verdicts.

What their evaluators do wrong is left out unless it is asked for by name (``Defect``): so a number
can be compared with a published one, and still says what it counts.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean, pstdev
from typing import Final, Literal, NamedTuple, TypeAlias

from toolenv.apis import FINISH
from toolenv.episodes import Episode
from toolenv.errors import ConfigurationError
from toolenv.formats import PassResult, PreferenceResult
from toolenv.formats.toolbench.pass_results import ToolBenchPassResult
from toolenv.judging.verdicts import PassVerdict, PassVote, WinVerdict
from toolenv.seeds import derive

__all__ = [
    "Defect",
    "PassTally",
    "RoundScores",
    "WinTally",
    "pass_results",
    "pass_rounds",
    "preference_results",
    "sopr",
    "sowr",
    "toolbench_pass_rate",
    "toolbench_pass_results",
]

Defect: TypeAlias = Literal[
    "answered denominator", "missing rounds are unsolved", "unsure is a coin", "ties pass"
]
"""What their evaluators do: divide by the answered tasks (StableToolBench and ToolBench); count a
round that was never made as unsolved (StableToolBench); toss a coin where the judge is unsure
(ToolBench); print ties of rounds as passed (ToolBench)."""

_SCORES: Final = {"Solved": 1.0, "Unsure": 0.5, "Unsolved": 0.0}
_WORDS: Final = {"solved": "Solved", "unsolved": "Unsolved", "unsure": "Unsure"}


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


def pass_rounds(verdicts: Sequence[PassVerdict]) -> list[PassResult]:
    """Our verdicts as StableToolBench's results, one round per vote, without the steps.

    Args:
        verdicts: Of one agent, policy and seed. Those on tasks without an attempt are left out, as
            their files do; give ``sopr`` the test set.
    """
    found: list[PassResult] = []
    for verdict in verdicts:
        if verdict.answered:
            words = [_status(verdict, vote) for vote in verdict.votes]
            if verdict.check or not words:
                word = "Solved" if verdict.decision == "passed" else "Unsolved"
                words = [word] * max(1, len(words))
            solved = dict(enumerate(words))
            found.append(PassResult(verdict.task, "", (), "", "", solved))
    rounds = max((len(result.is_solved) for result in found), default=0)
    return [_filled(result, rounds) for result in found]


def pass_results(
    verdicts: Sequence[PassVerdict], episodes: Mapping[str, Episode], model: str
) -> list[PassResult]:
    """Our verdicts as StableToolBench's results, with the steps as their evaluator sees them.

    Args:
        verdicts: Of one agent, policy and seed.
        episodes: The attempts by task.
        model: Who answered.
    """
    found: list[PassResult] = []
    for result in pass_rounds(verdicts):
        episode = episodes[result.query_id]
        steps, final = _steps(episode)
        found.append(
            result._replace(
                query=episode.task.instruction,
                tool_names=(*episode.task.named_apis, FINISH),
                answer_steps=steps,
                final_step=final,
                model=model,
            )
        )
    return found


def preference_results(
    verdicts: Sequence[WinVerdict], reference: str, candidate: str, *, rounds: int = 4
) -> list[PreferenceResult]:
    """Our verdicts as their preferences, one round per vote; a rule decides every round.

    Args:
        verdicts: Of one candidate and one reference.
        reference: The reference's name.
        candidate: The candidate's name.
        rounds: The rounds of a pair that a rule decided.
    """
    found: list[PreferenceResult] = []
    for verdict in verdicts:
        winners = [vote.winner for vote in verdict.votes] or [verdict.decision] * rounds
        wins = {reference: winners.count("reference"), candidate: winners.count("candidate")}
        states = dict.fromkeys(range(len(winners)), "complete")
        found.append(PreferenceResult(verdict.task, wins, states))
    return found


def toolbench_pass_results(
    verdicts: Sequence[PassVerdict], *, defects: Collection[Defect] = (), seed: int = 0
) -> list[ToolBenchPassResult]:
    """Our verdicts as ToolBench's counts of rounds; an unsure round is neither passed nor failed.

    Args:
        verdicts: Of one agent, policy and seed.
        defects: ``unsure is a coin`` tosses a coin for each unsure round.
        seed: What the coins derive from.
    """
    found: list[ToolBenchPassResult] = []
    for verdict in verdicts:
        if not verdict.answered:
            continue
        words: list[str] = [vote.decision for vote in verdict.votes] or [verdict.decision]
        if verdict.check:
            words = [verdict.decision] * len(words)
        if "unsure is a coin" in defects:
            coin = random.Random(derive(seed, "coin", verdict.task))
            words = [coin.choice(("passed", "failed")) if w == "unsure" else w for w in words]
        about = {"reason": verdict.reason}
        found.append(
            ToolBenchPassResult(
                verdict.task, words.count("passed"), words.count("failed"), dict(about)
            )
        )
    return found


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


def _filled(result: PassResult, rounds: int) -> PassResult:
    """What nobody was asked about has the same status in every round."""
    if len(result.is_solved) == 1:
        return result._replace(is_solved=dict.fromkeys(range(rounds), result.is_solved[0]))
    return result


def _status(verdict: PassVerdict, vote: PassVote) -> str:
    """The last status on a path as their word; without one, the attempt gave no answer."""
    if verdict.warnings or vote.problem:
        return "Unsure"
    statuses = [_WORDS[step.answer] for step in vote.path if step.answer in _WORDS]
    asked = [step for step in vote.path if step.node in ("answer_solves", "path_solves")]
    return statuses[len(asked) - 1] if asked else "Unsolved"


def _steps(episode: Episode) -> tuple[str, str]:
    """An attempt as their evaluator sees it: Python reprs, one step a line."""
    messages: list[str] = []
    for step in episode.branch.path():
        for call, response in zip(step.calls, step.responses, strict=False):
            shown = "" if call.function == FINISH else response.text
            said = {"name": call.function, "arguments": call.text, "response": shown}
            messages.append(repr(said))
        if not step.calls:
            messages.append(step.message.content)
    lines = [f"Step {number}: {text}" for number, text in enumerate(messages, 1)]
    return "\n".join(lines), f"Final step: {messages[-1] if messages else ''}"
