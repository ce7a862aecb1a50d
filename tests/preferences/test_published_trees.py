"""The published answer trees of ToolBench, whose yield is known."""

from __future__ import annotations

from pathlib import Path

from toolenv.preferences import PairCounts, PairSettings, collect_pairs, explored_by_task


def test_the_plain_rule_gives_two_pairs_both_won_by_the_second_child(data: Path) -> None:
    counts = PairCounts()
    groups = explored_by_task([data])
    pairs = list(collect_pairs(groups, PairSettings(sources=("tp-llama",)), counts))

    assert [(pair.better.rank, pair.worse.rank) for pair in pairs] == [(1, 0), (1, 0)]
    assert counts.later == counts.siblings == 2


def test_richer_sources_give_more_and_prompts_are_the_recorded_ones(data: Path) -> None:
    counts = PairCounts()
    groups = explored_by_task([data])
    richer = PairSettings(sources=("errors", "repeats", "outcome"))
    pairs = list(collect_pairs(groups, richer, counts))

    assert len(pairs) > 20
    for pair in pairs:
        assert [message["role"] for message in pair.prompt[:2]] in (
            ["system", "user"],
            ["user", "assistant"],
            ["user"],
        )
        assert "Finish" in str(pair.functions[-1])
