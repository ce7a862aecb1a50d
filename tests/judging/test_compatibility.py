"""The numbers of ToolBench and StableToolBench: theirs recomputed, ours in their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chat.scripted_server import chat_server, completion
from tests.judging.judged_by_hand import attempt, by_node, case, said, task
from toolenv import bridge
from toolenv.errors import ConfigurationError, FormatError
from toolenv.formats import (
    PassResult,
    PreferenceResult,
    read_pass_results,
    read_pass_table,
    read_preference_results,
    read_preference_table,
    write_pass_results,
    write_pass_table,
    write_preference_results,
)
from toolenv.formats.toolbench.pass_results import (
    ToolBenchPassResult,
    read_fac_table,
    read_toolbench_pass_results,
    read_toolbench_pass_table,
    write_fac_table,
    write_toolbench_pass_results,
    write_toolbench_pass_table,
)
from toolenv.judging.compatibility import sopr, sowr, toolbench_pass_rate
from toolenv.judging.decision_tree import STABLETOOLBENCH
from toolenv.judging.evaluator_results import (
    pass_results,
    preference_results,
    toolbench_pass_results,
)
from toolenv.judging.judge_model import JudgeModel
from toolenv.judging.pass_judge import PassJudge
from toolenv.judging.verdicts import PassVerdict, WinVerdict, WinVote

COT, DFS = "virtual_chatgpt_cot", "virtual_chatgpt_dfs"


def result(id: str, *words: str) -> PassResult:
    return PassResult(id, "q", (), "", "", dict(enumerate(words)))


def test_the_published_pass_tallies_are_recomputed(data: Path) -> None:
    folder = data / "stabletoolbench/pass_rate_results"
    for model, solved in ((COT, 2), (DFS, 3)):
        place = folder / model / f"G1_instruction_{model}"
        results = read_pass_results(place.with_suffix(".json"))
        assert {r.query_id: set(r.is_solved.values()) for r in results} == {
            "588": {"Unsolved" if model == COT else "Solved"},
            "608": {"Solved"},
            "1073": {"Solved"},
        }
        found = sopr(results)
        assert found.by_round == dict.fromkeys(range(3), solved / 3)
        assert (found.tasks, found.mean, found.deviation) == (3, solved / 3, 0.0)
        table = [row._replace(model="") for row in read_pass_table(place.with_suffix(".csv"))]
        assert sopr(table) == found


def test_the_published_preferences_are_recomputed(data: Path) -> None:
    place = data / f"stabletoolbench/preference_results/G1_instruction_{COT}_{DFS}"
    results = read_preference_results(place.with_suffix(".json"))
    found = sowr(results, COT, DFS)
    assert (found.wins, found.losses, found.ties, found.rounds) == (3, 0, 0, (8, 1))
    labels = [row["preference_label"] for row in read_preference_table(place.with_suffix(".csv"))]
    assert labels == ["2"] * found.wins
    assert sowr(results, DFS, COT).rate == 0.0


def test_the_denominator_is_the_test_set_unless_their_defect_is_asked_for() -> None:
    results = [result("1", "Solved", "Unsure"), result("2", "Unsolved", "Unsolved")]
    assert sopr(results).mean == pytest.approx(0.375)
    whole = sopr(results, ["1", "2", "3", "4"])
    assert (whole.by_round, whole.unanswered) == ({0: 0.25, 1: 0.125}, 2)
    assert whole.deviation == pytest.approx(0.0625)
    assert sopr(results, ["1", "2", "3", "4"], defects=["answered denominator"]).mean == 0.375
    with pytest.raises(ConfigurationError, match="outside of the test set"):
        sopr(results, ["1"])
    with pytest.raises(ConfigurationError, match="Unknown status"):
        sopr([result("1", "Perhaps")])


def test_a_round_that_was_never_made_is_no_failure_unless_asked_for() -> None:
    results = [result("1", "Solved", "Solved"), result("2", "Solved")]
    assert sopr(results).by_round == {0: 1.0, 1: 1.0}
    kept = sopr(results, defects=["missing rounds are unsolved"])
    assert kept.by_round == {0: 1.0, 1: 0.5}


def test_most_rounds_win_and_a_tie_is_no_win() -> None:
    rounds = [(2, 1), (1, 2), (1, 1), (0, 3)]
    results = [PreferenceResult(str(n), {"r": a, "c": b}, {}) for n, (a, b) in enumerate(rounds)]
    found = sowr(results, "r", "c", [str(n) for n in range(5)])
    assert (found.wins, found.losses, found.ties, found.unanswered) == (2, 1, 1, 1)
    assert found.rate == 0.4


def test_toolbench_ties_are_a_bound_and_pass_only_when_asked_for() -> None:
    rounds = [(4, 0), (2, 2), (1, 3)]
    results = [ToolBenchPassResult(str(n), a, b, {}) for n, (a, b) in enumerate(rounds)]
    found = toolbench_pass_rate(results, ["0", "1", "2", "3"])
    assert (found.passed, found.failed, found.undecided, found.unanswered) == (1, 2, 1, 1)
    assert (found.low, found.high) == (0.25, 0.5)
    kept = toolbench_pass_rate(results, defects=["ties pass"])
    assert (kept.passed, kept.low, kept.high) == (2, 2 / 3, 2 / 3)


def verdicts() -> list[PassVerdict]:
    with chat_server(by_node(answer="unsure", path="solved")) as server:
        model = JudgeModel("m", base_url=server.url)
        judge = PassJudge(model, samples=3, tree=STABLETOOLBENCH)
        found = [bridge.run(judge.judge(case(attempt(task("1"))), seed=0))]
        found.append(bridge.run(judge.judge(case(attempt(task("2"), ends=False)), seed=0)))
        found.append(bridge.run(judge.judge(case(None, task("3")), seed=0)))
        model.close()
    with chat_server([completion("prose"), said("solved"), said("solved")]) as server:
        model = JudgeModel("m", base_url=server.url)
        judge = PassJudge(model, samples=3, tree=STABLETOOLBENCH)
        found.append(bridge.run(judge.judge(case(attempt(task("4"))), seed=0)))
        model.close()
    return found


def test_our_verdicts_are_written_as_stabletoolbenchs_results(tmp_path: Path) -> None:
    episodes = {n: attempt(task(n), ends=n != "2") for n in ("1", "2", "4")}
    written = pass_results(verdicts(), episodes, "agent")
    write_pass_results(written, tmp_path / "r.json")
    write_pass_table(written, tmp_path / "r.csv")
    assert read_pass_table(tmp_path / "r.csv") == written
    found = read_pass_results(tmp_path / "r.json")
    assert [r.query_id for r in found] == ["1", "2", "4"]
    assert list(found[0].is_solved.values()) == ["Solved"] * 3
    assert list(found[1].is_solved.values()) == ["Unsolved"] * 3
    assert sorted(found[2].is_solved.values()) == ["Solved", "Solved", "Unsure"]
    assert "'name': 'Finish'" in found[0].final_step
    assert "'name': 'Finish'" not in found[1].answer_steps
    assert sopr(found, ["1", "2", "3", "4"]).mean == pytest.approx((1 + 0 + 0 + 2.5 / 3) / 4)


def test_our_verdicts_are_counted_as_toolbench_counts() -> None:
    found = toolbench_pass_results(verdicts())
    assert [(r.query_id, r.passed, r.failed) for r in found] == [
        ("1", 3, 0),
        ("2", 0, 1),
        ("4", 2, 0),
    ]
    coins = [toolbench_pass_results(verdicts(), defects=["unsure is a coin"]) for _ in range(2)]
    assert coins[0] == coins[1]
    assert coins[0][2].passed + coins[0][2].failed == 3


def test_our_pairs_are_written_as_their_preferences(tmp_path: Path) -> None:
    orders: tuple[Any, Any] = (("candidate", "reference"), ("reference", "candidate"))
    votes = [WinVote(shown=orders[n % 2], choice="first") for n in range(2)]
    voted = WinVerdict(task="1", decision="tie", votes=tuple(votes))
    ruled = WinVerdict(task="2", decision="candidate", rule="answer", ruled="candidate")
    written = preference_results([voted, ruled], "r", "c", rounds=2)
    write_preference_results(written, tmp_path / "p.json")
    assert read_preference_results(tmp_path / "p.json") == written
    assert [result.wins for result in written] == [{"r": 1, "c": 1}, {"r": 0, "c": 2}]
    assert sowr(written, "r", "c").wins == 1


def test_toolbenchs_files_are_written_as_they_were_read(tmp_path: Path) -> None:
    about: dict[str, Any] = {
        "query": "q",
        "task_solvable": "TaskStatus.Solvable",
        "not_hallucinate": True,
    }
    results = [ToolBenchPassResult("5", 3, 1, dict(about))]
    write_toolbench_pass_results(results, tmp_path / "r.json")
    assert read_toolbench_pass_results(tmp_path / "r.json") == results
    row = dict.fromkeys(
        [
            "query",
            "solvable",
            "available_tools",
            "model_intermediate_steps",
            "model_final_step",
            "model",
            "query_id",
            "is_solved",
            "pass_rate_label",
            "reason",
            "not_hallucinate",
        ],
        "a\tb\n,",
    )
    write_toolbench_pass_table([row], tmp_path / "r.csv")
    assert read_toolbench_pass_table(tmp_path / "r.csv") == [row]
    fac = dict.fromkeys(("query", "final_answer", "evaluation", "prompt"), 'a,"b"\n')
    write_fac_table([fac], tmp_path / "f.csv")
    assert read_fac_table(tmp_path / "f.csv") == [fac]
    (tmp_path / "r.json").write_text('{"5": {"passed": "3", "failed": 1}}')
    with pytest.raises(FormatError, match="numbers of rounds"):
        read_toolbench_pass_results(tmp_path / "r.json")
