"""Runs, agents and policies are compared task by task, and no order is told without interval."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running.ranked_runs import at_least, written
from toolenv.episodes import Cost, Episode, Outcome
from toolenv.errors import ConfigurationError, JournalError
from toolenv.judging.decision_tree import Decision
from toolenv.judging.verdicts import PassVerdict, WinVerdict
from toolenv.running.folder import RunFolder
from toolenv.running.run_comparison import compare_runs
from toolenv.running.run_comparison_report import QuantityDifference, RunComparison, SideComparison
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet
from toolenv.tasks import Task

FEW = 50
"""Draws where no interval is looked at."""


def difference(compared: SideComparison, quantity: str, split: str = "") -> QuantityDifference:
    (part,) = (one for one in compared.splits if one.split == split)
    (found,) = (one for one in part.differences if one.quantity == quantity)
    return found


def names(found: RunComparison) -> list[str]:
    return [side.name for side in found.sides]


def test_a_run_is_compared_with_the_first(tmp_path: Path) -> None:
    written(tmp_path / "before", at_least(3), policies=[0], tasks=12)
    written(tmp_path / "after", at_least(9), policies=[0], tasks=12)
    found = compare_runs([f"{tmp_path}/before", f"{tmp_path}/after"])
    assert names(found) == ["before", "after"]
    (compared,) = found.comparisons
    assert (compared.reference, compared.side) == ("before", "after")
    passed = difference(compared, "passed")
    assert passed.difference.value == 0.5 and passed.tasks == 12
    assert passed.difference.low is not None and 0 < passed.difference.low < 0.5
    assert passed.p is not None and passed.p < 0.1
    assert [flip.task for flip in compared.gained] == [f"task {n}" for n in range(3, 9)]
    assert {(str(flip.reference), str(flip.side)) for flip in compared.gained} == {("0/1", "1/1")}
    assert compared.lost == ()
    back = compare_runs([f"{tmp_path}/after", f"{tmp_path}/before"], samples=FEW).comparisons[0]
    assert [flip.task for flip in back.lost] == [flip.task for flip in compared.gained]
    assert compare_runs([f"{tmp_path}/before", f"{tmp_path}/after"]) == found


def test_each_side_and_each_difference_is_reported(tmp_path: Path) -> None:
    run = written(tmp_path / "run", at_least(2, 4, 6), policies=[0, 1, 2], tasks=8)
    told: list[tuple[int, int]] = []
    compare_runs([str(run.path)], samples=FEW, report=lambda *said: told.append(said))
    assert told == [(done, 5) for done in range(6)]


def test_two_runs_alike_show_no_difference(tmp_path: Path) -> None:
    for name in ("one", "other"):
        written(tmp_path / name, at_least(4), policies=[0], tasks=8)
    (compared,) = compare_runs([f"{tmp_path}/one", f"{tmp_path}/other"]).comparisons
    passed = difference(compared, "passed")
    assert passed.difference.value == 0 and passed.p == 1
    low, high = passed.difference.low, passed.difference.high
    assert low is not None and high is not None and low < 0 < high
    assert compared.gained == compared.lost == ()


def test_policies_and_agents_of_one_run_are_sides(tmp_path: Path) -> None:
    run = written(tmp_path / "run", at_least(2, 4, 6), policies=[0, 1, 2], tasks=8)
    sides = ["run: react policy 0", "run: react policy 1", "run: react policy 2"]
    assert names(compare_runs([str(run.path)], samples=FEW)) == sides
    assert names(compare_runs([f"{run.path}:react"], samples=FEW)) == sides
    two = compare_runs([f"{run.path}:policy 2", f"{run.path}:react:policy 0"], samples=FEW)
    assert names(two) == [sides[2], sides[0]]
    chosen = compare_runs([str(run.path)], reference=f"{run.path}:policy 1", samples=FEW)
    assert names(chosen) == [sides[1], sides[0], sides[2]]
    assert [difference(one, "passed").difference.value for one in chosen.comparisons] == [
        -0.25,
        0.25,
    ]


def test_a_reference_need_not_be_among_the_sides(tmp_path: Path) -> None:
    for name, passed in (("a", 1), ("b", 2), ("c", 3)):
        written(tmp_path / name, at_least(passed), policies=[0], tasks=4)
    found = compare_runs([f"{tmp_path}/a", f"{tmp_path}/b"], reference=f"{tmp_path}/c", samples=FEW)
    assert names(found) == ["c", "a", "b"]
    assert [one.reference for one in found.comparisons] == ["c", "c"]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name / "run", at_least(1), policies=[0], tasks=2)
    found = compare_runs([f"{tmp_path}/a/run", f"{tmp_path}/b/run"], samples=FEW)
    assert names(found) == [f"{tmp_path}/a/run", f"{tmp_path}/b/run"]


def test_seeds_of_a_task_belong_together(tmp_path: Path) -> None:
    def half(policy: int, task: int, seed: int) -> Outcome:
        return "passed" if policy and seed % 2 else "failed"

    run = written(tmp_path / "run", half, policies=[0, 1], tasks=4, seeds=[0, 1])
    found = compare_runs([str(run.path)], samples=FEW)
    assert [side.episodes for side in found.sides] == [8, 8]
    flip = found.comparisons[0].gained[0]
    assert (str(flip.reference), str(flip.side)) == ("0/2", "1/2")
    assert (flip.side.passed, flip.side.failed, flip.change) == ((1,), (0,), 0.5)
    assert difference(found.comparisons[0], "passed").tasks == 4


def test_what_nothing_decided_and_what_broke_is_no_failure(tmp_path: Path) -> None:
    outcomes: list[Outcome] = ["passed", "unsure", "infrastructure_error", "failed"]
    written(tmp_path / "one", lambda policy, task, seed: outcomes[task], policies=[0], tasks=4)
    written(tmp_path / "other", at_least(4), policies=[0], tasks=4)
    found = compare_runs([f"{tmp_path}/one", f"{tmp_path}/other"], samples=FEW)
    assert (found.sides[0].undecided, found.sides[0].broken) == (1, 1)
    assert found.sides[0].figures[""]["passed"].value == 0.5
    assert difference(found.comparisons[0], "passed").tasks == 2
    assert difference(found.comparisons[0], "steps").tasks == 3, "what broke is not measured"
    assert [flip.task for flip in found.comparisons[0].gained] == ["task 3"]


def test_costs_and_steps_are_compared_and_splits_apart(tmp_path: Path) -> None:
    tasks = [Task(id=str(n), instruction="?", split="ab"[n % 2]) for n in range(6)]
    for name, calls in (("cheap", 2), ("dear", 5)):
        with RunFolder.create(tmp_path / name, tasks, sync="never") as run:
            for task in tasks:
                spent = Cost(policy_calls=calls, input_tokens=calls * 100, money=calls / 10)
                passed = name == "dear" and task.split == "a"
                run.journal.write(
                    Episode(task, (), cost=spent, outcome="passed" if passed else "failed")
                )
            run.write_results()
    (compared,) = compare_runs([f"{tmp_path}/cheap", f"{tmp_path}/dear"]).comparisons
    assert [part.split for part in compared.splits] == ["", "a", "b"]
    assert [part.tasks for part in compared.splits] == [6, 3, 3]
    for quantity, value in {"policy_calls": 3, "input_tokens": 300, "money": 0.3}.items():
        assert difference(compared, quantity).difference.value == pytest.approx(value)
    told = {one.quantity for one in compared.splits[0].differences}
    assert "output_tokens" not in told, "nobody counted them"
    assert [difference(compared, "passed", split).difference.value for split in "ab"] == [1, 0]


def judged(run: RunFolder, passed: int, judge: str = "judge-1", seed: int = 0) -> None:
    verdicts = []
    for number in range(4):
        decision: Decision = "passed" if number < passed else "failed"
        verdicts.append(
            PassVerdict(
                task=f"task {number}",
                agent="react",
                policy="policy 0",
                decision=decision,
                tree="any",
                votes=(),
            )
        )
    manifest = VerdictManifest(kind="pass", judge=judge, seed=seed)
    VerdictSet(run.path, "judge").write(verdicts, manifest)


def test_a_verdict_set_says_what_passed(tmp_path: Path) -> None:
    for name, passed in (("one", 1), ("other", 3)):
        judged(written(tmp_path / name, at_least(0), policies=[0], tasks=5), passed)
    sides = [f"{tmp_path}/one", f"{tmp_path}/other"]
    assert compare_runs(sides, samples=FEW).comparisons[0].gained == ()
    found = compare_runs(sides, verdicts="judge", samples=FEW)
    assert found.verdicts == "judge"
    assert [flip.task for flip in found.comparisons[0].gained] == ["task 1", "task 2"]
    assert [side.undecided for side in found.sides] == [1, 1], "one task is not judged"
    with pytest.raises(JournalError, match="no such set"):
        compare_runs(sides, verdicts="another")


@pytest.mark.parametrize(
    ("changes", "named"), [({"judge": "judge-2"}, "judge"), ({"seed": 1}, "seed")]
)
def test_verdicts_of_different_judges_are_not_compared(
    tmp_path: Path, changes: dict[str, object], named: str
) -> None:
    judged(written(tmp_path / "one", at_least(0), policies=[0], tasks=4), 1)
    other = written(tmp_path / "other", at_least(0), policies=[0], tasks=4)
    judged(other, 1, **changes)  # type: ignore[arg-type]
    sides = [f"{tmp_path}/one", f"{tmp_path}/other"]
    with pytest.raises(ConfigurationError, match=f"not of one judge: {named}"):
        compare_runs(sides, verdicts="judge")
    forced = compare_runs(sides, verdicts="judge", force=True, samples=FEW)
    assert forced.comparisons[0].differing == (f"verdicts' {named}",)


def test_verdicts_that_compare_say_nothing_of_passing(tmp_path: Path) -> None:
    run = written(tmp_path / "run", at_least(0), policies=[0], tasks=1)
    verdict = WinVerdict(task="task 0", agent="react", policy="policy 0", decision="tie")
    VerdictSet(run.path, "win").write([verdict], VerdictManifest(kind="win"))
    with pytest.raises(ConfigurationError, match="no pass verdict"):
        compare_runs([str(run.path)], verdicts="win")


def test_runs_that_do_not_compare_are_refused_by_name(tmp_path: Path) -> None:
    written(tmp_path / "run", at_least(2), policies=[0], tasks=4)
    written(tmp_path / "more", at_least(2), policies=[0], tasks=5)
    written(tmp_path / "else", at_least(3), policies=[0], tasks=4, simulator="another")
    more, other = ([f"{tmp_path}/run", f"{tmp_path}/{name}"] for name in ("more", "else"))
    with pytest.raises(ConfigurationError, match=r"not of the same tasks: 1 .*'task 4'"):
        compare_runs(more)
    forced = compare_runs(more, force=True, samples=FEW).comparisons[0]
    assert forced.left_out == ("task 4",) and forced.splits[0].tasks == 4
    with pytest.raises(ConfigurationError, match=r"simulator \(simulator-1 and another\)"):
        compare_runs(other)
    assert compare_runs(other, force=True, samples=FEW).comparisons[0].differing == ("simulator",)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    run = written(tmp_path / "run", at_least(1), policies=[0], tasks=2)
    with pytest.raises(ConfigurationError, match=r"no 'dfsdt'.*react:policy 0"):
        compare_runs([f"{run.path}:dfsdt"])
    with pytest.raises(ConfigurationError, match="nothing to compare run with"):
        compare_runs([str(run.path), f"{run.path}:react"])
    with pytest.raises(JournalError, match="There is no such folder"):
        compare_runs([f"{tmp_path}/nowhere"])
    with RunFolder.create(tmp_path / "empty", [Task(id="1", instruction="?")]):
        pass
    with pytest.raises(ConfigurationError, match="No episode has finished"):
        compare_runs([f"{tmp_path}/empty"])
    both = written(tmp_path / "both", at_least(1, 2), policies=[0, 1], tasks=2)
    with pytest.raises(ConfigurationError, match="more than one agent and policy"):
        compare_runs([str(run.path)], reference=str(both.path))


def test_a_comparison_is_data(tmp_path: Path) -> None:
    run = written(tmp_path / "run", at_least(1, 3), policies=[0, 1], tasks=4)
    found = compare_runs([str(run.path)], clusters="tool", samples=FEW)
    assert RunComparison.model_validate_json(found.model_dump_json()) == found
