from __future__ import annotations

from pathlib import Path

import pytest

from tests.running.ranked_runs import at_least, written
from toolenv.errors import ConfigurationError
from toolenv.running.rank_agreement import rank_agreement

TWO = "simulator-2"
ORDER = (1, 2, 4, 5, 7, 8, 10, 11)


def test_the_same_order_at_other_rates_is_full_agreement(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER))
    other = written(tmp_path / "b", at_least(*(n + 1 for n in ORDER)), simulator=TWO)
    found = rank_agreement([one], [other])
    assert (found.tasks, len(found.policies), found.meaningful) == (12, 8, True)
    assert found.difference.value == found.apart == round(1 / 12, 6)
    assert found.kendall.value == found.spearman.value == 1
    first = found.policies[0]
    assert (first.recorded, first.simulated) == (round(1 / 12, 6), round(2 / 12, 6))
    assert first.difference.value == round(1 / 12, 6) and first.episodes == 12
    for one_figure in (found.difference, found.kendall, found.spearman):
        assert one_figure.low is not None and one_figure.high is not None
        assert one_figure.low <= one_figure.high <= 1


def test_an_order_that_turns_is_full_disagreement(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER))
    other = written(tmp_path / "b", at_least(*reversed(ORDER)), simulator=TWO)
    found = rank_agreement([one], [other])
    assert found.kendall.value == found.spearman.value == -1
    assert found.difference.value == 0 < found.apart


def test_known_swaps_give_known_correlations(tmp_path: Path) -> None:
    swapped = (2, 1, 4, 5, 7, 8, 11, 10)
    one = written(tmp_path / "a", at_least(*ORDER))
    other = written(tmp_path / "b", at_least(*swapped), simulator=TWO)
    found = rank_agreement([one], [other])
    assert found.kendall.value == round(1 - 2 * 2 / 28, 6)
    assert found.spearman.value == round(1 - 6 * 4 / (8 * 63), 6)


def test_several_runs_a_side_and_seeds_count_as_one_task(tmp_path: Path) -> None:
    def half(policy: int, task: int, seed: int) -> str:
        return "passed" if seed == 0 or policy > 3 else "failed"

    def runs(name: str, **more: str) -> list[object]:
        return [
            written(tmp_path / f"{name}{n}", half, policies=part, seeds=(0, 1), **more)  # type: ignore[arg-type]
            for n, part in enumerate((range(4), range(4, 8)))
        ]

    found = rank_agreement(runs("a"), runs("b", simulator=TWO))  # type: ignore[arg-type]
    assert [one.recorded for one in found.policies] == [0.5] * 4 + [1.0] * 4
    assert found.kendall.value == 1 and found.policies[0].episodes == 24


def test_policies_of_one_rate_have_no_order(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*[6] * 8))
    other = written(tmp_path / "b", at_least(*ORDER), simulator=TWO)
    found = rank_agreement([one], [other])
    assert found.kendall.value is None and found.kendall.low is None
    assert found.difference.value == 0


def test_what_is_undecided_in_either_is_left_out_of_both(tmp_path: Path) -> None:
    one = written(tmp_path / "a", lambda policy, task, seed: "passed" if task % 2 else "failed")
    other = written(
        tmp_path / "b",
        lambda policy, task, seed: "infrastructure_error" if task < 4 else "passed",
        simulator=TWO,
    )
    found = rank_agreement([one], [other])
    assert {(p.episodes, p.undecided, p.recorded, p.simulated) for p in found.policies} == {
        (8, 4, 0.5, 1.0)
    }
    assert found.tasks == 8


def test_fewer_than_eight_policies_are_refused(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER), policies=range(7))
    other = written(tmp_path / "b", at_least(*ORDER), policies=range(7), simulator=TWO)
    with pytest.raises(ConfigurationError, match="of 7 policies says next to nothing"):
        rank_agreement([one], [other])
    forced = rank_agreement([one], [other], force=True)
    assert not forced.meaningful and forced.kendall.value == 1
    # four policies with two agents each are four policies
    more = [
        written(
            tmp_path / f"{side}{agent}",
            at_least(*ORDER),
            policies=range(4),
            agent=agent,
            simulator=side,
        )
        for side in ("c", "d")
        for agent in ("react", "dfsdt")
    ]
    with pytest.raises(ConfigurationError, match="of 4 policies"):
        rank_agreement(more[:2], more[2:])


def test_runs_that_do_not_pair_are_refused_and_what_differs_is_named(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER))
    lacks = written(tmp_path / "b", at_least(*ORDER), policies=range(1, 8), simulator=TWO)
    with pytest.raises(ConfigurationError, match="in the recorded runs alone: policy 0 with react"):
        rank_agreement([one], [lacks], force=True)
    fewer = written(tmp_path / "c", at_least(*ORDER), tasks=11, simulator=TWO)
    with pytest.raises(
        ConfigurationError, match="did task 'task 11' seed 0 in the recorded runs a"
    ):
        rank_agreement([one], [fewer])
    seeded = written(tmp_path / "d", at_least(*ORDER), seeds=(0, 5), simulator=TWO)
    with pytest.raises(ConfigurationError, match=r"seed 5.* and 9 more in the simulated runs"):
        rank_agreement([one], [seeded])
    other = written(tmp_path / "e", at_least(*ORDER), agent="dfsdt", simulator=TWO)
    with pytest.raises(
        ConfigurationError, match=r"simulated runs alone: policy 0 with dfsdt.* and 5 more"
    ):
        rank_agreement([one], [other])
    with pytest.raises(ConfigurationError, match="Two recorded runs hold policy 0 with react on"):
        rank_agreement([one, one], [other])
    parts = [
        written(tmp_path / "f", at_least(*ORDER), policies=range(4)),
        written(tmp_path / "g", at_least(*ORDER), policies=range(4, 8), tasks=11),
    ]
    with pytest.raises(ConfigurationError, match=r"of policy 0 .* only one did task 'task 11'"):
        rank_agreement(parts, parts)


def test_environments_that_differ_in_more_than_the_simulator_are_refused(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER))
    other = written(tmp_path / "b", at_least(*ORDER), simulator=TWO, prompt="prompt-2")
    with pytest.raises(ConfigurationError, match="prompt"):
        rank_agreement([one], [other])
    assert "prompt" in rank_agreement([one], [other], force=True).differing
    # within one side not even the simulator may differ
    mixed = [
        written(tmp_path / "c", at_least(*ORDER), policies=range(4)),
        written(tmp_path / "d", at_least(*ORDER), policies=range(4, 8), simulator=TWO),
    ]
    with pytest.raises(ConfigurationError, match="simulator"):
        rank_agreement([one], mixed)


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    one = written(tmp_path / "a", at_least(*ORDER))
    other = written(tmp_path / "b", at_least(*reversed(ORDER)), simulator=TWO)
    found = [rank_agreement([one], [other], seed=3).model_dump_json() for _ in range(2)]
    assert found[0] == found[1]
