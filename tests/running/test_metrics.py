from __future__ import annotations

from pathlib import Path

import pytest

from tests.running.ranked_runs import at_least, written
from toolenv.errors import ConfigurationError, JournalError
from toolenv.formats.gold import Gold
from toolenv.judging.agreement import Label
from toolenv.judging.decision_tree import Decision
from toolenv.judging.verdicts import PassVerdict, PassVote
from toolenv.mini import mini_solution, mini_tasks
from toolenv.running.configuration import RunConfiguration
from toolenv.running.metrics import METRICS, measure_runs
from toolenv.running.metrics_report import MetricsReport
from toolenv.running.runner import run
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("runs")
    for name, policy in (("oracle", "oracle"), ("keyword", "local:toolenv.mini:KeywordPolicy")):
        configuration = RunConfiguration(policies=(policy,))
        run(configuration, place / name).close()
    return place / "oracle", place / "keyword"


def gold() -> dict[str, Gold]:
    found = {}
    for task in mini_tasks():
        calls = [{"function": n, "arguments": given} for n, given in mini_solution(task.id).calls]
        found[task.id] = Gold.model_validate({"calls": calls})
    return found


def figure(report: MetricsReport, name: str, subject: int = 0) -> float | None:
    (found,) = (one for one in report.subjects[subject].figures if one.metric == name)
    return found.macro.value


def test_an_oracle_does_what_gold_says(runs: tuple[Path, Path]) -> None:
    report = measure_runs(runs, gold=gold(), samples=50)
    for name in ("node_f1", "parameter_f1", "ast_accuracy", "relevant_coverage", "pass_rate"):
        best, worse = figure(report, name), figure(report, name, 1)
        assert best == 1 and worse is not None and worse < 1, name
    assert figure(report, "hallucination") == figure(report, "invalid_arguments") == 0
    assert [subject.name for subject in report.subjects] == ["oracle", "keyword"]
    assert [one.metric for one in report.subjects[0].figures] == [one.name for one in METRICS]
    assert report == measure_runs(runs, gold=gold(), samples=50)


def test_later_runs_are_compared_with_the_first(runs: tuple[Path, Path]) -> None:
    report = measure_runs(runs, samples=50)
    (compared,) = report.comparisons
    assert (compared.first, compared.second) == ("oracle", "keyword")
    (passed,) = (one for one in compared.differences if one.metric == "pass_rate")
    assert passed.macro.value is not None and passed.macro.high is not None
    assert passed.macro.high < 0 and passed.p is not None and passed.p < 0.01
    assert passed.tasks == report.subjects[0].tasks == 48
    assert measure_runs(runs, compare=False, samples=2).comparisons == ()


def test_runs_of_other_tasks_or_environments_are_not_compared(tmp_path: Path) -> None:
    small = written(tmp_path / "small", at_least(3), policies=[0], tasks=4)
    large = written(tmp_path / "large", at_least(3), policies=[0], tasks=5)
    other = written(tmp_path / "other", at_least(2), policies=[0], tasks=4, simulator="else")
    with pytest.raises(ConfigurationError, match="not of the same tasks"):
        measure_runs([small.path, large.path])
    with pytest.raises(ConfigurationError, match="simulator"):
        measure_runs([small.path, other.path])
    forced = measure_runs([small.path, other.path], force=True, samples=2)
    assert forced.comparisons[0].differing == ("simulator",)
    with pytest.raises(ConfigurationError, match="no finished episode"):
        measure_runs([])


def test_policies_of_one_run_are_told_apart_and_what_is_missing_is_said(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", at_least(3, 1), policies=[0, 1], tasks=4, seeds=[0, 1])
    report = measure_runs([folder.path], samples=2)
    assert [(one.policy, one.episodes, one.tasks, one.missing) for one in report.subjects] == [
        ("policy 0", 8, 4, 0),
        ("policy 1", 8, 4, 0),
    ]
    assert figure(report, "pass_rate") == 0.75


def test_verdicts_are_set_beside_what_people_say(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", at_least(6), policies=[0], tasks=10)
    labels = [
        Label(task=f"task {n}", label="passed" if n < 4 else "failed", split="a" if n < 5 else "b")
        for n in range(10)
    ]
    report = measure_runs([folder.path], labels=labels, samples=50)
    agreement = report.subjects[0].agreement
    assert agreement is not None and not report.unlabelled and report.people is None
    assert set(agreement) == {"all", "a", "b"} and agreement["all"].pairs == 10
    assert agreement["all"].leniency.value == pytest.approx(0.2)
    assert agreement["all"].kappa.value == pytest.approx((0.8 - 0.48) / 0.52, abs=1e-5)
    none = [label.model_copy(update={"policy": "another"}) for label in labels]
    nothing = measure_runs([folder.path], labels=none, samples=2).subjects[0].agreement
    assert nothing is not None and nothing["all"].pairs == 0
    twice = [label.model_copy(update={"rater": rater}) for label in labels for rater in "ab"]
    people = measure_runs([folder.path], labels=twice, samples=50).people
    assert people is not None and people.kappa.value == 1


def test_a_verdict_set_says_what_passed_and_what_more_votes_are_worth(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", at_least(0), policies=[0], tasks=6)
    verdicts = []
    for number in range(5):  # the last task is not judged
        votes = [PassVote((), "passed" if vote < number else "failed") for vote in range(4)]
        decision: Decision = "passed" if number > 2 else "unsure" if number == 2 else "failed"
        verdicts.append(
            PassVerdict(
                task=f"task {number}",
                agent="react",
                policy="policy 0",
                decision=decision,
                tree="any",
                votes=tuple(votes),
            )
        )
    VerdictSet(folder.path, "judge").write(verdicts, VerdictManifest(kind="pass"))
    (subject,) = measure_runs([folder.path], verdicts="judge", samples=20).subjects
    passed = subject.figures[0]
    assert passed.macro.value == 0.5 and passed.computable == 4
    assert passed.not_computable == {"nothing has decided": 2}
    assert subject.votes is not None
    assert [one.votes for one in subject.votes] == [1, 2, 4, 8]
    deviations = [one.deviation.value or 0.0 for one in subject.votes]
    assert deviations == sorted(deviations, reverse=True) and deviations[-1] > 0
    assert measure_runs([folder.path], samples=2).subjects[0].votes is None
    with pytest.raises(JournalError):
        measure_runs([folder.path], verdicts="none")


def test_converted_answers_of_a_folder_belong_together(data: Path) -> None:
    files = sorted((data / "toolbench" / "tooleval_results").glob("*.json"))
    (subject,) = measure_runs(files, samples=50).subjects
    assert subject.episodes == 300 and subject.missing == 0
    for one in subject.figures:
        assert one.computable + sum(one.not_computable.values()) == 300
        assert (one.macro.value is None) == (one.computable == 0)
