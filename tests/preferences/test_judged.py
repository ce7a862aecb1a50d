"""Pairs from win verdicts, and the gate of the judge's agreement with people."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.preferences.stumbling import stumbling_run
from toolenv.errors import ConfigurationError
from toolenv.judging.agreement import Label
from toolenv.judging.verdicts import PassVerdict, WinVerdict, WinVote
from toolenv.preferences import PairCounts, PairSettings, collect_pairs, explored_by_task
from toolenv.preferences.agreement import pass_kappa, require_kappa, win_kappa
from toolenv.preferences.judged import Wins, vote_margin
from toolenv.running.folder import RunFolder
from toolenv.running.verdict_sets import VerdictManifest, VerdictSet


def verdict(task: str, decision: str, *choices: str, seed: int = 0) -> WinVerdict:
    votes = []
    for number, choice in enumerate(choices):
        order = ("candidate", "reference") if number % 2 == 0 else ("reference", "candidate")
        shown = {"candidate": order.index("candidate"), "reference": order.index("reference")}
        word = ("first", "second")[shown[choice]] if choice in shown else choice
        votes.append(WinVote(order, word))  # type: ignore[arg-type]
    return WinVerdict(
        task=task,
        agent="dfsdt",
        policy="stumbling",
        seed=seed,
        decision=decision,  # type: ignore[arg-type]
        reference="other",
        votes=tuple(votes),
    )


def two_runs(place: Path) -> tuple[RunFolder, RunFolder]:
    return stumbling_run(place / "mine", seeds=[0]), stumbling_run(
        place / "other", agent="react", seeds=[0]
    )


def test_what_the_judge_preferred_is_chosen(tmp_path: Path) -> None:
    mine, other = two_runs(tmp_path)
    tasks = list(mine.tasks)
    verdicts = [
        verdict(tasks[0], "candidate", "candidate", "candidate"),
        verdict(tasks[1], "reference", "reference", "reference"),
        verdict(tasks[2], "tie", "candidate", "reference"),
        verdict(tasks[3], "candidate", "candidate", "candidate", "candidate", "reference"),
    ]
    VerdictSet(mine.path, "win").write(verdicts, VerdictManifest(kind="win"))

    def pairs(margin: float) -> dict[str, str]:
        wins = Wins(mine.path, "win", [mine.path, other.path], margin=margin)
        settings = PairSettings(sources=("judge",), wins=(wins,))
        groups = explored_by_task([mine.path, other.path])
        return {
            pair.task: Path(pair.better.run).name
            for pair in collect_pairs(groups, settings, PairCounts())
        }

    every = pairs(0.0)
    assert set(every) <= {tasks[0], tasks[1], tasks[3]}
    assert every.get(tasks[0], "mine") == every.get(tasks[3], "mine") == "mine"
    assert every.get(tasks[1], "other") == "other"
    assert every
    assert set(every) - set(pairs(0.6)) <= {tasks[3]}
    assert vote_margin(verdicts[3]) == 0.5


def test_a_reference_that_is_not_given_is_named(tmp_path: Path) -> None:
    mine, _ = two_runs(tmp_path)
    VerdictSet(mine.path, "win").write(
        [verdict(next(iter(mine.tasks)), "candidate", "candidate", "candidate")],
        VerdictManifest(kind="win"),
    )

    with pytest.raises(ConfigurationError, match="compare with other, which is not here"):
        Wins(mine.path, "win", [mine.path])


def test_a_judge_who_agrees_too_little_with_people_is_refused() -> None:
    players = {"other": ("other", "react", "p")}
    labels = [
        Label(task=str(n), label="passed" if (n % 2 == 0) == own else "failed", agent=agent)
        for n in range(20)
        for agent, own in (("dfsdt", True), ("react", False))
    ]
    good = [verdict(str(n), "candidate" if n % 2 == 0 else "reference") for n in range(20)]
    bad = [verdict(str(n), "candidate") for n in range(20)]

    require_kappa(win_kappa(good, players, labels), 0.9, "good")
    with pytest.raises(ConfigurationError, match=r"kappa with people is 0\.00"):
        require_kappa(win_kappa(bad, players, labels), 0.6, "bad")
    with pytest.raises(ConfigurationError, match="its kappa is not known"):
        require_kappa(win_kappa(good, players, []), 0.6, "good")


def test_pass_verdicts_have_their_kappa_too() -> None:
    verdicts = [
        PassVerdict(task=str(n), decision="passed" if n % 2 else "failed", tree="t")
        for n in range(10)
    ]
    labels = [Label(task=str(n), label="passed" if n % 2 else "failed") for n in range(10)]

    assert pass_kappa(verdicts, labels).value == 1.0


def test_pass_verdicts_beside_a_run_are_read_with_its_episodes(tmp_path: Path) -> None:
    mine = stumbling_run(tmp_path / "mine", seeds=[0])
    first = next(iter(mine.tasks))
    passed = PassVerdict(task=first, agent="dfsdt", policy="stumbling", decision="passed", tree="t")
    VerdictSet(mine.path, "people").write([passed], VerdictManifest(kind="pass"))

    told = {
        group[0].episode.task.id: group[0].judged
        for group in explored_by_task([mine.path], verdicts="people")
    }

    assert told[first] == "passed"
    assert set(told.values()) == {"passed", None}
