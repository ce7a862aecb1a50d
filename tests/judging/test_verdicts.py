"""Verdicts as records: majority, recomputation, and what a judge is measured as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolenv.errors import FormatError
from toolenv.judging.decision_tree import TREES, Decision
from toolenv.judging.pass_rate import pass_rate, score_interval
from toolenv.judging.verdicts import (
    PassVerdict,
    PassVote,
    PathStep,
    WinVerdict,
    WinVote,
    majority,
    recomputed,
    win_majority,
)


@st.composite
def votes(draw: st.DrawFn, tree: str) -> PassVote:
    """Any walk through a tree, or one that a problem broke off."""
    known, at, path = TREES[tree], TREES[tree].root, list[PathStep]()
    while at not in known.leaves:
        if draw(st.integers(0, 9)) == 0:
            return PassVote(path=tuple(path), decision="unsure", problem="the judge timed out")
        answer = draw(st.sampled_from(sorted(known.questions[at].leads)))
        path.append(PathStep(node=at, answer=answer, evidence=draw(st.text(max_size=5))))
        at = known.questions[at].leads[answer]
    return PassVote(path=tuple(path), decision=known.leaves[at].decision)


@st.composite
def verdicts(draw: st.DrawFn) -> PassVerdict:
    tree = draw(st.sampled_from(sorted(TREES)))
    made = PassVerdict(
        task=draw(st.text(max_size=5)),
        decision="unsure",
        tree=tree,
        check=draw(st.sampled_from(["", "", "", "correct", "incorrect", "refused"])),
        warnings=tuple(draw(st.lists(st.just("the answer holds a verdict"), max_size=1))),
        votes=tuple(draw(st.lists(votes(tree), max_size=5))),
    )
    return made.model_copy(update={"decision": recomputed(made)})


@given(verdicts())
def test_walking_the_stored_paths_again_gives_the_stored_verdict(verdict: PassVerdict) -> None:
    stored = PassVerdict.model_validate(verdict.model_dump(exclude_defaults=True))
    assert stored == verdict
    assert recomputed(stored) == verdict.decision
    counts = [vote.decision for vote in verdict.votes]
    for word in ("passed", "failed"):
        decided = not verdict.check and not verdict.warnings
        if decided and verdict.decision == word:
            assert 2 * counts.count(word) > len(counts)


@given(st.lists(st.sampled_from(["passed", "failed", "unsure"]), max_size=9))
def test_no_decision_without_more_than_half_of_the_votes(words: list[Decision]) -> None:
    found = majority(words, "unsure").decision
    assert found == "unsure" or 2 * words.count(found) > len(words)
    mirrored: dict[Decision, Decision] = {"passed": "failed", "failed": "passed"}
    turned = [mirrored.get(word, word) for word in words]
    assert majority(turned, "unsure").decision == mirrored.get(found, found)


def test_pairs_are_recomputed_and_unbalanced_orders_are_refused() -> None:
    orders: tuple[Any, Any] = (("candidate", "reference"), ("reference", "candidate"))
    both = (WinVote(shown=orders[0], choice="first"), WinVote(shown=orders[1], choice="second"))
    assert recomputed(WinVerdict(task="1", decision="candidate", votes=both)) == "candidate"
    with pytest.raises(FormatError, match="not balanced: 1 and 0"):
        recomputed(WinVerdict(task="1", decision="candidate", votes=both[:1]))
    ruled = WinVerdict(task="1", decision="tie", rule="equal", ruled="tie")
    assert recomputed(ruled) == "tie"


def test_half_of_the_votes_unreadable_says_nothing() -> None:
    assert win_majority(["candidate", "candidate", "unsure", "unsure"], []).decision == "unsure"
    assert win_majority(["candidate", "candidate", "candidate", "unsure"], []).decision == (
        "candidate"
    )
    assert win_majority(["candidate", "reference", "tie", "unsure"], []).decision == "tie"
    assert win_majority([], []).decision == "unsure"


def definite(check: str, says: str, number: int) -> PassVerdict:
    path = [("finished", "yes"), ("answered", "yes"), ("answer_solves", says)]
    vote = PassVote(
        path=tuple(PathStep(node=node, answer=answer) for node, answer in path),
        decision="passed" if says == "solved" else "failed",
    )
    return PassVerdict(
        task=str(number),
        decision="passed" if check == "correct" else "failed",
        check=check,
        tree="stabletoolbench",
        votes=(vote,),
    )


def test_a_judge_of_known_confusion_is_measured_as_such() -> None:
    told = [("correct", "solved")] * 45 + [("correct", "unsolved")] * 5
    told += [("incorrect", "unsolved")] * 32 + [("incorrect", "solved")] * 8
    found = pass_rate([definite(*one, n) for n, one in enumerate(told)])
    assert found.against_checks == (50, 5, 40, 8, 0)
    assert found.against_checks.false_fail_rate == 0.1
    assert found.against_checks.false_pass_rate == 0.2
    assert found.low == found.high == 50 / 90  # the checks' rate, whatever the judge says


def test_several_attempts_at_a_task_are_one_cluster() -> None:
    tasks = [str(n) for n in range(20)]
    scores = [float(n % 2) for n in range(20)]
    once = score_interval(tasks, scores, 0)
    five_times = score_interval(tasks * 5, scores * 5, 0)
    assert five_times.value == once.value
    assert five_times.high - five_times.low > 0.7 * (once.high - once.low)
    assert score_interval([], [], 0).value != 0
