"""Pairs of siblings: which there are, which side wins, and why."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from tests.preferences.trees import CHECKED, explored, step, trees, walked, winners
from toolenv.episodes import ROOT
from toolenv.errors import ConfigurationError
from toolenv.preferences import Explored, Pair, PairCounts, PairSettings, Source, collect_pairs
from toolenv.tasks import Check, Task


def pairs_of(
    *found: Explored, source: Source = "steps", counts: PairCounts | None = None, **options: object
) -> list[Pair]:
    chosen = PairSettings(sources=(source,), **options)  # type: ignore[arg-type]
    return list(collect_pairs([found], chosen, counts or PairCounts()))


@given(trees())
@settings(max_examples=150, deadline=None)
def test_the_plain_rule_gives_what_a_walk_over_the_tree_gives(found: Explored) -> None:
    pairs = pairs_of(found, source="tp-llama", duplicates=True)

    made = Counter(("tp-llama", pair.better.steps[0], pair.worse.steps[0]) for pair in pairs)
    assert made == Counter(walked(found))


@given(trees())
@settings(max_examples=150, deadline=None)
def test_no_rejected_step_leads_to_success_and_both_sides_share_their_parent(
    found: Explored,
) -> None:
    every: tuple[Source, ...] = ("steps", "tp-llama", "errors", "repeats")
    counts = PairCounts()
    pairs = list(collect_pairs([[found]], PairSettings(every), counts))

    for pair in pairs:
        better, worse = (found.episode.steps[side.steps[0]] for side in (pair.better, pair.worse))
        assert better.parent == worse.parent == (pair.prefix[-1] if pair.prefix else ROOT)
        assert not winners(found.episode, pair.worse.steps[0])
    assert sum(counts.pairs.values()) == len(pairs)


@pytest.mark.parametrize(
    "kind", ["error", "unknown_function", "invalid_arguments", "gave_up", "no_call"]
)
def test_the_step_on_the_path_wins_against_a_sibling_with_a_visible_fault(kind: str) -> None:
    found = explored(
        [step(ROOT, 0, "fine"), step(0, 0, kind, "a"), step(0, 1, "fine", "b"), step(2, 0, "right")]
    )

    (pair,) = pairs_of(found)

    assert (pair.reason, pair.prefix) == (kind, (0,))
    assert (pair.better.steps, pair.worse.steps) == ((2,), (1,))


def test_a_call_made_before_on_the_path_is_a_fault_and_made_by_a_sibling_it_is_none() -> None:
    repeated = explored(
        [
            step(ROOT, 0, "fine", "a"),
            step(0, 0, "fine", "a"),
            step(0, 1, "fine", "b"),
            step(2, 0, "right"),
        ]
    )
    both = explored([step(ROOT, 0, "fine", "a"), step(ROOT, 1, "fine", "b"), step(1, 0, "right")])

    assert [pair.reason for pair in pairs_of(repeated)] == ["repeated_call"]
    assert pairs_of(both) == []
    assert [pair.reason for pair in pairs_of(both, source="tp-llama")] == ["sibling"]


def test_misses_are_apart_and_failures_of_the_infrastructure_are_on_neither_side() -> None:
    found = explored(
        [
            step(ROOT, 0, "miss", "a"),
            step(ROOT, 1, "infrastructure", "b"),
            step(ROOT, 2, "right", "c"),
        ]
    )

    assert pairs_of(found) == []
    assert [p.reason for p in pairs_of(found, reasons=frozenset({"miss"}))] == ["miss"]
    assert pairs_of(found, source="errors") == []


def test_a_path_whose_own_step_has_a_fault_teaches_nothing() -> None:
    found = explored([step(ROOT, 0, "gave_up"), step(ROOT, 1, "error", "b"), step(1, 0, "right")])

    assert pairs_of(found) == []


def test_a_tree_without_success_gives_pairs_of_errors_and_repeats_alone() -> None:
    found = explored(
        [
            step(ROOT, 0, "fine", "a"),
            step(0, 0, "fine", "a"),
            step(0, 1, "error", "b"),
            step(0, 2, "fine", "c"),
            step(3, 0, "gave_up"),
        ]
    )

    assert pairs_of(found) == pairs_of(found, source="tp-llama") == []
    assert [pair.reason for pair in pairs_of(found, source="errors")] == ["error"]
    assert [pair.reason for pair in pairs_of(found, source="repeats")] == ["repeated_call"]


def test_a_check_decides_what_success_is() -> None:
    found = explored([step(ROOT, 0, "wrong"), step(ROOT, 1, "right")], task=CHECKED, chosen=1)
    (pair,) = pairs_of(found, source="outcome")

    assert "right" in str(pair.chosen) and "wrong" in str(pair.rejected)
    assert [p.worse.steps for p in pairs_of(found, source="tp-llama")] == [(0,)]


def test_where_nothing_can_be_done_giving_up_is_no_fault() -> None:
    task = Task(id="u", instruction="Do it.", check=Check(kind="gives_up"))
    found = explored([step(ROOT, 0, "error", "a"), step(ROOT, 1, "gave_up")], task=task, chosen=1)

    (pair,) = pairs_of(found)

    assert (pair.reason, pair.better.rank) == ("error", 1)


def test_a_judge_decides_of_the_settled_branch_where_there_is_no_check() -> None:
    found = explored([step(ROOT, 0, "error", "a"), step(ROOT, 1, "right")])

    assert len(pairs_of(found)) == len(pairs_of(found._replace(judged="passed"))) == 1
    assert pairs_of(found._replace(judged="failed")) == []
    assert pairs_of(found._replace(judged="unsure")) == []


def test_sides_that_say_the_same_or_cannot_be_read_are_left_out_and_counted() -> None:
    equal = explored([step(ROOT, 0, "gave_up"), step(ROOT, 1, "gave_up")])
    found = explored(
        [
            step(ROOT, 0, "unreadable"),
            step(ROOT, 1, "right"),
        ]
    )
    twice = [step(ROOT, 0, "gave_up"), step(ROOT, 1, "right")]
    counts = PairCounts()

    assert pairs_of(equal, found, explored(twice), explored(twice), counts=counts) != []

    assert counts.dropped == {"malformed call": 1, "duplicate": 1}
    assert counts.siblings == counts.later == 1


def test_attempts_of_one_task_pair_where_they_part() -> None:
    good = explored([step(ROOT, 0, "fine", "a"), step(0, 0, "right")], task=CHECKED)
    bad = explored([step(ROOT, 0, "fine", "a"), step(0, 0, "wrong")], task=CHECKED, chosen=1)
    elsewhere = bad._replace(opening=[{"role": "user", "content": "Another prompt."}])

    (pair,) = pairs_of(good, bad, source="outcome")

    assert pair.prefix == (0,)
    assert (len(pair.prompt), pair.chosen[0]["role"]) == (4, "assistant")
    assert pairs_of(good, elsewhere, source="outcome") == []


def test_scores_need_their_margin() -> None:
    good = explored([step(ROOT, 0, "right", "long thought")])
    bad = explored([step(ROOT, 0, "gave_up")], chosen=0)

    def score(found: Explored, branch: object) -> float:
        return 0.5 if found is good else 0.3

    assert len(pairs_of(good, bad, source="scores", score=score, score_margin=0.1)) == 1
    assert pairs_of(good, bad, source="scores", score=score, score_margin=0.3) == []
    with pytest.raises(ConfigurationError, match="margin: It must be above 0"):
        pairs_of(good, bad, source="scores", score=score, score_margin=0.0)


def test_an_unknown_reason_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="There is no reason 'eror'"):
        PairSettings(reasons=frozenset({"eror"}))
