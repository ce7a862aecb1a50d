"""How episodes end is told from what their tasks need."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.campaign.failures import BROKEN, ENDINGS, count_endings, ending_table, main
from toolenv.episodes import Episode
from toolenv.mini.benchmark import benchmark_task
from toolenv.mini.benchmark.plans import plan_of
from toolenv.running.configuration import RunConfiguration
from toolenv.running.folder import RunFolder
from toolenv.running.runner import run

TASKS = "toolenv.mini.benchmark:train_tasks?count=40"
POLICIES = {
    "expert": "local:toolenv.mini.benchmark:ExpertPolicy?train_seed=0&train_count=40",
    "wavering": "local:tests.benchmarks.campaign.made:Wavering?train_seed=0&train_count=40",
    "random": "random",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    for name, policy in POLICIES.items():
        configuration = RunConfiguration(
            tasks=TASKS,
            simulator=("local:toolenv.mini.benchmark:benchmark_simulator",),
            agents=("react",),
            policies=(policy,),
        )
        run(configuration, place / name)
    return place


def endings(run: Path) -> dict[str, Counter[str]]:
    with RunFolder.open(run) as folder:
        return count_endings(folder.episodes())


@pytest.mark.parametrize("name", POLICIES)
def test_every_episode_ends_in_one_way(runs: Path, name: str) -> None:
    counted = endings(runs / name)
    assert sum(counts["episodes"] for counts in counted.values()) == 40
    for counts in counted.values():
        assert sum(counts[ending] for ending in ENDINGS) == counts["episodes"]
    with RunFolder.open(runs / name) as folder:
        passed = sum(result.outcome == "passed" for result in folder.results())
    assert sum(counts["passed"] for counts in counted.values()) == passed
    plans = [plan_of(f"train-0-{number}") for number in range(40)]
    hopeless = counted.get("nothing to be had", Counter[str]())
    assert hopeless["episodes"] == sum(not plan.solvable for plan in plans)


def test_the_ways_to_fail_are_told_apart(runs: Path) -> None:
    expert, wavering, random = (
        sum(endings(runs / name).values(), Counter[str]()) for name in POLICIES
    )
    assert expert["passed"] > wavering["passed"]
    assert expert["gave up, untried"] == 0
    assert wavering["gave up, untried"] > 0
    assert wavering["wrong answer"] == 0
    assert random["calls again"] + random["out of steps"] + random["wrong answer"] > 0
    assert expert["first call fits"] > random["first call fits"]


def test_what_infrastructure_broke_is_no_failure_of_the_policy() -> None:
    task = benchmark_task("I1-inst-0")
    broken = Episode(task, (), outcome="infrastructure_error", ended="error")
    counted = count_endings([broken, Episode(task, (), outcome="failed", ended="max_steps")])
    (counts,) = counted.values()
    assert (counts["episodes"], counts[BROKEN], counts["out of steps"]) == (2, 1, 1)
    assert "| broken |" in ending_table(counted)


def test_runs_are_counted_together(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["failures", str(runs / "expert"), str(runs / "wavering")])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| needed | episodes | passed |")
    assert "broken" not in lines[0]
    assert lines[-1].startswith("| all | 80 |")
    assert (
        lines
        == ending_table(
            {
                needs: endings(runs / "expert")[needs] + endings(runs / "wavering")[needs]
                for needs in endings(runs / "expert")
            }
        ).splitlines()
    )

    monkeypatch.setattr("sys.argv", ["failures", str(runs / "none")])
    with pytest.raises(SystemExit, match=r"error: .*none"):
        main()
