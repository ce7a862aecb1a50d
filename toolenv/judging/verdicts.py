"""Verdicts as they are stored: votes, their paths and evidence, and what follows from them.

A verdict says nothing that does not follow from what it stores: ``recomputed`` derives the decision
again, from a check's result where there is one, else from the votes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

from toolenv.apis import Record
from toolenv.errors import FormatError
from toolenv.judging.decision_tree import TREES, Decision

__all__ = [
    "Choice",
    "Majority",
    "PassVerdict",
    "PassVote",
    "PathStep",
    "Verdict",
    "WinVerdict",
    "WinVote",
    "Winner",
    "leaf_of",
    "majority",
    "recomputed",
    "voted",
    "win_majority",
]

Word = TypeVar("Word", bound=str)

Winner: TypeAlias = Literal["candidate", "reference", "tie", "unsure"]
Choice: TypeAlias = Literal["first", "second", "tie", "unsure"]
"""What a pairwise judge said of what it was shown first and second."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """One answered question on the way to a leaf.

    Args:
        node: The question's id in its tree.
        answer: The answer.
        evidence: What the judge quotes for it, or the fact itself.
        quoted: Whether the evidence stands in what the judge was shown.
        reason: Why, in the judge's words.
    """

    node: str
    answer: str
    evidence: str = ""
    quoted: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PassVote:
    """One walk through the tree.

    Args:
        path: The questions that were answered.
        decision: The leaf's; ``unsure`` where a problem broke the walk off.
        problem: Why the walk broke off; empty where it reached a leaf.
        input_tokens: What the walk consumed, as counted by the server.
        output_tokens: The same of output.
    """

    path: tuple[PathStep, ...]
    decision: Decision
    problem: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class Verdict(Record):
    """What verdicts of every kind share: which attempt they judge.

    Args:
        task: The task's id.
        agent: What explored, by name.
        policy: What decided, by name.
        seed: The seed of the attempt.
        split: The set that the task belongs to.
        answered: Whether there is an attempt at all; without one nobody is asked.
        reason: Why the verdict is what it is.
        check: The decision of the task's definite check; empty where it has none.
        warnings: Text in what the judge was shown that is shaped like a verdict, or speaks to a
            judge: with any, the votes decide nothing.
    """

    task: str
    agent: str = ""
    policy: str = ""
    seed: int = 0
    split: str = ""
    answered: bool = True
    reason: str = ""
    check: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What verdicts are sorted by."""
        return (self.task, self.agent, self.policy, f"{self.seed:020d}")


class PassVerdict(Verdict):
    """Whether an attempt carried out its task.

    Args:
        decision: The verdict.
        tree: The name of the tree that the votes walked.
        votes: All votes. Of a task with a check they are the judge's opinion, and decide nothing.
    """

    kind: Literal["pass"] = "pass"
    decision: Decision
    tree: str
    votes: tuple[PassVote, ...] = ()


@dataclass(frozen=True, slots=True)
class WinVote:
    """One comparison.

    Args:
        shown: Who was shown first and who second.
        choice: What the judge said of them.
        evidence: What it quotes.
        quoted: Whether that stands in what it was shown.
        reason: Why, in its words.
        problem: Why there is no choice; empty where there is one.
        input_tokens: What the comparison consumed, as counted by the server.
        output_tokens: The same of output.
    """

    shown: tuple[Literal["candidate", "reference"], Literal["candidate", "reference"]]
    choice: Choice
    evidence: str = ""
    quoted: bool = False
    reason: str = ""
    problem: str = ""
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def winner(self) -> Winner:
        """Who that is."""
        if self.choice == "first":
            return self.shown[0]
        return self.shown[1] if self.choice == "second" else self.choice


class WinVerdict(Verdict):
    """Which of two attempts at one task is better.

    Args:
        decision: Who wins.
        reference: The reference's name.
        rule: What decided without a judge, and the decision it made: ``answer``, ``check``,
            ``pass``, ``equal``; empty where votes decide.
        ruled: The decision of the rule; empty where votes decide.
        votes: All votes, both orders in equal number, in pairs of the two orders.
        lengths: Characters of the two final answers, the candidate's first.
    """

    kind: Literal["win"] = "win"
    decision: Winner
    reference: str = ""
    rule: str = ""
    ruled: Winner | Literal[""] = ""
    votes: tuple[WinVote, ...] = ()
    lengths: tuple[int, int] = (0, 0)

    @property
    def key(self) -> tuple[str, ...]:
        """What verdicts are sorted by."""
        return (*super().key, self.reference)


class Majority(NamedTuple, Generic[Word]):
    """What votes come to, and how they were."""

    decision: Word
    reason: str


def majority(words: Sequence[Word], neutral: Word) -> Majority[Word]:
    """What more than half of the votes say; without such a half, the neutral word.

    Example:
        >>> majority(["passed", "passed", "failed"], "unsure").decision
        'passed'
        >>> majority(["passed", "failed"], "unsure")
        Majority(decision='unsure', reason='votes contradict each other: 1 failed, 1 passed')
    """
    counts = sorted(Counter(words).items())
    told = ", ".join(f"{count} {word}" for word, count in counts)
    for word, count in counts:
        if 2 * count > len(words):
            return Majority(word, told)
    if len(counts) > 1:
        return Majority(neutral, f"votes contradict each other: {told}")
    return Majority(neutral, told or "no votes")


def leaf_of(vote: PassVote, tree: str) -> str:
    """The id of the leaf that a vote's path leads to; empty where a problem broke it off.

    Raises:
        FormatError: There is no such tree, or the path does not lead to a leaf of it.
    """
    known = TREES.get(tree)
    if known is None:
        raise FormatError(f"There is no tree {tree!r}.", fix=f"Known are {', '.join(TREES)}.")
    at = known.walk(vote.path)
    if vote.problem:
        return ""
    if at not in known.leaves:
        raise FormatError(f"A path of the tree {tree} stops before {at!r}.")
    return at


def voted(verdict: PassVerdict) -> Decision:
    """What the votes alone say, each walked again; ``unsure`` where the judge was spoken to.

    Raises:
        FormatError: A path is none of the tree, or a vote is not what its path leads to.
    """
    decisions: list[Decision] = []
    for vote in verdict.votes:
        leaf = leaf_of(vote, verdict.tree)
        decision: Decision = TREES[verdict.tree].leaves[leaf].decision if leaf else "unsure"
        if decision != vote.decision:
            raise FormatError(f"A vote says {vote.decision}, and its path leads to {decision}.")
        decisions.append(decision)
    if verdict.warnings:
        return "unsure"
    return majority(decisions, "unsure").decision


def recomputed(verdict: PassVerdict | WinVerdict) -> str:
    """The decision that follows from what a verdict stores; it must equal ``verdict.decision``.

    Raises:
        FormatError: The stored votes contradict the tree, or the orders are not balanced.
    """
    if isinstance(verdict, PassVerdict):
        if verdict.check:
            return "passed" if verdict.check == "correct" else "failed"
        return voted(verdict)
    if verdict.rule:
        return verdict.ruled
    first = sum(vote.shown == ("candidate", "reference") for vote in verdict.votes)
    second = sum(vote.shown == ("reference", "candidate") for vote in verdict.votes)
    if first != second or first + second != len(verdict.votes):
        raise FormatError(f"The orders are not balanced: {first} and {second}.")
    return win_majority([vote.winner for vote in verdict.votes], verdict.warnings).decision


def win_majority(winners: Sequence[Winner], warnings: Sequence[str]) -> Majority[Winner]:
    """What votes on a pair come to: more than half win; half of them unreadable says nothing."""
    if warnings:
        return Majority("unsure", warnings[0])
    unreadable = sum(winner == "unsure" for winner in winners)
    if not winners or 2 * unreadable >= len(winners):
        return Majority("unsure", f"{unreadable} of {len(winners)} votes say nothing")
    return majority(winners, "tie")
